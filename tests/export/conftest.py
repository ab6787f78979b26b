"""What the tests of exports share: the preset, and drawn pictures of skin."""

import dataclasses

import pytest

from mpox_keras.data.folder import read_folder
from mpox_keras.data.loading import load_photos
from mpox_keras.data.synthetic import write_synthetic_photos
from mpox_keras.models.deploy import deploy


@pytest.fixture(scope="session")
def folder_of_photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_synthetic_photos(folder, scenes_per_class=3)
    return folder


@pytest.fixture(scope="session")
def preset(classifier):
    """The preset, answering by Keras, with all digits of its weights."""
    deployed = deploy(classifier.trained, class_activation_map=True, temperature=classifier.metadata["temperature"])
    return dataclasses.replace(classifier, predict_pixels=deployed.predict_on_batch)


@pytest.fixture(scope="session")
def pixels(folder_of_photos, preset):
    return load_photos(read_folder(folder_of_photos), preset.image_size)


@pytest.fixture(scope="session")
def expected(preset, pixels):
    return preset.predict_pixels(pixels)
