"""Options that several commands share, and what they do before they begin."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from mpox_keras.utils.stderr import silenced_stderr

config_option = click.option(
    "--config", "config_path", required=True, type=click.Path(path_type=Path), help="A YAML file, see configs/."
)
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a config value: training.epochs=10."
)
data_option = click.option(
    "--data",
    required=True,
    metavar="DIR|mpox/CONFIG",
    help="A folder of class folders, or a dataset built with `tfds build mpox`.",
)
groups_option = click.option(
    "--groups",
    type=click.Path(path_type=Path),
    help="Groups table that wins over audit.csv and groups.csv beside the photos.",
)
workers_option = click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes to work side by side."
)
model_option = click.option(
    "--model",
    "--preset",
    "source",
    default="fast_mpoxnet_msid",
    show_default=True,
    help="A preset, or the folder of a finished fit.",
)
bundle_option = click.option(
    "--bundle", type=click.Path(path_type=Path), help="A bundle of `mpox-keras export`, instead of --model."
)


def start_tensorflow(threads=None):
    """Import TensorFlow without the lines it prints while it starts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced_stderr():
        import tensorflow as tf
    # Its warnings are for programmers: with every fold it would warn of graphs built anew.
    tf.get_logger().setLevel("ERROR")
    from mpox_keras.training.runs import set_threads

    set_threads(threads)


def load_predictor(source, bundle):
    """The trained network of --model or, if given, the bundle of --bundle."""
    if bundle is None:
        start_tensorflow()
        from mpox_keras.inference.classifier import load_classifier

        return load_classifier(source)
    from mpox_keras.inference.bundle import load_bundle

    # TensorFlow, where the bundle needs it, prints from C++ while it starts.
    with silenced_stderr():
        return load_bundle(bundle)


def show_progress(step, done, total):
    """A line that counts up in a terminal; without one the last count alone."""
    if sys.stderr.isatty() or done == total:
        click.echo(f"\r{step}: {done}/{total}", nl=done == total, err=True)
