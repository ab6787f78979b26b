"""Cross-validation: every photo is predicted by a network that never saw its group."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mpox_keras.config import Config
from mpox_keras.data.folder import Photo, metadata_columns
from mpox_keras.data.loading import load_arrays, load_photos
from mpox_keras.data.splits import assign_folds
from mpox_keras.evaluation.external import evaluate_left_out_source
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.evaluation.thresholds import choose_thresholds
from mpox_keras.reports.evaluate import external_figures, write_report
from mpox_keras.training.folds import train_left_out
from mpox_keras.training.runs import environment, open_run, training_seconds
from mpox_keras.utils.files import locked, write_table

_PHOTOS_OF_SOURCE = 100


def cross_validate(
    config: Config,
    photos: Sequence[Photo],
    folder: str | Path,
    *,
    external: Sequence[Photo] | None = None,
    protocol: str = "groups kept together, augmentation of the training part only",
    workers: int = 1,
    **options,
) -> dict:
    """Train one network per fold on the photos of the other folds and predict the photos left out.

    The last weights of the schedule are evaluated: no fold is used to stop early or to choose anything. A run that was cut off
    goes on in the fold and epoch it was in.

    Args:
        photos: labelled; folds given with them are used, else grouped stratified ones are made.
        folder: gets a folder per fold, `out_of_fold.csv` (file, label, group, fold, one probability per class, ood_score),
            `results.json` and `report.html`.
        external: photos of mpox and of other rashes, evaluated by every fold's network and used for nothing else.
        protocol: what the report says of the split and the augmentation.
        workers: how many networks are trained side by side, see `train_left_out`.
        **options: `augment` and `build`, as for `train`. A folder belongs to one of each; neither is written down in it.

    Returns:
        Figures of `evaluate_predictions` and, on the photos whose labels are not doubtful, of `choose_thresholds`; training
        seconds, config and environment; with sources left out `left_out_sources`: source -> `evaluate_left_out_source`; with
        external photos `external`: figures of `evaluate_mpox_against_other_rashes` for the mean of the networks' probabilities,
        and `external_auc`, the mean over the networks of the AUC per patient, which is what one network is worth.

    Raises:
        DataError: the folds do not fit the photos.
        PhotoError, RunError, FolderInUseError: as in `fit_photos`.

    Example:
        >>> results = cross_validate(config, photos, "runs/crossval")
        >>> results["accuracy_mean"], results["accuracy_sd"]
    """
    folder, classes = Path(folder), config.data.classes
    with locked(folder):
        open_run(folder, config, photos)
        folds = assign_folds(photos, config.data.folds, config.seed)
        arrays = load_arrays(photos, config)
        numbers = np.unique(folds).tolist()
        external_pixels = load_photos(external, config.model.image_size) if external else None
        alone = [(fold,) for fold in numbers]
        answers = train_left_out(config, arrays, folds, alone, folder, external_pixels, workers, **options)
        sources = _sources_to_leave_out(photos) if config.data.leave_out_sources else []
        of_source = np.array([sources.index(name) if name in sources else -1 for name in _sources(photos)])
        each = [(number,) for number in range(len(sources))]
        of_sources = train_left_out(config, arrays, of_source, each, folder / "sources", None, workers, **options)
        probabilities, ood_score = np.zeros((len(photos), len(classes))), np.zeros(len(photos))
        for fold in numbers:
            probabilities[folds == fold] = answers[fold,].probabilities
            ood_score[folds == fold] = answers[fold,].ood_score
        rows = (
            (photo.file, photo.label, photo.group, fold, *(f"{value:.6f}" for value in (*row, unlike)))
            for photo, fold, row, unlike in zip(photos, folds, probabilities, ood_score, strict=True)
        )
        write_table(folder / "out_of_fold.csv", ["file", "label", "group", "fold", *classes, "ood_score"], rows)
        labels, sure = arrays.labels, ~arrays.doubtful
        chosen_on = (array[sure] for array in (labels, probabilities, folds, ood_score))
        left_out = {
            name: evaluate_left_out_source(
                labels[of_source == number], of_sources[number,].probabilities, labels[sure], probabilities[sure], classes
            )
            for number, name in enumerate(sources)
        }
        seconds = {f"fold_{fold}": training_seconds(folder / f"fold_{fold}") for fold in numbers}
        results = {
            **evaluate_predictions(labels, probabilities, classes, folds=folds, metadata=metadata_columns(photos)),
            "thresholds": choose_thresholds(*chosen_on, classes),
            **({"left_out_sources": left_out} if sources else {}),
            **(_of_networks(external, [answers[fold,].external for fold in numbers], classes) if external else {}),
            "training_seconds": {**seconds, "total": sum(seconds.values())},
            "config": config.model_dump(),
            "environment": environment(),
        }
        given = {photo.fold for photo in photos} - {None}
        origin = "folds given with the data" if len(given) > 1 else "stratified folds"
        write_report(
            folder,
            results,
            labels,
            probabilities,
            title="Cross-validation",
            protocol=f"{len(numbers)}-fold cross-validation, {origin}, {protocol}; last weights of a fixed schedule; "
            f"out-of-fold predictions of {len(photos)} photos in {len({photo.group for photo in photos})} groups",
            files=[photo.file for photo in photos],
        )
    return results


def _sources(photos):
    return [photo.metadata.get("source", "") for photo in photos]


def _sources_to_leave_out(photos):
    """Those with photos enough to tell something, without which every class still has photos to train on."""
    sure = {
        (photo.label, source) for photo, source in zip(photos, _sources(photos), strict=True) if "doubt" not in photo.metadata
    }
    classes = {label for label, _ in sure}
    large = [source for source, count in sorted(Counter(_sources(photos)).items()) if source and count >= _PHOTOS_OF_SOURCE]
    return [source for source in large if {label for label, other in sure if other != source} == classes]


def _of_networks(photos, probabilities, classes):
    each = [external_figures(photos, answers, classes)["auc_per_patient"] for answers in probabilities]
    return {
        "external": external_figures(photos, np.mean(probabilities, axis=0), classes),
        "external_auc": float(np.mean(each)),
        "external_auc_of_each_network": each,
    }
