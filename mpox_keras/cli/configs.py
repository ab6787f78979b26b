"""Configs before training: the choice among them, and the size of a network."""

import click

from mpox_keras.cli import options


@click.command()
@click.option("--configs", "first", required=True, type=options.PATH, metavar="CONFIG...", help="The candidates.")
@click.argument("further", nargs=-1, type=options.PATH, metavar="")
@options.data_option
@options.groups_option
@click.option("--search", "ranges", type=options.PATH, help="A YAML file of ranges to draw hyperparameters from.")
@click.option("--trials", default=4, show_default=True, type=click.IntRange(1), help="With --search: draws for each config.")
@options.out_option("runs/select", help="Run folder.")
@options.workers_option
@options.set_option
def select(first, further, data, groups, ranges, trials, out, workers, overrides):
    """Choose among networks by nested cross-validation, and estimate what the choice is worth.

    The same command goes on where an interrupted one stopped.
    """
    from mpox_keras.training.search import read_candidates

    configs = read_candidates((first, *further), overrides, ranges, trials)
    config = next(iter(configs.values()))
    options.start_tensorflow(config.training.threads)
    from mpox_keras.data.loading import classes_of, with_classes
    from mpox_keras.data.sources import read_grouped_photos
    from mpox_keras.reports.summary import format_summary
    from mpox_keras.training.select import format_selection, select_network

    photos = read_grouped_photos(data, classes_of(config), groups)
    results = select_network({name: with_classes(each, photos) for name, each in configs.items()}, photos, out, workers)
    click.echo(format_selection(results))
    click.echo(format_summary(results))
    click.echo(f"results: {out}")
    click.echo(f"to train the winner: mpox-keras fit --config {out / 'winner.yaml'} --data {data}")


@click.command()
@click.option("--config", "config_path", type=options.PATH, help="A YAML file; by default Fast-MpoxNet.")
@options.set_option
@options.json_option
def summary(config_path, overrides, as_json):
    """Show the parameters and multiply-adds of a network's deployed form, part by part."""
    from mpox_keras.config import load_config, parse_config

    config = load_config(config_path, overrides) if config_path else parse_config({}, overrides)
    options.start_tensorflow()
    from mpox_keras.models.build import build_model
    from mpox_keras.models.complexity import format_complexity, measure_complexity
    from mpox_keras.models.deploy import deploy

    untrained = build_model(config.model.model_copy(update={"weights": None}), len(config.data.classes))
    options.print_results(measure_complexity(deploy(untrained)), as_json, format_complexity)
