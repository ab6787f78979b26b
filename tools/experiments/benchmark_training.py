"""Measure what an epoch costs: the input pipeline's share, threads, and mixed precision.

    python tools/experiments/benchmark_training.py --out configs/results/training_speed.json

Each setting runs in a process of its own. Within a process the two inputs take turns, so that a machine whose speed drifts
hurts both alike: "pipeline" trains on photos that are cropped, recoloured and mixed as they come; "cached" on the same
number of finished batches kept in memory.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import numpy as np
import tensorflow as tf

from mpox_keras.config import load_config
from mpox_keras.data.augmentation import augmentation_layers, training_batches
from mpox_keras.models.build import build_model
from mpox_keras.training.fit import balanced_weights, compile_model
from mpox_keras.training.runs import environment, set_threads
from mpox_keras.utils.files import replacing

SETTINGS = (
    {"threads": 1, "precision": "float32"},
    {"threads": 2, "precision": "float32"},
    {"threads": 1, "precision": "mixed_bfloat16"},
    {"threads": 2, "precision": "mixed_bfloat16"},
)
STEPS, ROUNDS, PHOTOS = 10, 5, 256


def measure(config) -> dict:
    """Steps per second with both inputs, in turns: median, smallest and largest over the rounds."""
    import keras

    set_threads(config.training.threads)
    random = np.random.default_rng(0)
    size = config.model.image_size
    photos = random.integers(0, 256, (PHOTOS, size, size, 3), dtype="uint8")
    classes = len(config.data.classes)
    labels = random.integers(0, classes, PHOTOS)
    keras.mixed_precision.set_dtype_policy(config.training.precision)
    model = build_model(config.model, classes)
    keras.mixed_precision.set_dtype_policy("float32")  # as in training: photos are augmented in full precision
    compile_model(model, config, steps_per_epoch=STEPS)
    targets = np.eye(classes, dtype="float32")[labels]
    batches = training_batches(
        photos, targets, augmentation_layers(config.augmentation, size), config.training.batch_size, config.seed
    )
    weights = balanced_weights(labels, classes)
    pipeline = batches.map(lambda images, targets: (images, targets, tf.linalg.matvec(targets, weights)))
    inputs = {"pipeline": pipeline, "cached": pipeline.take(4).cache().repeat()}
    speeds = {name: [] for name in inputs}
    for round_ in range(ROUNDS + 1):
        for name, batches in inputs.items():
            # One step more than is timed, so that starting the pipeline and filling the cache is not timed.
            clock = _Clock()
            model.fit(batches, steps_per_epoch=STEPS + 4, verbose=0, shuffle=False, callbacks=[clock.callback(keras)])
            if round_:
                speeds[name].append(STEPS / (clock.times[-1] - clock.times[3]))
    figures = {name: _summary(values) for name, values in speeds.items()}
    ratios = [c / p - 1 for p, c in zip(speeds["pipeline"], speeds["cached"], strict=True)]
    return {"steps_per_second": figures, "pipeline_cost": _summary(ratios), "environment": environment()}


class _Clock:
    def __init__(self):
        self.times = []

    def callback(self, keras):
        return keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: self.times.append(time.perf_counter()))


def _summary(values):
    return {"median": statistics.median(values), "smallest": min(values), "largest": max(values)}


@click.command()
@click.option("--config", "config_path", default="fast_mpoxnet_msid", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON file to write.")
@click.option("--one", hidden=True, help="Measure one setting, in this process.")
def main(config_path, out, one):
    """Measure every setting and write the figures."""
    if one:
        config = load_config(config_path, json.loads(one))
        with replacing(out) as temporary:
            temporary.write_text(json.dumps(measure(config)))
        return
    results = []
    for setting in SETTINGS:
        overrides = [f"training.{key}={value}" for key, value in setting.items()]
        with tempfile.TemporaryDirectory() as folder:
            part = Path(folder) / "part.json"
            command = [sys.executable, __file__, "--config", config_path, "--out", part, "--one", json.dumps(overrides)]
            subprocess.run(command, check=True)
            results.append({**setting, **json.loads(part.read_text())})
        figures = results[-1]
        speed = figures["steps_per_second"]
        click.echo(
            f"{setting}: {speed['pipeline']['median']:.2f} steps/s with the pipeline, {speed['cached']['median']:.2f} without; "
            f"pipeline cost {100 * figures['pipeline_cost']['median']:.1f} %"
        )
    results = {"batch_size": load_config(config_path).training.batch_size, "settings": results}
    with replacing(out) as temporary:
        temporary.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
