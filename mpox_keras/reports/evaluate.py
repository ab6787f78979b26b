"""Evaluate a classifier on labelled photos."""

from collections.abc import Sequence

import numpy as np

from mpox_keras.data.decode import PhotoError
from mpox_keras.data.folder import DataError, Photo, metadata_columns
from mpox_keras.evaluation.external import evaluate_mpox_against_other_rashes
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.inference.classifier import Classifier
from mpox_keras.utils.classes import MPOX, NORMAL


def evaluate_classifier(classifier: Classifier, photos: Sequence[Photo]) -> tuple[dict, np.ndarray, np.ndarray]:
    """What `evaluate_predictions` returns for labelled photos, none of which the network should have been trained on.

    With it come the labels, `(photos,)`, and the probabilities, `(photos, classes)`. DataError if a photo's label is no class
    of the classifier, PhotoError if it can't be read.
    """
    unknown = sorted({photo.label for photo in photos}.difference(classifier.classes))
    if unknown:
        known = ", ".join(classifier.classes)
        raise DataError(f"the photos have the labels {', '.join(unknown)}, but the network knows {known}.")
    labels = np.array([classifier.classes.index(photo.label) for photo in photos])
    probabilities = predict_labelled(classifier, photos)
    results = evaluate_predictions(labels, probabilities, classifier.classes, metadata=metadata_columns(photos))
    return results, labels, probabilities


def external_figures(photos: Sequence[Photo], probabilities: np.ndarray, classes: Sequence[str]) -> dict:
    """What `evaluate_mpox_against_other_rashes` returns for photos of rashes, whichever these are; normal ones are left out."""
    rash = np.array([photo.label != NORMAL for photo in photos])
    mpox = np.array([photo.label == MPOX for photo in photos])
    patients = [photo.metadata.get("patient", "") for photo in photos if photo.label != NORMAL]
    return evaluate_mpox_against_other_rashes(mpox[rash], probabilities[rash], classes, patients)


def predict_labelled(classifier: Classifier, photos: Sequence[Photo]) -> np.ndarray:
    """Probabilities, `(photos, classes)`; PhotoError if a photo can't be read."""
    probabilities = np.zeros((len(photos), len(classifier.classes)))
    for index, prediction in enumerate(classifier.predict(photo.encoded for photo in photos)):
        if prediction.error:
            raise PhotoError(
                f"{photos[index].file}: {prediction.error} Or leave it out: write a reason in the column `drop` of "
                "its row in groups.csv (`mpox-keras data check` does)."
            )
        probabilities[index] = list(prediction.probabilities.values())
    return probabilities
