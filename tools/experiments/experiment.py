"""What the experiments share: runs named in `configs/experiments`, options, and one cross-validation after another."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import click
import yaml

from mpox_keras.config import Config, load_config
from mpox_keras.data.folder import Photo
from mpox_keras.data.sources import read_external_photos, read_grouped_photos
from mpox_keras.reports.summary import format_summary
from mpox_keras.training.crossval import cross_validate
from mpox_keras.training.runs import set_threads

CONFIGS = Path(__file__).parent.parent.parent / "configs" / "experiments"
RECIPE = "fast_mpoxnet_msid"
"""The config of a run that names none."""


def read_runs(name: str) -> dict[str, dict]:
    """The runs of `configs/experiments/NAME.yaml`: name -> config, what is set in it, and what else the experiment knows."""
    return yaml.safe_load((CONFIGS / f"{name}.yaml").read_text(encoding="utf-8"))


def command(name: str):
    """A click command with the names of the runs and the options of all experiments; the function gets them as keywords."""

    def decorate(function):
        options = [
            click.argument("names", nargs=-1, type=click.Choice(list(read_runs(name)))),
            click.option("--data", required=True, help="MSID with audit.csv."),
            click.option("--external", help="External photos, evaluated and used for nothing."),
            click.option("--out", type=click.Path(path_type=Path), default=f"runs/{name}", show_default=True),
            click.option("--workers", default=1, show_default=True, help="Folds trained side by side."),
            click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a config value in all runs."),
        ]
        for option in reversed(options):
            function = option(function)
        return click.command(help=f"{function.__doc__} All runs, or NAMES.")(function)

    return decorate


Prepare = Callable[[dict, Config, Sequence[Photo], Path], tuple[Sequence[Photo], dict]]
"""Of a run, its config, the grouped photos and its folder makes the photos and further arguments of `cross_validate`."""


def cross_validate_runs(experiment: str, prepare: Prepare, *, names, data, external, out, workers, overrides) -> None:
    """Do the named runs of an experiment, or all. A run that was cut off goes on."""
    runs = read_runs(experiment)
    for name in names or runs:
        run = runs[name]
        config = load_config(run.get("config", RECIPE), [*run.get("set", []), *overrides])
        set_threads(config.training.threads)
        click.echo(f"{name}: {run}", err=True)
        photos, arguments = prepare(run, config, read_grouped_photos(data, config.data.classes), out / name)
        external_photos = read_external_photos(external, config.data.classes) if external else None
        results = cross_validate(config, photos, out / name, external=external_photos, workers=workers, **arguments)
        click.echo(format_summary(results))
        click.echo(f"to keep it: {recording_command(out / name, experiment, run)}")


def recording_command(folder: Path, experiment: str, run: dict) -> str:
    """The command that records a finished run, with what it changes."""
    parts = run.get("network", {}) | run.get("change", {})
    changes = [*run.get("set", []), *(f"{name}={str(value).lower()}" for name, value in parts.items())]
    split = experiment.replace("_", " ") if experiment == "framing_split" else run.get("split", "grouped")
    words = [folder, "--config", run.get("config", RECIPE), "--changes", "; ".join(changes), "--split", split]
    return shlex.join(["python", "tools/record_results.py", *map(str, words)])
