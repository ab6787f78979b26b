"""What the tests of screening share: a small exported network, and photos good and bad."""

import os

import numpy as np
import pytest
from PIL import Image


def write_photo(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype="uint8")).save(path)


@pytest.fixture(scope="session")
def bundle(exported):
    return exported("tflite")


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    """Nine good photos and three bad ones, one of these under a name that is no Unicode."""
    folder = tmp_path_factory.mktemp("photos")
    for number in range(9):
        write_photo(folder / f"clinic_{number % 2}" / f"{number}.png", number)
    (folder / "clinic_1" / "text.jpg").write_text("no photo")
    (folder / "empty.jpg").touch()
    (folder / os.fsdecode(b"name_\xff.jpg")).touch()
    return folder
