"""Training on several devices: logical CPU devices in a process of its own, as TensorFlow fixes its devices when it starts."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import csv, json, sys, tempfile
import numpy as np
import tensorflow as tf
processor = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
from mpox_keras.config import ConfigError, parse_config
from mpox_keras.data.loading import PhotoArrays
from mpox_keras.training.fit import train
from tiny_network import tiny
losses = {}
for distribution in ("none", "mirrored"):
    config = parse_config({
        "model": {"weights": None, "image_size": 32, "dropout": 0.0},
        "training": {"epochs": 3, "batch_size": 8, "learning_rate": 1.0e-4, "distribution": distribution},
    })
    photos = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), dtype="uint8")
    photos = PhotoArrays(photos, np.arange(16) % 4)
    folder = tempfile.mkdtemp()
    model = train(config, photos, folder, build=tiny)
    losses[distribution] = [float(row["loss"]) for row in csv.DictReader(open(f"{folder}/log.csv"))]
    statistics = [float(np.sum(w)) for w in model.backbone.get_layer("normalization_2").get_weights()]
    losses[distribution + "_statistics"] = statistics
try:
    config = parse_config(config.model_dump(), ["training.batch_size=7"])
    train(config, photos, tempfile.mkdtemp(), build=tiny)
except ConfigError as error:
    losses["error"] = str(error)
print(json.dumps(losses))
"""


@pytest.fixture(scope="module")
def found():
    # Python looks for modules in the folder that it begins in.
    options = {"cwd": Path(__file__).parent.parent, "capture_output": True, "text": True, "check": True}
    answer = subprocess.run([sys.executable, "-c", SCRIPT], **options)
    return json.loads(answer.stdout.splitlines()[-1])


def test_two_devices_learn_what_one_learns_from_the_same_batches(found):
    """Dropout is off: each device draws its own."""
    assert len(found["mirrored"]) == 3
    np.testing.assert_allclose(found["mirrored"], found["none"], rtol=1e-3)
    np.testing.assert_allclose(found["mirrored_statistics"], found["none_statistics"], rtol=1e-3, atol=1e-6)


def test_a_batch_that_devices_cannot_share_is_refused(found):
    assert "2 devices can't share a batch of 7 evenly" in found["error"]
