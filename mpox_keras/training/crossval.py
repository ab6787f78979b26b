"""Cross-validation: every photo is predicted by a network that never saw its group."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import click
import keras
import numpy as np

from mpox_keras.config import Config
from mpox_keras.data.folder import Photo, metadata_columns
from mpox_keras.data.loading import load_photos
from mpox_keras.data.splits import assign_folds
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.evaluation.report import write_report
from mpox_keras.files import replacing
from mpox_keras.models import deploy
from mpox_keras.training.fit import train
from mpox_keras.training.runs import environment, open_run, training_seconds


def cross_validate(config: Config, photos: Sequence[Photo], folder: str | Path) -> dict:
    """Train one network per fold on the photos of the other folds and predict the photos left out.

    The last weights of the schedule are judged: no fold is used to stop early or to choose anything. A run that was cut off
    goes on in the fold and epoch it was in.

    Args:
        config: the experiment.
        photos: labelled photos; folds given with them are used, else grouped stratified ones are made.
        folder: gets a folder per fold, `out_of_fold.csv` (file, label, group, fold, one probability per class),
            `results.json` and `report.html`.

    Returns:
        Figures of `evaluate_predictions`, training seconds, config and environment.

    Raises:
        DataError: the folds do not fit the photos.
        PhotoError: a photo can't be read.
        RunError: the folder belongs to another run.
    """
    folder = open_run(folder, config, photos)
    classes = config.data.classes
    folds = assign_folds(photos, config.data.folds, config.seed)
    labels = np.array([classes.index(photo.label) for photo in photos])
    pixels = load_photos(photos, config.model.image_size)
    probabilities = np.zeros((len(photos), len(classes)))
    seconds = {}
    for fold in sorted(set(folds.tolist())):
        fold_folder = folder / f"fold_{fold}"
        held_out = folds == fold
        click.echo(f"fold {fold}: {(~held_out).sum()} photos to train on, {held_out.sum()} left out", err=True)
        model = train(config, pixels[~held_out], labels[~held_out], fold_folder)
        probabilities[held_out] = deploy(model).predict(pixels[held_out], verbose=0)["probabilities"]
        seconds[f"fold_{fold}"] = training_seconds(fold_folder)
        keras.backend.clear_session()

    _write_out_of_fold(folder / "out_of_fold.csv", photos, folds, probabilities, classes)
    given = any(photo.fold is not None for photo in photos)
    groups = len({photo.group for photo in photos})
    results = {
        **evaluate_predictions(labels, probabilities, classes, folds=folds, metadata=metadata_columns(photos)),
        "training_seconds": {**seconds, "total": sum(seconds.values())},
        "config": config.model_dump(),
        "environment": environment(),
    }
    protocol = (
        f"{len(seconds)}-fold cross-validation, {'folds given with the data' if given else 'stratified folds'}, "
        f"groups kept together; augmentation of the training part only; last weights of a fixed schedule; "
        f"out-of-fold predictions of {len(photos)} photos in {groups} groups"
    )
    files = [photo.file for photo in photos]
    write_report(folder, results, labels, probabilities, title="Cross-validation", protocol=protocol, files=files)
    return results


def _write_out_of_fold(path, photos, folds, probabilities, classes):
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["file", "label", "group", "fold", *classes])
        for photo, fold, row in zip(photos, folds, probabilities, strict=True):
            writer.writerow([photo.file, photo.label, photo.group, fold, *(f"{value:.6f}" for value in row)])
