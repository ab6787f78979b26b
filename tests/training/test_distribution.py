"""Training on several devices: logical CPU devices in a process of its own, as TensorFlow fixes its devices when it starts."""

import json
import subprocess
import sys

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
from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.training.fit import train
def build(config, classes, image_size=None):
    return FastMpoxNet(classes, input_shape=(32, 32, 3), fusion=False, auxiliary_heads=False, dropout=0.0)
losses = {}
for distribution in ("none", "mirrored"):
    config = parse_config({
        "model": {"weights": None, "image_size": 32},
        "training": {"epochs": 3, "batch_size": 8, "learning_rate": 1.0e-4, "distribution": distribution},
    })
    photos = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), dtype="uint8")
    photos = PhotoArrays(photos, np.arange(16) % 4)
    folder = tempfile.mkdtemp()
    model = train(config, photos, folder, build=build)
    losses[distribution] = [float(row["loss"]) for row in csv.DictReader(open(f"{folder}/log.csv"))]
    statistics = [float(np.sum(w)) for w in model.backbone.get_layer("stem_normalization").get_weights()]
    losses[distribution + "_statistics"] = statistics
try:
    config = parse_config(config.model_dump(), ["training.batch_size=7"])
    train(config, photos, tempfile.mkdtemp(), build=build)
except ConfigError as error:
    losses["error"] = str(error)
print(json.dumps(losses))
"""


@pytest.fixture(scope="module")
def found():
    answer = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    return json.loads(answer.stdout.splitlines()[-1])


def test_two_devices_learn_what_one_learns_from_the_same_batches(found):
    """Dropout is off: each device draws its own."""
    assert len(found["mirrored"]) == 3
    np.testing.assert_allclose(found["mirrored"], found["none"], rtol=1e-3)
    np.testing.assert_allclose(found["mirrored_statistics"], found["none_statistics"], rtol=1e-3, atol=1e-6)


def test_a_batch_that_devices_cannot_share_is_refused(found):
    assert "2 devices can't share a batch of 7 evenly" in found["error"]
