"""What the tests of the web app share: a bundle, its site, and a server."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from web_app import App, as_trained, serving

from mpox_keras.data.synthetic import draw_scene
from mpox_keras.export.bundle import export_bundle
from mpox_keras.inference.classifier import DEFAULT_PRESET
from mpox_keras.inference.metadata import read_metadata, write_metadata
from mpox_keras.utils.files import PRESETS_FOLDER
from mpox_keras.web.site import build_site


@pytest.fixture(scope="session")
def classifier(classifier):
    return as_trained(classifier)


@pytest.fixture(scope="session")
def bundle(classifier, tmp_path_factory):
    folder = tmp_path_factory.mktemp("web") / "bundle"
    export_bundle(classifier, folder, "tfjs", "uint16")
    return folder


@pytest.fixture(scope="session")
def another_bundle(bundle, tmp_path_factory):
    """Differs in its name alone."""
    folder = tmp_path_factory.mktemp("web") / "another"
    shutil.copytree(bundle, folder)
    write_metadata(folder, read_metadata(folder) | {"name": "another"})
    return folder


@pytest.fixture(scope="session")
def site(bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("web") / "site"
    build_site(bundle, folder)
    return folder


@pytest.fixture(scope="session")
def site_with_litert(bundle, tmp_path_factory):
    """A site as of a preset, whose TFLite file lies beside the files for TF.js."""
    folder = tmp_path_factory.mktemp("web")
    shutil.copytree(bundle, folder / "bundle")
    shutil.copyfile(PRESETS_FOLDER / DEFAULT_PRESET / "model.tflite", folder / "bundle" / "model.tflite")
    write_metadata(folder / "bundle", read_metadata(bundle))
    build_site(folder / "bundle", folder / "site")
    return folder / "site"


@pytest.fixture(scope="session")
def server(site):
    with serving(site) as running:
        yield running


@pytest.fixture
def start(chromium):
    """Opens the app at an address; closed after the test."""
    apps = []

    def open_app(address, **options):
        apps.append(App(chromium, address, **options))
        return apps[-1]

    yield open_app
    for app in apps:
        app.context.close()


@pytest.fixture(scope="session")
def opened(chromium, server):
    """One page for all tests that leave no trace, because starting the network takes a second."""
    app = App(chromium, server.address).kept_offline()
    app.tried()
    yield app
    app.context.close()


@pytest.fixture
def app(opened):
    return opened.reset()


@pytest.fixture(scope="session")
def drawn(tmp_path_factory):
    """Drawn skin, which is no photo of anyone."""
    path = tmp_path_factory.mktemp("photos") / "drawn.png"
    picture = draw_scene("mpox", np.random.default_rng(5)).resize((448, 448), Image.Resampling.BICUBIC)
    # Grain, or it would be found blurred.
    grain = np.random.default_rng(0).normal(0, 12, (448, 448, 1))
    Image.fromarray(np.clip(np.array(picture) + grain, 0, 255).astype("uint8")).save(path)
    return Path(path)
