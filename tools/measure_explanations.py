"""Measure how faithful each explanation of the default preset is, on photos that it was trained on.

    python tools/measure_explanations.py --data FIELD

Writes configs/results/explanations.json, see `measure_explanations`. Half an hour on one core.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from mpox_keras.cli.options import show_progress
from mpox_keras.data.sources import read_grouped_photos
from mpox_keras.explain.maps import METHODS
from mpox_keras.explain.measure import measure_explanations
from mpox_keras.export.bundle import stratified_sample
from mpox_keras.inference.classifier import load_classifier
from mpox_keras.utils.files import replacing

RESULTS = Path(__file__).parent.parent / "configs" / "results"


@click.command()
@click.option("--data", required=True, help="The photos that the preset was trained on.")
@click.option("--photos", "count", default=200, show_default=True, help="How many photos, evenly of every class.")
def main(data, count):
    """Write configs/results/explanations.json."""
    classifier = load_classifier()
    photos = stratified_sample(read_grouped_photos(data, classifier.classes), count)
    results, _ = measure_explanations(classifier, photos, list(METHODS), progress=show_progress)
    with replacing(RESULTS / "explanations.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
