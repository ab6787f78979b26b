"""Commands that look after folders of labelled photos."""

import click

from mpox_keras.cli.options import PATH, json_option, print_results, show_progress
from mpox_keras.utils.errors import MpoxKerasError


@click.group()
def data():
    """Look after folders of labelled photos."""


@data.command()
@click.argument("directory", type=PATH)
@click.option("--out", type=PATH, help="Where to write the groups table  [default: DIRECTORY/groups.csv]")
@click.option("--class", "classes", multiple=True, help="A class name that is allowed; by default every folder is a class.")
@json_option
def check(directory, out, classes, as_json):
    """Find unreadable photos, duplicates, shared scenes and contradictory labels.

    Writes the groups table that keeps photos of one scene on one side of every split.
    """
    from mpox_keras.curation.check import check_folder

    report = check_folder(directory, classes or None, progress=show_progress)
    out = out or directory / "groups.csv"
    report.write_groups(out)
    print_results(report.to_dict(), as_json, lambda _: report.to_text())
    click.echo(f"groups table: {out}", err=True)
    if (directory / "audit.csv").is_file():
        click.echo(f"{directory / 'audit.csv'} is there too and wins over groups.csv.", err=True)


@data.command()
@click.argument("sources", nargs=-1, required=True, metavar="SOURCE...", type=PATH)
@click.option("--out", required=True, type=PATH, help="Folder to make; must be empty or not there.")
@click.option("--class", "classes", multiple=True, help="A class name that is allowed; by default every label is a class.")
@click.option("--label", "labels", multiple=True, metavar="OLD=NEW", help="Class of a label; OLD= leaves its photos out.")
@click.option(
    "--match/--no-match",
    default=True,
    show_default=True,
    help="Look for photos of one scene, which takes hours for ten thousand; without, groups are those of the sources' tables.",
)
@click.option("--licence", "licences", multiple=True, metavar="SOURCE=TEXT", help="Licence of a source whose table has none.")
def build(sources, out, classes, labels, match, licences):
    """Build a data set from folders of class folders and CSV tables of photos.

    Crops photos to their boxes, takes everything but pixels away, and keeps each photo once.
    """
    from mpox_keras.curation.build import build_folder

    labels, licences = _read_pairs("--label", labels), _read_pairs("--licence", licences)
    report = build_folder(sources, out, classes or None, labels, licences, show_progress, match)
    click.echo(report.to_text())


def _read_pairs(option, texts):
    pairs = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or key in pairs:
            raise MpoxKerasError(f"cannot use {option} {text!r}; expected NAME=VALUE, once for a name.")
        pairs[key] = value
    return pairs
