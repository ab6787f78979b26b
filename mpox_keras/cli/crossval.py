"""Cross-validation of a config."""

from __future__ import annotations

from pathlib import Path

import click

from mpox_keras.cli.options import config_option, data_option, groups_option, set_option, start_tensorflow, workers_option


@click.command()
@config_option
@data_option
@groups_option
@click.option(
    "--external",
    metavar="DIR",
    help="Photos of mpox and of other external rashes (class folders; `other_rash` where the rash is not known), evaluated "
    "by every fold's network and used for nothing.",
)
@click.option("--out", default=Path("runs/crossval"), show_default=True, type=click.Path(path_type=Path), help="Run folder.")
@workers_option
@set_option
def crossval(config_path, data, groups, external, out, workers, overrides):
    """Train and evaluate one network per fold; groups never straddle folds."""
    from mpox_keras.config import load_config

    config = load_config(config_path, overrides)
    start_tensorflow(config.training.threads)
    from mpox_keras.data.sources import read_external_photos, read_grouped_photos
    from mpox_keras.reports.summary import format_summary
    from mpox_keras.training.crossval import cross_validate

    classes = config.data.classes
    photos = read_grouped_photos(data, classes, groups)
    external_photos = read_external_photos(external, classes) if external else None
    results = cross_validate(config, photos, out, external=external_photos, workers=workers)
    click.echo(format_summary(results))
    click.echo(f"results: {out}")
