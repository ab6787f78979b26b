"""Cross-validation: every photo is predicted by a network that never saw its group."""

from __future__ import annotations

import csv
import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mpox_keras.config import AugmentationConfig, Config
from mpox_keras.data.augmentation import augment
from mpox_keras.data.folder import Photo, metadata_columns
from mpox_keras.data.loading import load_photos
from mpox_keras.data.splits import assign_folds
from mpox_keras.data.styles import assign_styles
from mpox_keras.evaluation.external import evaluate_mpox_against_other_rashes
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.evaluation.thresholds import choose_thresholds
from mpox_keras.reports.report import write_report
from mpox_keras.training.folds import PhotoArrays, train_left_out
from mpox_keras.training.runs import environment, open_run, training_seconds
from mpox_keras.utils.files import locked, replacing

_SPLITS = {
    "grouped": "groups kept together, augmentation of the training part only",
    "style": "trained on wide shots and evaluated on close-ups, and the other way round, groups kept together",
    "stratified": "groups ignored and duplicates left in, augmentation of the training part only",
    "copies_first": "augmented copies of every photo made before the split, groups ignored and duplicates left in",
}

_NO_AUGMENTATION = AugmentationConfig(
    crop_area=[1.0, 1.0],
    crop_aspect=[1.0, 1.0],
    flips=False,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
    white_balance=0.0,
    mixup=0.0,
)


def cross_validate(
    config: Config,
    photos: Sequence[Photo],
    folder: str | Path,
    external: Sequence[Photo] | None = None,
    workers: int = 1,
) -> dict:
    """Train one network per fold on the photos of the other folds and predict the photos left out.

    The last weights of the schedule are evaluated: no fold is used to stop early or to choose anything. A run that was cut off
    goes on in the fold and epoch it was in.

    Args:
        config: the experiment.
        photos: labelled photos; folds given with them are used, else grouped stratified ones are made, or those of the styles.
        external: photos of mpox and of other external rashes, evaluated by every fold's network and used for nothing.
        workers: how many networks are trained side by side, see `train_left_out`.
        folder: gets a folder per fold, `out_of_fold.csv` (file, label, group, fold, one probability per class, ood_score),
            `results.json` and `report.html`.

    Returns:
        Figures of `evaluate_predictions` and `choose_thresholds`, training seconds, config and environment; with external
        photos also `external`: figures of `evaluate_mpox_against_other_rashes` for the mean of the networks' probabilities, and
        `external_auc`, the mean over the networks of the AUC per patient, which is what one network is worth.

    Raises:
        DataError: the folds do not fit the photos.
        PhotoError: a photo can't be read.
        RunError: the folder belongs to another run, or something in it is damaged.
        FolderInUseError: another run works in the folder.
    """
    folder = Path(folder)
    classes = config.data.classes
    with locked(folder):
        open_run(folder, config, photos)
        pixels = load_photos(photos, config.model.image_size)
        training_config = config
        if config.data.split == "copies_first":
            photos, pixels = add_copies(photos, pixels, config)
            training_config = _for_copies(config)
        groups = np.array([photo.group for photo in photos])
        if config.data.split == "style":
            folds = assign_styles(pixels, np.array([photo.label for photo in photos]), groups, config.seed)
        else:
            folds = assign_folds(photos, config.data.folds, config.seed)
        arrays = PhotoArrays(
            pixels,
            labels=np.array([classes.index(photo.label) for photo in photos]),
            folds=folds,
            external=load_photos(external, config.model.image_size) if external else None,
        )
        numbers = sorted(set(folds.tolist()))
        answers = train_left_out(training_config, arrays, [(fold,) for fold in numbers], folder, workers)
    probabilities, ood_score = np.zeros((len(photos), len(classes))), np.zeros(len(photos))
    for fold in numbers:
        held_out, answer = folds == fold, answers[fold,]
        probabilities[held_out], ood_score[held_out] = answer.probabilities, answer.ood_score
    seconds = {f"fold_{fold}": training_seconds(folder / f"fold_{fold}") for fold in numbers}
    labels = arrays.labels

    _write_out_of_fold(folder / "out_of_fold.csv", photos, folds, probabilities, ood_score, classes)
    results = {
        **evaluate_predictions(labels, probabilities, classes, folds=folds, metadata=metadata_columns(photos)),
        "thresholds": choose_thresholds(labels, probabilities, classes, folds, ood_score) if "mpox" in classes else None,
        **(_external_figures(external, [answers[fold,].external for fold in numbers], classes) if external else {}),
        "training_seconds": {**seconds, "total": sum(seconds.values())},
        "config": config.model_dump(),
        "environment": environment(),
    }
    protocol = (
        f"{len(seconds)}-fold cross-validation, {_origin(photos, config)}, "
        f"{_SPLITS[config.data.split]}; last weights of a fixed schedule; "
        f"out-of-fold predictions of {len(photos)} photos in {len(set(groups))} groups"
    )
    files = [photo.file for photo in photos]
    write_report(folder, results, labels, probabilities, title="Cross-validation", protocol=protocol, files=files)
    return results


def add_copies(photos: Sequence[Photo], pixels: np.ndarray, config: Config) -> tuple[list[Photo], np.ndarray]:
    """Photos and `data.copies` augmented copies of each, all taken as photos of their own.

    This is what shows how far such copies flatter a result; nothing else should use it.

    Returns:
        The photos, and as many pictures, `(photos, size, size, 3)`, uint8.
    """
    every_photo, every_picture = list(photos), [pixels]
    targets = np.zeros((len(photos), 1), "float32")
    unmixed = config.augmentation.model_copy(update={"mixup": 0.0})
    for copy in range(1, config.data.copies + 1):
        names = [f"{photo.file}#{copy}" for photo in photos]
        every_photo += [dataclasses.replace(p, file=n, group=n) for p, n in zip(photos, names, strict=True)]
        for start in range(0, len(photos), 64):
            part = slice(start, start + 64)
            pictures, _ = augment(pixels[part], targets[part], unmixed, [config.seed + copy, start])
            every_picture.append(np.clip(np.round(pictures), 0, 255).astype("uint8"))
    return every_photo, np.concatenate(every_picture)


def _origin(photos, config):
    if config.data.split == "style":
        return "folds by clusters of framing"
    return "folds given with the data" if any(photo.fold is not None for photo in photos) else "stratified folds"


def _for_copies(config):
    """The copies are all the augmentation there is; with them an epoch is longer, and as many fewer make the same steps."""
    share = 1 / (1 + config.data.copies)
    training = config.training
    fewer = {"epochs": max(1, round(training.epochs * share)), "warmup_epochs": training.warmup_epochs * share}
    return config.model_copy(update={"training": training.model_copy(update=fewer), "augmentation": _NO_AUGMENTATION})


def _external_figures(photos, probabilities, classes):
    kinds = np.array([photo.label for photo in photos])
    rashes = kinds != "normal"
    patients = [photo.metadata.get("patient", "") for photo in photos if photo.label != "normal"]

    def figures(answers):
        return evaluate_mpox_against_other_rashes(kinds[rashes] == "mpox", answers[rashes], classes, patients)

    each = [figures(answers)["auc_per_patient"] for answers in probabilities]
    return {
        "external": figures(np.mean(probabilities, axis=0)),
        "external_auc": float(np.mean(each)),
        "external_auc_of_each_network": each,
    }


def _write_out_of_fold(path, photos, folds, probabilities, ood_score, classes):
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["file", "label", "group", "fold", *classes, "ood_score"])
        for photo, fold, row, unlike in zip(photos, folds, probabilities, ood_score, strict=True):
            writer.writerow([photo.file, photo.label, photo.group, fold, *(f"{value:.6f}" for value in (*row, unlike))])
