"""What the tests of screening share: a small exported network, and photos good and bad."""

import os

import numpy as np
import pytest
from PIL import Image

from mpox_keras.data.folder import CLASSES
from mpox_keras.export.bundle import export_bundle
from mpox_keras.inference.metadata import write_metadata
from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.training.out_of_distribution import add_ood_score


def write_photo(path, seed):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype="uint8")).save(path)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("network")
    pixels = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype="uint8")
    add_ood_score(FastMpoxNet(input_shape=(32, 32, 3)), pixels).save(folder / "model.keras")
    thresholds = {"mpox": 0.25, "confidence": 0.26, "ood_score": 0.5}
    metadata = {"classes": list(CLASSES), "image_size": 32, "temperature": 1.0, "thresholds": thresholds}
    write_metadata(folder, metadata)
    export_bundle(folder, folder / "bundle")
    return folder / "bundle"


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
