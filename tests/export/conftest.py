"""What the tests of exports share: the preset, and drawn pictures of skin."""

import pytest

from mpox_keras.data.folder import read_folder
from mpox_keras.data.loading import load_photos
from mpox_keras.data.synthetic import write_synthetic_photos


@pytest.fixture(scope="session")
def folder_of_photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    write_synthetic_photos(folder, scenes_per_class=3)
    return folder


@pytest.fixture(scope="session")
def pixels(folder_of_photos, classifier):
    return load_photos(read_folder(folder_of_photos, classifier.classes), classifier.image_size)
