"""Make a preset of the package from a finished fit on all photos and the cross-validation with the same config.

    mpox-keras crossval --config fast_mpoxnet --data FIELD --out runs/folds
    mpox-keras fit --config fast_mpoxnet --set data.validation_fraction=0 --data FIELD --out runs/preset
    python tools/build_preset.py --run runs/preset --folds runs/folds --data FIELD --external EXTERNAL --name fast_mpoxnet

FIELD is a folder made by `mpox-keras data build`, see tools/experiments/field_sources.py.

The preset was trained on every photo, so its out-of-fold figures, temperature and thresholds are those of the networks that the
cross-validation trained in the same way. The external photos are evaluated with the preset as it ships.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
from pathlib import Path

import click
import numpy as np

from mpox_keras.config import load_config
from mpox_keras.data.sources import read_external_photos, read_photos
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.evaluation.thresholds import shipped_values
from mpox_keras.export.tflite import convert_to_tflite
from mpox_keras.inference.classifier import load_classifier
from mpox_keras.inference.metadata import MODEL_FILE, MODEL_PLACES, read_metadata, write_metadata
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.reports.evaluate import external_figures, predict_labelled
from mpox_keras.utils.classes import OTHER
from mpox_keras.utils.files import PRESETS_FOLDER, replacing

RESULTS = Path(__file__).parent.parent / "configs" / "results"

_FIGURES = (
    "protocol",
    "photos",
    "accuracy",
    "accuracy_interval",
    "accuracy_mean",
    "accuracy_sd",
    "macro_f1",
    "per_class",
    "rash_classes_only",
    "mpox_against_other_rashes",
    "expected_calibration_error",
    "thresholds",
    "left_out_sources",
    "breakdown",
)
_MSID_FIGURES = (
    "photos",
    "accuracy",
    "accuracy_interval",
    "accuracy_mean",
    "accuracy_sd",
    "macro_f1",
    "per_class",
    "rash_classes_only",
    "mpox_against_other_rashes",
)
_LICENCE = (
    "CC BY-NC 4.0, for research and other non-commercial use: some of the photos of other skin conditions may be used for "
    "research only. The backbone's weights, which were not changed, are Apache-2.0 (see NOTICE)."
)
_PHOTOS = (
    "Monkeypox Skin Images Dataset (MSID; Bala et al., doi 10.17632/r9bfpnvyxr, version 6) without 17 photos whose label is "
    "doubtful, and photos of other skin conditions and of people without one from SD-198, PAD-UFES-20 "
    "(doi 10.17632/zr7vgbcyr2.1), HAM10000, the Foot Ulcer Segmentation Challenge, Medetec and collections from the web"
)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--run", type=_FOLDER, required=True, help="Finished fit on all photos.")
@click.option("--folds", type=_FOLDER, required=True, help="Finished cross-validation with the same config.")
@click.option("--data", required=True, help="The photos of both.")
@click.option("--external", required=True, help="External photos; evaluated, used for nothing else.")
@click.option("--name", required=True, help="Name of the preset.")
def main(run, folds, data, external, name):
    """Write mpox_keras/models/presets/NAME."""
    trained = load_classifier(run)
    figures = json.loads((folds / "results.json").read_text(encoding="utf-8"))
    config, evaluated = load_config(run / "config.yaml").model_dump(), figures["config"]
    if config["data"].pop("validation_fraction") != 0:
        raise click.ClickException(f"{run} left photos out of training; fit with --set data.validation_fraction=0.")
    evaluated["data"].pop("validation_fraction")
    if config != evaluated:
        raise click.ClickException(f"{run} and {folds} have different configs, so the figures are of another network.")

    folder = PRESETS_FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / MODEL_FILE, folder / MODEL_FILE)
    thresholds = figures["thresholds"]
    # Answers by it need not wait ten seconds for TensorFlow. In float16 some probabilities would differ by 0.07.
    (folder / MODEL_PLACES["tflite"]).write_bytes(convert_to_tflite(trained.trained, thresholds["temperature"]))
    write_metadata(
        folder,
        {
            "name": name,
            "intended_use": f"{DISCLAIMER} Trained on photos from the web, none confirmed by PCR; not validated in any clinic.",
            **{key: trained.metadata[key] for key in ("classes", "image_size", "value_range")},
            **shipped_values(thresholds),
            "training_data": _PHOTOS,
            "training_photos": trained.metadata["training_photos"],
            "out_of_fold": {
                **{key: figures[key] for key in _FIGURES if key in figures},
                "msid": evaluate_msid(folds / "out_of_fold.csv", read_photos(data, trained.classes), trained.classes),
            },
            "licence": _LICENCE,
            "config": without_folders(config),
            "environment": trained.metadata["environment"],
        },
    )
    photos = read_external_photos(external, trained.classes)
    measured = external_figures(photos, predict_labelled(load_classifier(folder), photos), trained.classes)
    write_metadata(folder, {**read_metadata(folder), "external": measured})
    keep_out_of_fold(folds / "out_of_fold.csv", name)
    click.echo(f"{folder}: {(folder / MODEL_FILE).stat().st_size / 1e6:.2f} MB")


def keep_out_of_fold(table, name):
    """Keep the labels and the probabilities, without the names of the photos, as configs/results/out_of_fold_NAME.csv.gz."""
    left_out = ("file", "group", "fold", "ood_score")
    with table.open(newline="", encoding="utf-8") as stream:
        rows = [{key: value for key, value in row.items() if key not in left_out} for row in csv.DictReader(stream)]
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with replacing(RESULTS / f"out_of_fold_{name}.csv.gz") as temporary:
        # Without the time, equal results make equal files.
        temporary.write_bytes(gzip.compress(text.getvalue().encode(), mtime=0))


def evaluate_msid(table, photos, classes):
    """Figures of the four classes of MSID, whatever probability `other` has: of all its photos, and of those without doubt."""
    with table.open(newline="", encoding="utf-8") as stream:
        rows = {row["file"]: row for row in csv.DictReader(stream)}
    photos = [photo for photo in photos if photo.metadata.get("source") == "msid"]
    four = [name for name in classes if name != OTHER]
    probabilities = np.array([[float(rows[photo.file][name]) for name in four] for photo in photos])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    labels = np.array([four.index(photo.label) for photo in photos])
    folds = np.array([int(rows[photo.file]["fold"]) for photo in photos])
    sure = np.array(["doubt" not in photo.metadata for photo in photos])
    kinds = {"all": np.ones(len(photos), bool), "without_doubtful": sure}
    figures = {name: evaluate_predictions(labels[kind], probabilities[kind], four, folds[kind]) for name, kind in kinds.items()}
    return {name: {key: found[key] for key in _MSID_FIGURES} for name, found in figures.items()}


def without_folders(config):
    """The config with the last part of each path alone."""
    model, data = config["model"], config["data"]
    names = {key: part[key] and Path(part[key]).name for key, part in (("weights", model), ("non_skin", data))}
    return {**config, "model": {**model, "weights": names["weights"]}, "data": {**data, "non_skin": names["non_skin"]}}


if __name__ == "__main__":
    main()
