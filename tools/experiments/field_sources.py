"""Write the table of photos that the field presets learn `other` and `normal` from, for `mpox-keras data build`.

    python tools/experiments/field_sources.py SKIN --out skin_train.csv
    mpox-keras data build MSID skin_train.csv --out FIELD --no-match --licence "MSID=CC BY 4.0" \
        --class mpox --class chickenpox --class measles --class other --class normal

SKIN holds the photos below a folder for each pool, and `photos.csv` with the columns file, pool (train or test), source, kind
(other, pox_like or healthy), group, patient and licence. Those of the pool `test` are for measuring alone and are not listed.
MSID is the folder of the Monkeypox Skin Images Dataset with its audit beside it.
"""

from __future__ import annotations

import csv
from pathlib import Path

import click

from mpox_keras.data.folder import read_table
from mpox_keras.utils.classes import NORMAL, OTHER

_COLUMNS = ("file", "label", "group", "patient", "source", "licence")


@click.command()
@click.argument("skin", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The table.")
@click.option("--source", "sources", multiple=True, help="Take this source only; may be given several times.")
def main(skin, out, sources):
    """Write the table of the photos to train on."""
    rows = read_table(skin / "photos.csv", "pool", "source", "kind", "group")
    rows = [row for row in rows.values() if row["pool"] == "train" and row["source"] in (sources or [row["source"]])]
    with out.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, _COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        for row in rows:
            label = NORMAL if row["kind"] == "healthy" else OTHER
            writer.writerow({**row, "file": (skin / "train" / row["file"]).resolve(), "label": label})
    click.echo(f"{len(rows)} photos: {out}")


if __name__ == "__main__":
    main()
