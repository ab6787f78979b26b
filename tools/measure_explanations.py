"""Measure how faithful each explanation of the preset is, on photos of MSID.

    python tools/measure_explanations.py --data MSID

Writes configs/results/explanations.json: for each method the areas under the deletion and insertion curves, how much of its map
is left when the network's weights are shuffled, the time of a map, and how far the methods agree. Half an hour on one core.
"""

from __future__ import annotations

import itertools
import json
import tempfile
import time
from pathlib import Path

import click
import numpy as np

from mpox_keras.classifier import load_classifier
from mpox_keras.data import read_grouped_photos
from mpox_keras.data.loading import load_photos
from mpox_keras.explain import METHODS, deletion_and_insertion, explain, randomised
from mpox_keras.export.bundle import load_bundle
from mpox_keras.export.exporter import evenly, export_bundle
from mpox_keras.files import replacing

RESULTS = Path(__file__).parent.parent / "configs" / "results"
FROM_OUTSIDE = ("class_activation_map", "occlusion", "lime", "shap")


@click.command()
@click.option("--data", required=True, help="MSID with audit.csv.")
@click.option("--photos", "count", default=200, show_default=True, help="How many photos, evenly of every class.")
@click.option("--shuffled", default=20, show_default=True, help="How many of them are also explained with shuffled weights.")
def main(data, count, shuffled):
    """Write configs/results/explanations.json."""
    classifier = load_classifier()
    photos = load_photos(evenly(read_grouped_photos(data, classifier.classes), count), classifier.image_size)
    other = randomised(classifier)
    figures = {name: {"deletion": [], "insertion": [], "seconds": [], "shuffled": []} for name in [*METHODS, "random"]}
    agreement = {pair: [] for pair in itertools.combinations(METHODS, 2)}
    random = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        # The same function as the classifier, and faster.
        export_bundle("fast_mpoxnet_msid", Path(folder) / "bundle")
        bundle = load_bundle(Path(folder) / "bundle")
        for number, photo in enumerate(photos):
            label = bundle.classes[int(bundle.predict_pixels(photo[None])["probabilities"].argmax())]
            heats = {"random": random.random(photo.shape[:2], "float32")}
            for name in METHODS:
                started = time.perf_counter()
                heats[name] = explain(bundle if name in FROM_OUTSIDE else classifier, photo, name, label)
                figures[name]["seconds"].append(time.perf_counter() - started)
                if number < shuffled:
                    figures[name]["shuffled"].append(correlation(heats[name], explain(other, photo, name, label)))
            for name, heat in heats.items():
                deletion, insertion = deletion_and_insertion(bundle, photo, heat, label)
                figures[name]["deletion"].append(deletion)
                figures[name]["insertion"].append(insertion)
            for first, second in agreement:
                agreement[first, second].append(correlation(heats[first], heats[second]))
            click.echo(f"\r{number + 1}/{len(photos)}", nl=False, err=True)
    results = {
        "photos": len(photos),
        "class": "the likeliest of each photo",
        "shuffled_photos": shuffled,
        "methods": {name: summary(values) for name, values in figures.items()},
        "agreement": {f"{first} {second}": float(np.mean(values)) for (first, second), values in agreement.items()},
    }
    with replacing(RESULTS / "explanations.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def correlation(first, second):
    """Pearson's, of two maps; 0 where one is flat."""
    if not first.std() or not second.std():
        return 0.0
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


def summary(values):
    """Means over photos with their standard error; of the time the median."""
    made = {}
    for name in ("deletion", "insertion"):
        made[name] = float(np.mean(values[name]))
        made[f"{name}_error"] = float(np.std(values[name], ddof=1) / np.sqrt(len(values[name])))
    if values["seconds"]:
        made["seconds"] = float(np.median(values["seconds"]))
        made["correlation_with_shuffled_weights"] = float(np.mean(values["shuffled"]))
    return made


if __name__ == "__main__":
    main()
