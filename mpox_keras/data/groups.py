"""Groups of photos that belong together, joined from pairs."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence

import numpy as np


def connected_components(items: Sequence[Hashable], pairs: Iterable[tuple[Hashable, Hashable]]) -> dict[Hashable, int]:
    """Number the connected components, in the order of their first item.

    Example:
        >>> connected_components(["a", "b", "c"], [("a", "c")])
        {'a': 0, 'b': 1, 'c': 0}
    """
    # Imported here, because whoever only predicts needs neither SciPy nor the third of a second that its import takes.
    from scipy.sparse import coo_array, csgraph

    places = {item: place for place, item in enumerate(items)}
    ends = np.array([(places[first], places[second]) for first, second in pairs], int).reshape(-1, 2)
    graph = coo_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(len(items), len(items)))
    numbers = csgraph.connected_components(graph, directed=False)[1].tolist()
    in_order = {number: place for place, number in enumerate(dict.fromkeys(numbers))}
    return {item: in_order[number] for item, number in zip(items, numbers, strict=True)}
