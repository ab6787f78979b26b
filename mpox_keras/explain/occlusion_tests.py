"""Whether the answers come from the lesions: what becomes of them when a part of each photo is hidden."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mpox_keras.evaluation.metrics import proportion
from mpox_keras.explain.perturbation import blurred, mean_colour
from mpox_keras.inference.classifier import Classifier

HOTTEST_SHARE = 0.25
"""How much of a photo its hottest region is."""

VIEWS = ("whole", "covered", "blurred", "only", "only_with_rest_blurred")
"""The photo as it is; with the region in the photo's mean colour, or blurred; with all but the region so."""


def middle_half(size: int) -> np.ndarray:
    """The square of half the area in the middle: bool `(size, size)`."""
    margin = round(size * (1 - np.sqrt(0.5)) / 2)
    middle = np.zeros((size, size), bool)
    middle[margin:-margin, margin:-margin] = True
    return middle


def hottest_region(heat: np.ndarray) -> np.ndarray:
    """The hottest quarter of a heat map: bool `(height, width)`."""
    region = np.zeros(heat.size, bool)
    region[np.argsort(-heat, axis=None, kind="stable")[: round(HOTTEST_SHARE * heat.size)]] = True
    return region.reshape(heat.shape)


def paint_over(photo: np.ndarray, hidden: np.ndarray) -> np.ndarray:
    """A photo with a part in the photo's mean colour.

    Args:
        photo: uint8 `(height, width, 3)`.
        hidden: bool `(height, width)`, true where the paint goes.
    """
    return np.where(hidden[..., None], mean_colour(photo), photo)


def hide(predictor: Classifier, photo: np.ndarray, region: np.ndarray) -> np.ndarray:
    """FoldPredictions to a photo in each of `VIEWS`.

    Args:
        predictor: any.
        photo: uint8 `(image_size, image_size, 3)`.
        region: bool `(image_size, image_size)`, such as a lesion mask.

    Returns:
        Calibrated probabilities, `(views, classes)`.

    Example:
        >>> hide(classifier, photo, mask)[VIEWS.index("covered")]
    """
    soft = blurred(photo)
    inside = region[..., None]
    views = [
        photo,
        paint_over(photo, region),
        np.where(inside, soft, photo),
        paint_over(photo, ~region),
        np.where(inside, photo, soft),
    ]
    return predictor.predict_pixels(np.stack(views))["probabilities"]


def occlusion_test_figures(probabilities: np.ndarray, labels: Sequence[int]) -> dict:
    """What hiding did to the answers of many photos.

    Args:
        probabilities: of `hide`, `(photos, views, classes)`.
        labels: true class indices, `(photos,)`.

    Returns:
        View -> `accuracy` with `accuracy_interval` (Wilson), mean `probability_of_true_class`, mean
        `probability_of_first_answer` (of the class that the whole photo was answered with), and `changed`, the share of
        answers that are another class than for the whole photo, with `changed_interval`.

    Raises:
        ValueError: the arrays do not fit together.

    Example:
        >>> occlusion_test_figures(np.stack([hide(classifier, photo, mask)]), [0])["covered"]["changed"]
        1.0
    """
    probabilities, labels = np.asarray(probabilities), np.asarray(labels)
    if probabilities.ndim != 3 or probabilities.shape[:2] != (len(labels), len(VIEWS)):
        raise ValueError(f"{probabilities.shape} probabilities do not fit {len(labels)} labels and {len(VIEWS)} views.")
    answers = probabilities.argmax(axis=-1)
    photos = np.arange(len(labels))
    return {
        view: {
            **proportion("accuracy", (answers[:, index] == labels).sum(), len(labels)),
            "probability_of_true_class": float(probabilities[photos, index, labels].mean()),
            "probability_of_first_answer": float(probabilities[photos, index, answers[:, 0]].mean()),
            **proportion("changed", (answers[:, index] != answers[:, 0]).sum(), len(labels)),
        }
        for index, view in enumerate(VIEWS)
    }
