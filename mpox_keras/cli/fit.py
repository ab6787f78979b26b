"""Training of one network."""

from __future__ import annotations

import click

from mpox_keras.cli.options import config_option, data_option, groups_option, out_option, set_option, start_tensorflow


@click.command()
@config_option
@data_option
@groups_option
@out_option("runs/fit", help="Run folder.")
@set_option
def fit(config_path, data, groups, out, overrides):
    """Train one network. The same command resumes an interrupted run."""
    from mpox_keras.config import load_config

    config = load_config(config_path, overrides)
    start_tensorflow(config.training.threads)
    from mpox_keras.data.sources import read_grouped_photos
    from mpox_keras.reports.summary import format_summary
    from mpox_keras.training.fit import fit_photos

    results = fit_photos(config, read_grouped_photos(data, config.data.classes, groups), out)
    if results:
        click.echo(format_summary(results))
    click.echo(f"trained network: {out}")
