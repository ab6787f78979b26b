"""Training: of one network, of one network per fold, and the whole way once through."""

import click

from mpox_keras.cli import options


@click.command()
@options.config_option
@options.data_option
@options.groups_option
@options.out_option("runs/fit", help="Run folder.")
@options.set_option
def fit(config_path, data, groups, out, overrides):
    """Train one network. The same command resumes an interrupted run."""
    from mpox_keras.config import load_config

    config = load_config(config_path, overrides)
    options.start_tensorflow(config.training.threads)
    from mpox_keras.data.loading import classes_of, with_classes
    from mpox_keras.data.sources import read_grouped_photos
    from mpox_keras.reports.summary import format_summary
    from mpox_keras.training.fit import fit_photos

    photos = read_grouped_photos(data, classes_of(config), groups)
    results = fit_photos(with_classes(config, photos), photos, out)
    if results:
        click.echo(format_summary(results))
    click.echo(f"trained network: {out}")


@click.command()
@options.config_option
@options.data_option
@options.groups_option
@click.option(
    "--external", metavar="DIR", help="Photos for every fold's network to be evaluated on, as by `evaluate-external`."
)
@options.out_option("runs/crossval", help="Run folder.")
@options.workers_option
@options.set_option
def crossval(config_path, data, groups, external, out, workers, overrides):
    """Train and evaluate one network per fold; groups never straddle folds.

    The same command goes on where an interrupted one stopped.
    """
    from mpox_keras.config import load_config

    config = load_config(config_path, overrides)
    options.start_tensorflow(config.training.threads)
    from mpox_keras.data.loading import classes_of, with_classes
    from mpox_keras.data.sources import read_external_photos, read_grouped_photos
    from mpox_keras.reports.summary import format_summary
    from mpox_keras.training.crossval import cross_validate

    photos = read_grouped_photos(data, classes_of(config), groups)
    config = with_classes(config, photos)
    external_photos = read_external_photos(external, config.data.classes) if external else None
    results = cross_validate(config, photos, out, external=external_photos, workers=workers)
    click.echo(format_summary(results))
    click.echo(f"results: {out}")


@click.command()
@click.option(
    "--data", type=options.PATH, callback=options.check_there, help="A folder of class folders; without it, drawn pictures."
)
@options.out_option("runs/quickstart")
@click.option("--open/--no-open", "open_report", default=True, help="Open the report in the browser.")
def quickstart(data, out, open_report):
    """Build a dataset, train for a minute, evaluate, predict and show a report.

    Without --data it works on synthetic pictures, which it draws itself.
    """
    options.start_tensorflow()
    from mpox_keras.training.quickstart import run_quickstart

    report = run_quickstart(data, out, progress=options.show_progress)
    click.echo(f"report: {report}")
    if open_report:
        options.open_in_browser(report.resolve().as_uri())
