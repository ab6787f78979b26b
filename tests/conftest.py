"""What every test shares."""

import functools
import os
import shutil

import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# There is a process of pytest for each core already; with more threads finding duplicates takes twice the time.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


# First, because the tests to leave out are chosen by their markers.
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    for item in items:
        if "chromium" in item.fixturenames:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def without_graphs():
    """A tiny network is trained sooner than traced; the commands and the guides train with graphs, as users do."""
    import tensorflow as tf

    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)


@pytest.fixture(scope="session")
def classifier():
    from mpox_keras.inference.classifier import load_classifier

    return load_classifier()


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    """The folder of a small untrained network for photos of 32 pixels, with metadata as a preset has them."""
    import keras
    from tiny_network import small

    from mpox_keras.inference.metadata import write_metadata

    folder = tmp_path_factory.mktemp("networks") / "network"
    folder.mkdir()
    keras.utils.set_random_seed(0)
    small(32, ood_score=True).save(folder / "model.keras")
    point = {"threshold": 0.25, "recall": 0.9, "specificity": 0.8}
    metadata = {
        "name": "small",
        "intended_use": "Screening aid for research, not a diagnosis.",
        "classes": ["mpox", "chickenpox", "measles", "normal"],
        "image_size": 32,
        "value_range": [0, 255],
        "temperature": 1.25,
        "thresholds": {"mpox": 0.25, "confidence": 0.26, "ood_score": 0.5},
        "operating_points": {"0.9": point, "0.95": {**point, "threshold": 0.2, "recall": 0.95, "specificity": 0.7}},
        "training_data": "drawn pictures",
        "training_photos": {"mpox": 3, "chickenpox": 2, "measles": 2, "normal": 1},
        "out_of_fold": {"protocol": "none", "accuracy": 0.5, "accuracy_interval": [0.4, 0.6], "macro_f1": 0.45},
        "external": {
            "photos": 9,
            "patients": 6,
            "mpox_patients": 3,
            "auc_per_patient": 0.67,
            "auc_per_patient_interval": [0.5, 0.8],
        },
        "licence": "CC0",
        "environment": {"keras": keras.__version__},
    }
    write_metadata(folder, metadata)
    return folder


@pytest.fixture(scope="session")
def exported(network):
    """Of a format makes a bundle of that network, once."""
    from mpox_keras.export.bundle import export_bundle

    @functools.cache
    def export(format):
        export_bundle(network, network.parent / format, format)
        return network.parent / format

    return export


@pytest.fixture(scope="session")
def chromium():
    if not CHROMIUM:
        pytest.skip("needs Chromium, for example Debian's package chromium")
    from playwright.sync_api import sync_playwright

    options = [
        # Small containers have too little shared memory for large photos.
        "--disable-dev-shm-usage",
        "--use-fake-device-for-media-stream",
        "--host-resolver-rules=MAP insecure.test 127.0.0.1",
    ]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *options])
        yield browser
        browser.close()
