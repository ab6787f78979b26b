"""The drawn pictures are what the rest of the package takes, and differ as they say."""

import numpy as np
from PIL import ImageFilter

from mpox_keras.data.decode import decode_photo
from mpox_keras.data.folder import CLASSES, read_folder
from mpox_keras.data.synthetic import draw_scene, write_synthetic_photos


def test_folder_is_readable_grouped_and_repeatable(tmp_path):
    for name, seed in (("a", 0), ("again", 0), ("b", 1)):
        write_synthetic_photos(tmp_path / name, scenes_per_class=2, seed=seed)
    photos = read_folder(tmp_path / "a")
    assert len(photos) == 2 * 2 * len(CLASSES)
    assert len({photo.group for photo in photos}) == 2 * len(CLASSES)
    assert {photo.metadata["source"] for photo in photos} == {"synthetic"}
    for photo in photos:
        pixels = decode_photo(photo.encoded)
        assert pixels.shape == (224, 224, 3)
        assert pixels.std() > 3
        np.testing.assert_array_equal(pixels, decode_photo(tmp_path / "again" / photo.file))
        assert not np.array_equal(pixels, decode_photo(tmp_path / "b" / photo.file))


def test_rashes_mark_the_skin_and_normal_skin_is_plain():
    def marks(label):
        """How much the pictures differ from themselves without small structures."""
        random = np.random.default_rng(0)
        pictures = [draw_scene(label, random).convert("L") for _ in range(8)]
        smooth = [picture.filter(ImageFilter.GaussianBlur(20)) for picture in pictures]
        return np.mean([np.std(np.asarray(a, float) - np.asarray(b, float)) for a, b in zip(pictures, smooth, strict=True)])

    assert all(marks(label) > 1.3 * marks("normal") for label in ("mpox", "chickenpox", "measles"))
