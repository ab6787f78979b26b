"""The maps of several strides as one: against numpy."""

import keras
import numpy as np
import pytest

from mpox_keras.models.backbones import NetworkError
from mpox_keras.models.pyramid import GRIDS, pyramid_of


def drawn(*shapes):
    random = np.random.default_rng(0)
    return [random.normal(size=(2, *shape)).astype("float32") for shape in shapes]


def pyramid(arrays, grids=GRIDS):
    inputs = [keras.Input(array.shape[1:]) for array in arrays]
    return keras.Model(inputs, pyramid_of(inputs, grids)).predict(arrays, verbose=0)


def cells(array, count, reduce):
    """An array in a grid of `count` x `count` cells, each reduced to one number for every channel."""
    batch, size, _, channels = array.shape
    return reduce(array.reshape(batch, count, size // count, count, size // count, channels), axis=(2, 4))


def repeated(array, size):
    factor = size // array.shape[1]
    return array.repeat(factor, axis=1).repeat(factor, axis=2)


@pytest.mark.parametrize(("size", "used"), [(6, (3, 2, 1)), (8, (4, 2, 1)), (7, (1,))])
def test_averages_come_first_and_then_the_maxima_of_each_grid(size, used):
    maps = drawn((2 * size, 2 * size, 3), (size, size, 2))
    expected = [cells(each, size, np.mean) for each in maps]
    expected += [repeated(cells(each, grid, np.max), size) for grid in used for each in maps]
    found = pyramid(maps)
    assert found.shape == (2, size, size, 5 * (1 + len(used)))
    np.testing.assert_allclose(found, np.concatenate(expected, axis=-1), atol=1e-5)


@pytest.mark.parametrize("size", [6, 2, 1])
def test_a_map_as_large_as_a_grid_is_not_repeated(size):
    finer, last = maps = drawn((2 * size, 2 * size, 3), (size, size, 2))
    expected = [cells(finer, size, np.mean), last, cells(finer, size, np.max)]
    if size > 1:
        expected += [repeated(cells(each, 1, np.max), size) for each in maps]
    np.testing.assert_allclose(pyramid(maps, (size, 1)), np.concatenate(expected, axis=-1), atol=1e-5)


@pytest.mark.parametrize(("size", "used"), [(6, (3, 2, 1)), (8, (4, 2, 1)), (7, (1,))])
def test_its_mean_over_all_positions_is_the_mean_over_the_cells(size, used):
    (only,) = maps = drawn((size, size, 4))
    expected = [only.mean(axis=(1, 2)), *(cells(only, grid, np.max).mean(axis=(1, 2)) for grid in used)]
    np.testing.assert_allclose(pyramid(maps).mean(axis=(1, 2)), np.concatenate(expected, axis=-1), atol=1e-5)


@pytest.mark.parametrize("factor", [4, 8])
def test_a_map_of_more_than_twice_the_size_is_averaged_to_twice_the_size_first(factor):
    large, last = drawn((6 * factor, 6 * factor, 3), (6, 6, 2))
    near = cells(large, 12, np.mean)
    np.testing.assert_allclose(pyramid([large, last]), pyramid([near, last]), atol=1e-5)
    maxima = pyramid([large, last])[:, ::2, ::2, 5:8]
    np.testing.assert_allclose(maxima, cells(near, 3, np.max), atol=1e-5)
    assert (maxima < cells(large, 3, np.max)).all()


@pytest.mark.parametrize("shapes", [[(10, 10, 3), (4, 4, 2)], [(12, 16, 3), (6, 8, 2)]])
def test_maps_that_do_not_fit_together_are_refused(shapes):
    with pytest.raises(NetworkError, match=r"pyramid.*model\.pyramid: false"):
        pyramid(drawn(*shapes))
