"""What every test shares."""

import os
import shutil
import sys
from pathlib import Path

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# There is a process of pytest for each core already; with more threads finding duplicates takes twice the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parent / "models"))

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


@pytest.fixture(scope="session")
def classifier():
    from mpox_keras.inference.classifier import load_classifier

    return load_classifier()


@pytest.fixture(scope="session")
def chromium():
    if not CHROMIUM:
        pytest.skip("needs Chromium, for example Debian's package chromium")
    from playwright.sync_api import sync_playwright

    options = [
        # Small containers have too little shared memory for large photos.
        "--disable-dev-shm-usage",
        # WebGL without a graphics card would keep a processor busy for ten seconds on every page of the web app.
        "--disable-3d-apis",
        "--use-fake-device-for-media-stream",
        "--host-resolver-rules=MAP insecure.test 127.0.0.1",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *options])
        yield browser
        browser.close()
