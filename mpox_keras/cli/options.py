"""Options that several commands share, and what they do before they begin."""

import json
import os
import sys
from pathlib import Path

import click

from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.stderr import silenced_stderr

PATH = click.Path(path_type=Path)

config_option = click.option("--config", "config_path", required=True, type=PATH, help="A YAML file, see configs/.")
set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a config value: training.epochs=10."
)


def check_there(context, option, path):
    """At once, before TensorFlow is there."""
    if path and not Path(path).exists() and not str(path).startswith("mpox/"):
        raise MpoxKerasError(f"{path} is not a folder or file that is there. Check {option.opts[0]}.")
    return path


data_option = click.option(
    "--data",
    required=True,
    callback=check_there,
    metavar="DIR|mpox/CONFIG",
    help="A folder of class folders, or a dataset built with `tfds build mpox`.",
)
groups_option = click.option(
    "--groups",
    type=PATH,
    callback=check_there,
    help="Groups table that wins over audit.csv and groups.csv beside the photos.",
)
workers_option = click.option(
    "--workers", default=1, show_default=True, type=click.IntRange(1), help="Processes to work side by side."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def model_option(command):
    """`--model`, any trained network; and `--classes`, for one that does not name them itself."""
    command = click.option(
        "--classes",
        metavar="A,B,C",
        callback=lambda context, option, value: value and [name.strip() for name in value.split(",")],
        help="Names of the classes, in order, for a .keras file without metadata.",
    )(command)
    return click.option(
        "--model",
        "source",
        default="fast_mpoxnet",
        show_default=True,
        help="A preset, the folder of a finished fit, a bundle, hf://OWNER/NAME, or a .keras file.",
    )(command)


METHODS = (
    *("class_activation_map", "grad_cam_plus_plus", "score_cam", "smooth_grad"),
    *("integrated_gradients", "occlusion", "lime", "shap"),
)
"""Those of `mpox_keras.explain.maps`, which needs TensorFlow."""


def open_in_browser(address):
    """Show a page, where there is a screen; without one `xdg-open` would print errors or take the terminal."""
    if sys.platform != "linux" or os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"):
        with silenced_stderr():
            click.launch(address)


def out_option(default, help="Folder of the results."):
    """`--out`, a path."""
    return click.option("--out", default=Path(default), show_default=True, type=PATH, help=help)


def start_tensorflow(threads=None):
    """Import TensorFlow, which prints lines while it starts, in silence."""
    with silenced_stderr():
        import tensorflow  # noqa: F401
    if threads is not None:
        from mpox_keras.training.runs import set_threads

        set_threads(threads)


def print_results(results, as_json, to_text):
    """Print results as JSON or, by a function, as text."""
    click.echo(json.dumps(results, indent=2, allow_nan=False) if as_json else to_text(results))


def report_problems(problems, summary):
    """Print problems that did not stop the work, if any, and end with an error that sums them up."""
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    if problems:
        raise MpoxKerasError(f"{len(problems)} {summary}")


def show_progress(step, done, total):
    """A line that counts up in a terminal; without one the last count alone."""
    if sys.stderr.isatty() or done == total:
        click.echo(f"\r{step}: {done}/{total}", nl=done == total, err=True)
