import numpy as np
import pytest

from mpox_keras.data.folder import DataError
from mpox_keras.data.styles import assign_styles, framing

SKIN, WALL = (205, 150, 125), (40, 90, 200)


def draw(skin_share, seed):
    """A patch of skin that fills a share of the width, before a wall of another colour."""
    photo = np.full((56, 56, 3), WALL, np.uint8)
    margin = round(28 * (1 - skin_share))
    photo[margin : 56 - margin, margin : 56 - margin] = SKIN
    noise = np.random.default_rng(seed).integers(0, 6, photo.shape, np.uint8)
    return photo + noise


def test_framing_measures_skin_and_the_rim():
    assert framing(draw(1.0, 0))[:2] == (1.0, 1.0)
    skin, skin_at_rim, _ = framing(draw(0.5, 0))
    assert skin == pytest.approx(0.25)
    assert skin_at_rim == 0
    half = draw(1.0, 0)
    half[:, :28] = WALL
    assert framing(half)[2] > 10 * framing(draw(1.0, 0))[2]


def test_styles_are_close_ups_and_wide_shots_whatever_the_class():
    shares = np.array([1.0, 0.4] * 9)
    labels = np.repeat(["mpox", "chickenpox", "normal"], 6)
    pixels = np.stack([draw(share, seed) for seed, share in enumerate(shares)])
    styles = assign_styles(pixels, labels, np.arange(18), seed=0)
    np.testing.assert_array_equal(styles, shares == 1.0)


def test_a_group_has_the_style_of_most_of_its_photos():
    shares = np.array([1.0, 1.0, 0.4, 0.4, 0.4, 1.0])
    pixels = np.stack([draw(share, seed) for seed, share in enumerate(shares)])
    groups = np.array([7, 7, 7, 8, 8, 8])
    styles = assign_styles(pixels, np.array(["mpox"] * 6), groups, seed=0)
    assert styles.tolist() == [1, 1, 1, 0, 0, 0]


def test_a_class_of_one_framing_is_told():
    shares = np.array([1.0, 0.4, 1.0, 1.0])
    pixels = np.stack([draw(share, seed) for seed, share in enumerate(shares)])
    with pytest.raises(DataError, match="all photos of measles are framed alike"):
        assign_styles(pixels, np.array(["mpox", "mpox", "measles", "measles"]), np.arange(4), seed=0)


def test_portraits_alone_are_told():
    with pytest.raises(DataError, match="needs photos of rashes"):
        assign_styles(np.stack([draw(1.0, 0)] * 2), np.array(["normal"] * 2), np.arange(2), seed=0)
