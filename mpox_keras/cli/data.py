"""Commands that look after folders of labelled photos."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mpox_keras.cli.common import show_progress


@click.group()
def data():
    """Look after folders of labelled photos."""


@data.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where to write the groups table  [default: DIRECTORY/groups.csv]")
@click.option("--class", "classes", multiple=True, help="A class name; give one per class if they are not the usual four.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(directory, out, classes, as_json):
    """Find unreadable photos, duplicates, shared scenes and contradictory labels.

    Writes the groups table that keeps photos of one scene on one side of every split.
    """
    from mpox_keras.data.check import check_folder
    from mpox_keras.data.folder import CLASSES

    report = check_folder(directory, classes or CLASSES, progress=show_progress)
    out = out or directory / "groups.csv"
    report.write_groups(out)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else report.to_text())
    click.echo(f"groups table: {out}", err=True)
    if (directory / "audit.csv").is_file():
        click.echo(f"{directory / 'audit.csv'} is there too and wins over groups.csv.", err=True)
