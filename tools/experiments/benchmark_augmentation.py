"""What augmentation costs by Keras's preprocessing layers and by this package's, for a batch of 32 photos of 192 pixels.

    python tools/experiments/benchmark_augmentation.py

Writes configs/results/augmentation_speed.json: for each layer the median of the processor's milliseconds, all threads together,
which other work on the machine hardly changes. `step` is a training step of the paper's recipe on finished batches.
"""

from __future__ import annotations

import json
import statistics
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from mpox_keras.config import load_config
from mpox_keras.data.augmentation import RandomColour, RandomResizedCrop, augment, augmentation_layers
from mpox_keras.models.build import build_model
from mpox_keras.training.fit import compile_model
from mpox_keras.training.runs import environment, set_threads
from mpox_keras.utils.files import replacing

OUT = Path(__file__).parent.parent.parent / "configs" / "results" / "augmentation_speed.json"
SIZE, BATCH, ROUNDS = 192, 32, 9

KERAS = {
    "RandomFlip horizontal": lambda: keras.layers.RandomFlip("horizontal"),
    "RandomFlip vertical": lambda: keras.layers.RandomFlip("vertical"),
    "RandomBrightness": lambda: keras.layers.RandomBrightness(0.2),
    "RandomContrast": lambda: keras.layers.RandomContrast(0.2),
    "RandomSaturation": lambda: keras.layers.RandomSaturation((0.4, 0.6)),
}


def cpu_milliseconds(function) -> float:
    """Median processor time of a call, after two that are not counted."""
    times = []
    for _ in range(ROUNDS + 2):
        start = time.process_time()
        function()
        times.append(1000 * (time.process_time() - start))
    return round(statistics.median(times[2:]), 1)


def measure_layers(layers, photos, targets) -> float:
    """The same of a batch that goes through layers."""
    batch = tf.function(lambda step: augment(layers, photos, targets, 0, step))
    steps = iter(tf.range(ROUNDS + 2))
    return cpu_milliseconds(lambda: batch(next(steps))[0].numpy())


def measure_step(config, photos, targets) -> float:
    """The same of a training step."""
    model = build_model(config.model, len(config.data.classes))
    compile_model(model, config, steps_per_epoch=100)
    photos = tf.cast(photos, tf.float32)
    return cpu_milliseconds(lambda: model.train_on_batch(photos, dict.fromkeys(model.output_names, targets)))


def main():
    """Write the figures."""
    set_threads(1)
    config = load_config("fast_mpoxnet_msid", ["model.weights=null"])
    photos = tf.constant(np.random.default_rng(0).integers(0, 256, (BATCH, SIZE, SIZE, 3), dtype="uint8"))
    targets = tf.constant(np.eye(BATCH, len(config.data.classes), dtype="float32"))
    settings = {
        **{f"Keras {name}": [make()] for name, make in KERAS.items()},
        "Keras, the five together": [make() for make in KERAS.values()],
        "Keras MixUp": [keras.layers.MixUp(0.2)],
        "own RandomResizedCrop, with mirroring": [RandomResizedCrop(SIZE)],
        "own RandomColour, with white balance": [RandomColour(0.2)],
        "augmentation_layers": augmentation_layers(config.augmentation, SIZE),
    }
    figures = {name: measure_layers(layers, photos, targets) for name, layers in settings.items()}
    figures["step"] = measure_step(config, photos, targets)
    results = {"batch": BATCH, "size": SIZE, "cpu_milliseconds": figures, "environment": environment()}
    with replacing(OUT) as temporary:
        temporary.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
