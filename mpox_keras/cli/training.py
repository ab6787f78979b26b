"""Commands that train."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mpox_keras.cli.common import (
    config_option,
    data_option,
    groups_option,
    set_option,
    show_progress,
    start_tensorflow,
    workers_option,
)
from mpox_keras.errors import MpoxKerasError


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
@workers_option
@set_option
def crossval(config_path, data, groups, external, out, workers, overrides):
    """Train and judge one network per fold; groups never straddle folds, unless the config's data.split says so."""
    from mpox_keras.config import load_config

    config = load_config(config_path, overrides)
    start_tensorflow(config.training.threads)
    from mpox_keras.data import read_external_photos, read_grouped_photos, read_ungrouped_photos
    from mpox_keras.evaluation import format_summary
    from mpox_keras.training.crossval import cross_validate

    classes = config.data.classes
    photos = read_grouped_photos(data, classes, groups) if config.data.keeps_groups else read_ungrouped_photos(data, classes)
    elsewhere = read_external_photos(external, classes) if external else None
    results = cross_validate(config, photos, out, elsewhere, workers)
    click.echo(format_summary(results))
    click.echo(f"results: {out}")


@click.command()
@click.option("--configs", "first", required=True, type=click.Path(path_type=Path), metavar="CONFIG...", help="The candidates.")
@click.argument("others", nargs=-1, type=click.Path(path_type=Path), metavar="")
@data_option
@groups_option
@click.option("--search", "ranges", type=click.Path(path_type=Path), help="A YAML file of ranges to draw hyperparameters from.")
@click.option("--trials", default=4, show_default=True, type=click.IntRange(1), help="With --search: draws for each config.")
@click.option("--out", default=Path("runs/select"), show_default=True, type=click.Path(path_type=Path), help="Run folder.")
@workers_option
@set_option
def select(first, others, data, groups, ranges, trials, out, workers, overrides):
    """Choose among networks by nested cross-validation, and estimate what the choice is worth.

    The same command goes on where an interrupted one stopped.
    """
    from mpox_keras.config import load_config

    configs = {}
    for path in (first, *others):
        if path.stem in configs:
            raise MpoxKerasError(f"two of the configs are called {path.stem}; results go by the name, so rename one.")
        configs[path.stem] = load_config(path, overrides)
    if ranges:
        from mpox_keras.training.search import draw_configs

        configs = {
            f"{name}_{number}": drawn
            for name, config in configs.items()
            for number, drawn in enumerate(draw_configs(config, ranges, trials, name), 1)
        }
    start_tensorflow(next(iter(configs.values())).training.threads)
    from mpox_keras.data import read_grouped_photos
    from mpox_keras.evaluation import format_summary
    from mpox_keras.training.select import format_selection, select_network

    photos = read_grouped_photos(data, next(iter(configs.values())).data.classes, groups)
    results = select_network(configs, photos, out, workers)
    click.echo(format_selection(results))
    click.echo(format_summary(results))
    click.echo(f"results: {out}")
    click.echo(f"to train the winner: mpox-keras fit --config {out / 'winner.yaml'} --data {data}")


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
