"""Groups of photos that belong together, joined from pairs."""

from collections.abc import Hashable, Iterable


def connected_components(items: Iterable[Hashable], pairs: Iterable[tuple[Hashable, Hashable]]) -> dict[Hashable, int]:
    """Number the connected components of items, in the order of their first one; pairs may name a patient or so besides.

    Example:
        >>> connected_components(["a", "b", "c"], [("a", "patient 1"), ("c", "patient 1")])
        {'a': 0, 'b': 1, 'c': 0}
    """
    # Imported here, because whoever only predicts needs neither SciPy nor the third of a second that its import takes.
    from scipy.cluster.hierarchy import DisjointSet

    joined = DisjointSet(items)
    for first, second in pairs:
        joined.add(first)
        joined.add(second)
        joined.merge(first, second)
    numbers = {}
    return {item: numbers.setdefault(joined[item], len(numbers)) for item in items}
