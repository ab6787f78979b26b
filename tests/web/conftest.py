"""What the tests of the web app share: a bundle, its site, a server, and Chromium."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import sync_playwright
from web_app import App, serving

from mpox_keras.classifier import load_classifier
from mpox_keras.data.synthetic import draw_scene
from mpox_keras.export.exporter import export_bundle
from mpox_keras.web.site import build_site

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def bundle(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web") / "bundle"
    export_bundle("fast_mpoxnet_msid", folder, "tfjs", "uint16")
    return folder


@pytest.fixture(scope="session")
def classifier():
    return load_classifier()


@pytest.fixture(scope="session")
def site(bundle, tmp_path_factory):
    folder = tmp_path_factory.mktemp("web") / "site"
    build_site(bundle, folder)
    return folder


@pytest.fixture(scope="session")
def server(site):
    with serving(site) as running:
        yield running


@pytest.fixture(scope="session")
def chromium():
    if not CHROMIUM:
        pytest.skip("needs Chromium, for example Debian's package chromium")
    # Small containers have too little shared memory for large photos.
    options = [
        "--disable-dev-shm-usage",
        "--use-fake-device-for-media-stream",
        "--host-resolver-rules=MAP insecure.test 127.0.0.1",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *options])
        yield browser
        browser.close()


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
