"""Predictions for very many photos."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mpox_keras.cli.options import json_option, model_option, show_progress, workers_option


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder of the results.")
@model_option
@workers_option
@click.option("--cluster", metavar="URL", help="A Dask scheduler, such as tcp://host:8786, whose workers do it instead.")
@json_option
def screen(inputs, folder, source, classes, workers, cluster, as_json):
    """Predict photos by the million into Parquet files: files, folders, globs, lists (CSV or Parquet) or URLs.

    The same command goes on where an interrupted one stopped. A TFLite bundle is faster than a preset.
    """
    from mpox_keras.inference.prediction import DISCLAIMER
    from mpox_keras.screening.run import screen_photos

    click.echo(DISCLAIMER, err=True)
    summary = screen_photos(inputs, folder, source, classes, workers, cluster, show_progress)
    if as_json:
        click.echo(json.dumps(summary, indent=2))
        return
    for answer, photos in summary["answers"].items():
        click.echo(f"{answer:>12}  {photos:>10,}")
    click.echo(
        f"{summary['photos']:,} photos: mpox suspected in {summary['mpox_suspected']:,}, {summary['unreadable']:,} unreadable"
    )
    click.echo(f"records: {folder / 'shards'}")
