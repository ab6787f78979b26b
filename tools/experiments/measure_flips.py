"""What averaging over flipped photos adds, out of fold; reported apart, as no network that comes with the package does it.

    python tools/experiments/measure_flips.py --data MSID --campaign runs/campaign auxiliary_equal schedule_80_epochs_256

The networks of finished cross-validations evaluate each left-out photo as it is, its mirror image, and both upside down. Writes
configs/results/flips.json.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import keras
import numpy as np

from mpox_keras.config import load_config
from mpox_keras.data.loading import load_photos
from mpox_keras.data.sources import read_grouped_photos
from mpox_keras.evaluation.comparison import compare_accuracy
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.inference.metadata import MODEL_FILE
from mpox_keras.models.deploy import deploy
from mpox_keras.utils.files import replacing

RESULTS = Path(__file__).parent.parent.parent / "configs" / "results"
AVERAGED = {"as_it_is": 1, "with_mirror_image": 2, "with_all_flips": 4}


@click.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--data", required=True, help="MSID with audit.csv.")
@click.option(
    "--campaign", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of finished runs."
)
def main(names, data, campaign):
    """Write configs/results/flips.json of the cross-validations NAMES."""
    measured, right, groups = {}, {kind: [] for kind in AVERAGED}, []
    for name in names:
        config = load_config(campaign / name / "config.yaml")
        classes = config.data.classes
        photos = read_grouped_photos(data, classes)
        labels = np.array([classes.index(photo.label) for photo in photos])
        folds = np.array([photo.fold for photo in photos])
        probabilities = evaluate(campaign / name, load_photos(photos, config.model.image_size), folds, len(classes))
        measured[name] = {}
        for kind, count in AVERAGED.items():
            mean = probabilities[:count].mean(axis=0)
            figures = evaluate_predictions(labels, mean, classes, folds=folds)
            measured[name][kind] = {key: figures[key] for key in ("accuracy", "accuracy_mean", "accuracy_sd")}
            measured[name][kind]["rash_classes_only"] = figures["rash_classes_only"]
            right[kind].extend(mean.argmax(axis=1) == labels)
            click.echo(f"{name} {kind}: accuracy {figures['accuracy']:.3f}")
        groups.extend(photo.group for photo in photos)
    gains = {kind: compare_accuracy(right[kind], right["as_it_is"], groups) for kind in AVERAGED if kind != "as_it_is"}
    with replacing(RESULTS / "flips.json") as temporary:
        temporary.write_text(json.dumps({"networks": measured, "gains": gains}, indent=2) + "\n", encoding="utf-8")


def evaluate(run, pixels, folds, classes):
    """Probabilities that the networks of a run give the photos left out, `(4, photos, classes)`: of each flip of them."""
    flips = [pixels, pixels[:, :, ::-1], pixels[:, ::-1], pixels[:, ::-1, ::-1]]
    answers = np.zeros((len(flips), len(pixels), classes))
    for fold in np.unique(folds):
        network = deploy(keras.models.load_model(run / f"fold_{fold}" / MODEL_FILE, compile=False))
        left_out = folds == fold
        answers[:, left_out] = [network.predict(shown[left_out], verbose=0)["probabilities"] for shown in flips]
    return answers


if __name__ == "__main__":
    main()
