"""Maps against lesion masks: the figures by hand, and masks as people save them."""

import numpy as np
import pytest
from PIL import Image

from mpox_keras.data.decode import PhotoError, decode_photo
from mpox_keras.explain.masks import MaskError, energy_in_lesion, find_mask, pointing_game, read_mask

HEAT = np.array([[0.0, 0.2, 0.3], [0.5, 1.0, 1.0]])


def test_the_figures_are_those_computed_by_hand():
    left = np.array([[True, True, False], [True, True, False]])
    assert pointing_game(HEAT, left) == 0.5  # one of the two hottest places
    assert pointing_game(HEAT, ~left) == 0.5
    assert pointing_game(np.array([[0.1, 0.9]]), np.array([[False, True]])) == 1
    assert energy_in_lesion(HEAT, left) == pytest.approx(1.7 / 3)
    assert energy_in_lesion(HEAT, ~left) == pytest.approx(1.3 / 3)
    nothing = np.zeros((2, 3))
    assert pointing_game(nothing, left) == energy_in_lesion(nothing, left) == 0


def save(path, marked, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(marked).save(path, **options)
    return path


def test_a_mask_lies_over_the_photo_as_it_is_shown(tmp_path):
    """A photo that its EXIF orientation turns upright: the mask is drawn on what people see."""
    stored = np.zeros((40, 80, 3), "uint8")
    stored[:, :20] = 255
    exif = Image.Exif()
    exif[0x0112] = 6
    photo = decode_photo(save(tmp_path / "arm.png", stored, exif=exif))
    assert photo.shape == (80, 40, 3)
    path = save(tmp_path / "masks" / "arm.png", np.where(photo[..., 0] > 0, 1, 0).astype("uint8"))
    mask = read_mask(path, photo.shape[:2], 16)
    np.testing.assert_array_equal(mask, np.arange(16)[:, None].repeat(16, 1) < 4)
    unturned = save(tmp_path / "masks" / "other.png", stored[..., 0])
    with pytest.raises(MaskError, match=r"other\.png has 80 x 40 pixels, its photo 40 x 80"):
        read_mask(unturned, photo.shape[:2], 16)


def test_resizing_keeps_what_is_mostly_lesion_and_small_lesions(tmp_path):
    marked = np.zeros((64, 64), "uint8")
    marked[:, :11] = 200  # 2.75 of 16 columns
    half = save(tmp_path / "half.png", marked)
    assert read_mask(half, (640, 640), 16).sum(axis=1).tolist() == [3] * 16
    # JPEG smears what is next to a lesion, and that is no lesion.
    assert read_mask(save(tmp_path / "half.jpg", marked), (64, 64), 64).sum(axis=1).tolist() == [11] * 64
    dot = np.zeros((64, 64), bool)
    dot[5, 9] = True
    small = read_mask(save(tmp_path / "dot.bmp", dot), (64, 64), 16)
    assert np.argwhere(small).tolist() == [[1, 2]]


@pytest.mark.parametrize(("value", "message"), [(0, "marks no lesion"), (9, "marks the whole photo")])
def test_masks_that_mark_nothing_or_everything_are_refused(tmp_path, value, message):
    path = save(tmp_path / "mask.png", np.full((32, 32), value, "uint8"))
    with pytest.raises(MaskError, match=message):
        read_mask(path, (32, 32), 16)


def test_masks_are_found_whatever_their_suffix(tmp_path):
    blank = np.zeros((16, 16), "uint8")
    path = save(tmp_path / "mpox" / "arm.png", blank)
    save(tmp_path / "mpox" / "arm.2.png", blank)
    assert find_mask(tmp_path, "mpox/arm.jpg") == path
    assert find_mask(tmp_path, "mpox/leg.jpg") is None
    exact = save(tmp_path / "mpox" / "arm.bmp", blank)
    assert find_mask(tmp_path, "mpox/arm.bmp") == exact
    with pytest.raises(MaskError, match=r"arm\.bmp.*arm\.png could each be the mask of mpox/arm\.jpg"):
        find_mask(tmp_path, "mpox/arm.jpg")
    with pytest.raises(MaskError, match="is not a folder"):
        find_mask(tmp_path / "nowhere", "mpox/arm.jpg")
    (tmp_path / "notes.png").write_text("notes")
    with pytest.raises(PhotoError, match=r"notes\.png is not a readable"):
        read_mask(tmp_path / "notes.png", (16, 16), 16)
