"""Feature maps of several depths and sizes, put together for one linear classifier."""

from collections.abc import Mapping, Sequence

import keras

from mpox_keras.layers.second_moments import SecondMoments
from mpox_keras.models.backbones import NetworkError

GRIDS = (4, 3, 2, 1)
"""Cells along each side, where that many divide the last map."""


def pyramid_of(maps: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Maps of several strides as one map of the size of the last: their averages, and their maxima in grids of cells.

    A lesion is small, and most of a photo shows none: the average says what a photo is like, the maxima what is anywhere in it.
    The grids have 3x3, 2x2 and 1 cells where the last map has 6x6 positions, as spatial pyramids have (Lazebnik et al. 2006,
    doi 10.1109/CVPR.2006.68), but the mean over the cells follows, as what counts is whether something is there, not where.
    Maps of more than twice the last one's size are averaged to twice its size first.

    Args:
        maps: `(batch, height, width, channels)`, from large to small, each a whole multiple of the last in size.

    Returns:
        `(batch, height, width, channels)` of the last map's size, with all channels of all maps once for the averages and once
        for each grid of which the size is a whole multiple. Its mean over all positions is what the classifier takes.

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
    near = []
    for number, each in enumerate(maps):
        if (factor := each.shape[1] // size) > 2:
            each = keras.layers.AveragePooling2D(factor // 2, name=f"pyramid_near_{number}")(each)
        near.append(each)
    parts = []
    for number, each in enumerate(near):
        factor = each.shape[1] // size
        parts.append(keras.layers.AveragePooling2D(factor, name=f"pyramid_mean_{number}")(each) if factor > 1 else each)
    for grid in GRIDS:
        if size % grid or grid == size:
            continue
        maxima = [
            keras.layers.MaxPooling2D(each.shape[1] // grid, name=f"pyramid_max_{grid}_{number}")(each)
            for number, each in enumerate(near)
        ]
        cells = keras.layers.Concatenate(name=f"pyramid_cells_{grid}")(maxima) if len(maxima) > 1 else maxima[0]
        parts.append(keras.layers.UpSampling2D(size // grid, name=f"pyramid_repeat_{grid}")(cells))
    return keras.layers.Concatenate(name="pyramid")(parts)


def moments_of(maps: Mapping[str, keras.KerasTensor], names: Sequence[str], size: int) -> list[keras.KerasTensor]:
    """The `SecondMoments` of the maps of these names, in a grid of cells, repeated to `(batch, size, size, pairs)`."""
    grid, found = next(grid for grid in GRIDS if size % grid == 0), []
    for name in names:
        moments = SecondMoments(grid, name=f"second_moments_{name}")(maps[name])
        found.append(keras.layers.UpSampling2D(size // grid, name=f"repeat_{name}")(moments))
    return found


def together(maps: Sequence[keras.KerasTensor]) -> keras.KerasTensor:
    """Maps of one size as one, called `features` unless there is one only."""
    return keras.layers.Concatenate(name="features")(maps) if len(maps) > 1 else maps[0]
