"""The command line: each command parses, calls one function and prints."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path

import click

from mpox_keras._version import __version__
from mpox_keras.config import load_config
from mpox_keras.errors import MpoxKerasError

_NOTICE = "Screening aid for research, not a diagnosis."


class _Commands(click.Group):
    """Shows the errors meant for the user as one message, with exit code 2."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except MpoxKerasError as error:
            click.echo(f"error: {error}", err=True)
        except OSError as error:
            click.echo(f"error: {error.filename or 'a file'}: {error.strerror or error}", err=True)
        except KeyboardInterrupt:
            click.echo("interrupted; the same command goes on where this one stopped", err=True)
            context.exit(130)
        context.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main():
    """Train, judge and use ultralight networks that tell mpox from other rashes in photos.

    For research; nothing here is a diagnosis.
    """


_config_option = click.option(
    "--config", "config_path", required=True, type=click.Path(path_type=Path), help="A YAML file, see configs/."
)
_set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a config value: training.epochs=10."
)
_data_option = click.option(
    "--data",
    required=True,
    metavar="DIR|mpox/CONFIG",
    help="A folder of class folders, or a dataset built with `tfds build mpox`.",
)
_groups_option = click.option(
    "--groups",
    type=click.Path(path_type=Path),
    help="Groups table that wins over audit.csv and groups.csv beside the photos.",
)
_model_option = click.option(
    "--model", "source", default="fast_mpoxnet_msid", show_default=True, help="A preset, or the folder of a finished fit."
)


@main.command()
@_config_option
@_data_option
@_groups_option
@click.option("--out", default=Path("runs/fit"), show_default=True, type=click.Path(path_type=Path), help="Run folder.")
@_set_option
def fit(config_path, data, groups, out, overrides):
    """Train one network. The same command resumes an interrupted run."""
    config = load_config(config_path, overrides)
    _start_tensorflow(config.training.threads)
    from mpox_keras.data import read_grouped_photos
    from mpox_keras.training import fit_photos

    results = fit_photos(config, read_grouped_photos(data, config.data.classes, groups), out)
    if results:
        from mpox_keras.evaluation.report import format_summary

        click.echo(format_summary(results))
    click.echo(f"trained network: {out}")


@main.command()
@_config_option
@_data_option
@_groups_option
@click.option(
    "--out", default=Path("runs/crossval"), show_default=True, type=click.Path(path_type=Path), help="Run folder."
)
@_set_option
def crossval(config_path, data, groups, out, overrides):
    """Train and judge one network per fold; groups never straddle folds."""
    config = load_config(config_path, overrides)
    _start_tensorflow(config.training.threads)
    from mpox_keras.data import read_grouped_photos
    from mpox_keras.evaluation.report import format_summary
    from mpox_keras.training.crossval import cross_validate

    results = cross_validate(config, read_grouped_photos(data, config.data.classes, groups), out)
    click.echo(format_summary(results))
    click.echo(f"results: {out}")


def _start_tensorflow(threads=None):
    """Import TensorFlow without the lines it prints while it starts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with _silenced_stderr():
        import tensorflow  # noqa: F401
    from mpox_keras.training.runs import set_threads

    set_threads(threads)


@contextlib.contextmanager
def _silenced_stderr():
    # TensorFlow writes from C++, past sys.stderr.
    sys.stderr.flush()
    kept = os.dup(2)
    with open(os.devnull, "wb") as devnull:
        os.dup2(devnull.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


if __name__ == "__main__":
    main()
