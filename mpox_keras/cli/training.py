"""Commands that train."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mpox_keras.cli.common import config_option, data_option, groups_option, set_option, show_progress, start_tensorflow


@click.command()
@config_option
@data_option
@groups_option
@click.option("--out", default=Path("runs/fit"), show_default=True, type=click.Path(path_type=Path), help="Run folder.")
@set_option
def fit(config_path, data, groups, out, overrides):
    """Train one network. The same command resumes an interrupted run."""
    from mpox_keras.config import load_config

    config = load_config(config_path, overrides)
    start_tensorflow(config.training.threads)
    from mpox_keras.data import read_grouped_photos
    from mpox_keras.training import fit_photos

    results = fit_photos(config, read_grouped_photos(data, config.data.classes, groups), out)
    if results:
        from mpox_keras.evaluation import format_summary

        click.echo(format_summary(results))
    click.echo(f"trained network: {out}")


@click.command()
@config_option
@data_option
@groups_option
@click.option(
    "--external",
    metavar="DIR",
    help="Photos of mpox and of other rashes from elsewhere (class folders; `others` where the rash is not known), judged "
    "by every fold's network and used for nothing.",
)
@click.option("--out", default=Path("runs/crossval"), show_default=True, type=click.Path(path_type=Path), help="Run folder.")
@set_option
def crossval(config_path, data, groups, external, out, overrides):
    """Train and judge one network per fold; groups never straddle folds, unless the config's data.split says so."""
    from mpox_keras.config import load_config

    config = load_config(config_path, overrides)
    start_tensorflow(config.training.threads)
    from mpox_keras.data import read_external_photos, read_grouped_photos, read_ungrouped_photos
    from mpox_keras.evaluation import format_summary
    from mpox_keras.training.crossval import cross_validate

    classes = config.data.classes
    if config.data.split == "grouped":
        photos = read_grouped_photos(data, classes, groups)
    else:
        photos = read_ungrouped_photos(data, classes)
    results = cross_validate(config, photos, out, read_external_photos(external, classes) if external else None)
    click.echo(format_summary(results))
    click.echo(f"results: {out}")


@click.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="A YAML file; by default Fast-MpoxNet.")
@set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def summary(config_path, overrides, as_json):
    """Show the parameters and multiply-adds of a network's deployed form, part by part."""
    from mpox_keras.config import load_config, parse_config

    config = load_config(config_path, overrides) if config_path else parse_config({}, overrides)
    start_tensorflow()
    from mpox_keras.evaluation.complexity import format_complexity, measure_complexity
    from mpox_keras.models import deploy
    from mpox_keras.training.fit import build_model

    untrained = config.model_copy(update={"model": config.model.model_copy(update={"weights": None})})
    complexity = measure_complexity(deploy(build_model(untrained)))
    click.echo(json.dumps(complexity, indent=2) if as_json else format_complexity(complexity))


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="A folder of class folders; without it, drawn pictures.")
@click.option("--out", default=Path("runs/quickstart"), show_default=True, type=click.Path(path_type=Path), help="Folder.")
@click.option("--open/--no-open", "open_report", default=True, help="Open the report in the browser.")
def quickstart(data, out, open_report):
    """Build a dataset, train for a minute, evaluate, predict and show a report.

    Without --data it works on synthetic pictures, which it draws itself.
    """
    start_tensorflow()
    from mpox_keras.quickstart import run_quickstart

    report = run_quickstart(data, out, echo=click.echo, progress=show_progress)
    click.echo(f"report: {report}")
    if open_report:
        click.launch(report.resolve().as_uri())
