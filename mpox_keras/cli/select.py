"""Choice among configs."""

from __future__ import annotations

from pathlib import Path

import click

from mpox_keras.cli.options import data_option, groups_option, out_option, set_option, start_tensorflow, workers_option
from mpox_keras.utils.errors import MpoxKerasError


@click.command()
@click.option("--configs", "first", required=True, type=click.Path(path_type=Path), metavar="CONFIG...", help="The candidates.")
@click.argument("further", nargs=-1, type=click.Path(path_type=Path), metavar="")
@data_option
@groups_option
@click.option("--search", "ranges", type=click.Path(path_type=Path), help="A YAML file of ranges to draw hyperparameters from.")
@click.option("--trials", default=4, show_default=True, type=click.IntRange(1), help="With --search: draws for each config.")
@out_option("runs/select", help="Run folder.")
@workers_option
@set_option
def select(first, further, data, groups, ranges, trials, out, workers, overrides):
    """Choose among networks by nested cross-validation, and estimate what the choice is worth.

    The same command goes on where an interrupted one stopped.
    """
    from mpox_keras.config import load_config

    configs = {}
    for path in (first, *further):
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
    from mpox_keras.data.sources import read_grouped_photos
    from mpox_keras.reports.summary import format_summary
    from mpox_keras.training.select import format_selection, select_network

    photos = read_grouped_photos(data, next(iter(configs.values())).data.classes, groups)
    results = select_network(configs, photos, out, workers)
    click.echo(format_selection(results))
    click.echo(format_summary(results))
    click.echo(f"results: {out}")
    click.echo(f"to train the winner: mpox-keras fit --config {out / 'winner.yaml'} --data {data}")
