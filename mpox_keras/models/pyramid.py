"""Feature maps of several depths and sizes, put together for one linear classifier."""

from collections.abc import Mapping, Sequence

import keras

from mpox_keras.layers.second_moments import SecondMoments
from mpox_keras.models.backbones import NetworkError

GRIDS = (4, 3, 2, 1)
"""Cells along each side, where that many divide the last map."""

_GROUPS = 32
"""Second moments are of about so many channels at most; those of wider maps are put in groups."""


def pyramid_of(maps: Sequence[keras.KerasTensor], grids: Sequence[int] = GRIDS) -> keras.KerasTensor:
    """Maps of several strides as one map of the size of the last: their averages, and their maxima in grids of cells.

    A lesion is small, and most of a photo shows none: the average says what a photo is like, the maxima what is anywhere in it.
    The grids have 3x3, 2x2 and 1 cells where the last map has 6x6 positions, as spatial pyramids have (Lazebnik et al. 2006,
    doi 10.1109/CVPR.2006.68), but the mean over the cells follows, as what counts is whether something is there, not where.
    Maps of more than twice the last one's size are averaged to twice its size first.

    Args:
        maps: `(batch, height, width, channels)`, from large to small, each a whole multiple of the last in size.
        grids: cells along each side; those are used of which the size of the last map is a whole multiple.

    Returns:
        `(batch, height, width, channels)` of the last map's size, with all channels of all maps once for the averages and once
        for each grid used, but for maps that are no larger than it. Its mean over all positions is what the classifier takes.

    Raises:
        NetworkError: a map is not square, or not a whole multiple of the last one.

    Example:
        >>> maps = [keras.ops.ones((1, 24, 24, 96)), keras.ops.ones((1, 12, 12, 192)), keras.ops.ones((1, 6, 6, 112))]
        >>> pyramid_of(maps).shape
        (1, 6, 6, 1600)
    """
    size = maps[-1].shape[1]
    if any(each.shape[1] != each.shape[2] or each.shape[1] % size for each in maps):
        sizes = ", ".join(f"{each.shape[1]}x{each.shape[2]}" for each in maps)
        raise NetworkError(
            f"maps of {sizes} make no pyramid: each must be square and a whole multiple of the last. Give another size, or "
            "pyramid=False (in a config model.pyramid: false)."
        )
    near = [_averaged(each, each.shape[1] // size // 2, f"pyramid_near_{number}") for number, each in enumerate(maps)]
    parts = [_averaged(each, each.shape[1] // size, f"pyramid_mean_{number}") for number, each in enumerate(near)]
    for grid in dict.fromkeys(grid for grid in grids if size % grid == 0):
        maxima = [
            keras.layers.MaxPooling2D(each.shape[1] // grid, name=f"pyramid_max_{grid}_{number}")(each)
            for number, each in enumerate(near)
            if each.shape[1] > grid
        ]
        if maxima:
            cells = together(maxima, f"pyramid_cells_{grid}")
            parts.append(_repeated(cells, size, f"pyramid_repeat_{grid}"))
    return together(parts, "pyramid")


def textures_of(maps: Mapping[str, keras.KerasTensor], names: Sequence[Sequence[str]], size: int) -> list[keras.KerasTensor]:
    """Maps whose second moments tell textures apart.

    These are of each network the bottlenecks, at the size of the last of them; that one at half its size, where it is larger
    than `size`, so that coarser textures count; and the wider map.

    Args:
        maps: what a `Backbone` gives.
        names: its `textures`.
        size: height and width of the last map.
    """
    found = []
    for part, (*bottlenecks, wide) in enumerate(names):
        if bottlenecks:
            narrow = [maps[name] for name in bottlenecks]
            last = narrow[-1]
            near = [_averaged(each, each.shape[1] // last.shape[1], f"narrow_{part}_{n}") for n, each in enumerate(narrow)]
            found.append(together(near, f"narrow_{part}"))
            if last.shape[1] > size:
                found.append(_averaged(last, 2, f"narrow_halved_{part}"))
        found.append(maps[wide])
    return found


def moments_of(maps: Sequence[keras.KerasTensor], size: int) -> list[keras.KerasTensor]:
    """The `SecondMoments` of maps, in a grid of cells, repeated to `(batch, size, size, pairs)`."""
    grid, found = next(cells for cells in GRIDS if size % cells == 0), []
    for number, each in enumerate(maps):
        channels = each.shape[-1]
        group = next(count for count in range(max(1, channels // _GROUPS), channels + 1) if channels % count == 0)
        moments = SecondMoments(grid, group, name=f"second_moments_{number}")(each)
        found.append(_repeated(moments, size, f"repeat_moments_{number}"))
    return found


def together(maps: Sequence[keras.KerasTensor], name: str) -> keras.KerasTensor:
    """Maps of one size as one."""
    return keras.layers.Concatenate(name=name)(maps) if len(maps) > 1 else maps[0]


def _averaged(maps, factor, name):
    return keras.layers.AveragePooling2D(factor, name=name)(maps) if factor > 1 else maps


def _repeated(cells, size, name):
    factor = size // cells.shape[1]
    return keras.layers.UpSampling2D(factor, name=name)(cells) if factor > 1 else cells
