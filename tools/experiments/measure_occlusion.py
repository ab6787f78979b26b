"""How far framing, background and picture quality alone get on MSID, and how much the network leans on them.

    python tools/experiments/measure_occlusion.py --data MSID --run runs/campaign/fast_mpoxnet_msid

Three questions, all on the folds of the audit and out of fold: how well does a linear classifier do that sees only simple
traits of a picture (colour, sharpness, JPEG blocks, how much looks like skin), none of which is a lesion; how well do the
networks of the run do when the middle half of every photo is painted over, and when all but the middle half is? Writes
configs/results/occlusion_tests.json.
"""

from __future__ import annotations

import json
from pathlib import Path

import click
import keras
import numpy as np
from framing import framing
from PIL import Image
from scipy.ndimage import laplace
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mpox_keras.config import load_config
from mpox_keras.data.loading import load_photos
from mpox_keras.data.sources import read_grouped_photos
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.explain.faithfulness import middle_half, paint_over
from mpox_keras.inference.metadata import MODEL_FILE
from mpox_keras.models.deploy import deploy
from mpox_keras.utils.files import replacing

RESULTS = Path(__file__).parent.parent.parent / "configs" / "results"


@click.command()
@click.option("--data", required=True, help="MSID with audit.csv.")
@click.option("--run", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Finished crossval.")
def main(data, run):
    """Write configs/results/occlusion_tests.json."""
    config = load_config(run / "config.yaml")
    classes = config.data.classes
    photos = read_grouped_photos(data, classes)
    pixels = load_photos(photos, config.model.image_size)
    labels = np.array([classes.index(photo.label) for photo in photos])
    folds = np.array([photo.fold for photo in photos])

    rotations = [(np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)) for fold in np.unique(folds)]
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, class_weight="balanced", max_iter=1000))
    features = np.array([traits(photo) for photo in pixels])
    answers = {"traits_alone": cross_val_predict(probe, features, labels, cv=rotations, method="predict_proba")}

    middle = middle_half(config.model.image_size)
    views = {
        "whole": pixels,
        "middle_masked": np.stack([paint_over(photo, middle) for photo in pixels]),
        "only_middle": np.stack([paint_over(photo, ~middle) for photo in pixels]),
    }
    answers |= {name: np.zeros((len(photos), len(classes))) for name in views}
    for fold in np.unique(folds):
        network = deploy(keras.models.load_model(run / f"fold_{fold}" / MODEL_FILE, compile=False))
        for name, shown in views.items():
            answers[name][folds == fold] = network.predict(shown[folds == fold], verbose=0)["probabilities"]

    measured = {}
    for name, probabilities in answers.items():
        figures = evaluate_predictions(labels, probabilities, classes, folds=folds)
        measured[name] = {key: figures[key] for key in ("accuracy", "accuracy_interval")}
        measured[name]["rash_classes_only"] = figures["rash_classes_only"]
        measured[name]["auc_mpox_against_other_rashes"] = figures["mpox_against_other_rashes"]["auc"]
        measured[name]["recall"] = {label: of_class["recall"] for label, of_class in figures["per_class"].items()}
    with replacing(RESULTS / "occlusion_tests.json") as temporary:
        temporary.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    for name, figures in measured.items():
        click.echo(f"{name:14} accuracy {figures['accuracy']:.3f}  rash {figures['rash_classes_only']['accuracy']:.3f}")


def traits(photo):
    """Numbers about a picture, `(height, width, 3)`, uint8, that say nothing of lesions."""
    values = photo / 255
    grey = values.mean(axis=2)
    hue, saturation, _ = np.moveaxis(np.asarray(Image.fromarray(photo).convert("HSV")), 2, 0)
    steps = np.abs(np.diff(grey, axis=1)).mean(axis=0)
    at_blocks = np.arange(len(steps)) % 8 == 7
    coarse = np.asarray(Image.fromarray(photo).resize((4, 4), Image.Resampling.BOX)) / 255
    return [
        *values.mean(axis=(0, 1)),
        *values.std(axis=(0, 1)),
        np.log(laplace(grey).var() + 1e-6),
        steps[at_blocks].mean() / (steps[~at_blocks].mean() + 1e-6),
        *framing(photo),
        (grey > 0.95).mean(),
        (grey < 0.1).mean(),
        *np.histogram(hue, 8, (0, 256))[0] / hue.size,
        *np.histogram(saturation, 4, (0, 256))[0] / saturation.size,
        *coarse.std(axis=(0, 1)),
    ]


if __name__ == "__main__":
    main()
