"""Options that several commands share, and what they do before they begin."""

import json
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
data_option = click.option(
    "--data",
    required=True,
    metavar="DIR|mpox/CONFIG",
    help="A folder of class folders, or a dataset built with `tfds build mpox`.",
)
groups_option = click.option(
    "--groups",
    type=PATH,
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
        help="A preset, the folder of a finished fit, a bundle, or a .keras file.",
    )(command)


def recall_option(command):
    """`--recall`, which threshold for mpox is in force."""
    return click.option(
        "--recall",
        type=click.FloatRange(0, 1),
        help="Suspect mpox from the threshold that was chosen for this recall: 0.9, or 0.95 with more false alarms.",
    )(command)


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
