"""Occlusion tests: whether the answers come from the lesions, by hiding a part of each photo."""

from collections.abc import Sequence

import numpy as np

from mpox_keras.evaluation.intervals import proportion
from mpox_keras.explain.perturbation import mean_colour
from mpox_keras.inference.classifier import Classifier

VIEWS = ("whole", "covered", "only")
"""The photo as it is; without a region, which is covered with the photo's mean colour; and with that region only."""


def middle_half(size: int) -> np.ndarray:
    """The square of half the area in the middle: bool `(size, size)`."""
    margin = round(size * (1 - np.sqrt(0.5)) / 2)
    middle = np.zeros((size, size), bool)
    middle[margin:-margin, margin:-margin] = True
    return middle


def paint_over(photo: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """A photo, uint8 `(height, width, 3)`, in its mean colour where `hidden`, bool `(height, width)`, is true."""
    return np.where(hidden[..., None], mean_colour(photo), photo)


def hide(classifier: Classifier, photo: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Calibrated probabilities, `(views, classes)`, for a photo in each of `VIEWS`.

    The photo is uint8 `(image_size, image_size, 3)`; the region, such as a lesion mask, bool `(image_size, image_size)`.
    """
    views = np.stack([photo, paint_over(photo, region), paint_over(photo, ~region)])
    return classifier.predict_pixels(views)["probabilities"]


def occlusion_test_figures(probabilities: np.ndarray, labels: Sequence[int]) -> dict:
    """What hiding did to the answers for many photos.

    Args:
        probabilities: of `hide`, `(photos, views, classes)`.
        labels: true class indices, `(photos,)`; ValueError if they do not fit the probabilities.

    Returns:
        View -> `accuracy`, and `changed`, the share of answers that are another class than for the whole photo, each with its
        Wilson interval (`_interval`).

    Example:
        >>> occlusion_test_figures(np.stack([hide(classifier, photo, mask)]), [0])["covered"]["changed"]
        1.0
    """
    answers, labels = np.asarray(probabilities).argmax(axis=-1), np.asarray(labels)
    if answers.shape != (len(labels), len(VIEWS)):
        raise ValueError(f"{answers.shape} answers do not fit {len(labels)} labels and {len(VIEWS)} views; give one each.")
    return {
        view: {
            **proportion("accuracy", (answers[:, index] == labels).sum(), len(labels)),
            **proportion("changed", (answers[:, index] != answers[:, 0]).sum(), len(labels)),
        }
        for index, view in enumerate(VIEWS)
    }
