"""One interface to every method: a photo and a class in, a heat map of the photo's size out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from mpox_keras.explain import gradients, perturbation
from mpox_keras.inference.classifier import Classifier
from mpox_keras.utils.errors import MpoxKerasError


class ExplanationError(MpoxKerasError, ValueError):
    """An explanation that was asked for can't be had; the message says what can."""


def _class_activation_map(predictor, photo, index):
    return predictor.predict_pixels(photo[None])["class_activation_map"][0, ..., index]


METHODS: dict[str, Callable] = {
    "class_activation_map": _class_activation_map,
    "grad_cam": gradients.grad_cam,
    "grad_cam_plus_plus": gradients.grad_cam_plus_plus,
    "score_cam": gradients.score_cam,
    "smooth_grad": gradients.smooth_grad,
    "integrated_gradients": gradients.integrated_gradients,
    "occlusion": perturbation.occlusion,
    "lime": perturbation.lime,
    "shap": perturbation.shap,
}
"""Name -> function of a predictor, a photo and a class's index to a map of any size, signed or not."""

NEED_GRADIENTS = frozenset({"grad_cam", "grad_cam_plus_plus", "score_cam", "smooth_grad", "integrated_gradients"})
"""The methods that a bundle can't be explained by."""


def check_method(predictor: Classifier, method: str) -> None:
    """Say whether a predictor can be explained by a method.

    Raises:
        ExplanationError: the method is unknown, or needs gradients and the predictor has none.
    """
    if method not in METHODS:
        raise ExplanationError(f"there is no method {method!r}. To be had are {', '.join(METHODS)}.")
    if method in NEED_GRADIENTS and predictor.trained is None:
        usable = ", ".join(name for name in METHODS if name not in NEED_GRADIENTS)
        raise ExplanationError(f"{method} needs gradients, which a bundle has not. To be had for it are {usable}.")


def methods_for(predictor: Classifier) -> list[str]:
    """Names of all methods that a predictor can be explained by."""
    return [name for name in METHODS if name not in NEED_GRADIENTS or predictor.trained is not None]


def explain(
    predictor: Classifier, photo: np.ndarray, method: str = "class_activation_map", label: str | None = None
) -> np.ndarray:
    """A heat map of what in a photo speaks for a class.

    Gradients and class activation maps explain the class's logit, before temperature and softmax; the methods that change
    the photo explain its calibrated probability. What speaks against the class is left out.

    Args:
        predictor: a `Classifier`; a `Bundle` too for `class_activation_map`, `occlusion`, `lime` and `shap`.
        photo: uint8 `(image_size, image_size, 3)`, as `resize_photo` gives it.
        method: a name in `METHODS`.
        label: the class; by default the likeliest.

    Returns:
        float32 `(image_size, image_size)`, 0 to 1; 1 where the most speaks for the class, all zeros where nothing does.

    Raises:
        ExplanationError: the method or the class is unknown, or the method needs gradients and the predictor has none.
        MissingExtraError: the method needs a package of the extra `explain`.

    Example:
        >>> heat = explain(load_classifier(), photo, "grad_cam", "mpox")
    """
    check_method(predictor, method)
    if label is not None and label not in predictor.classes:
        raise ExplanationError(f"there is no class {label!r}. The network knows {', '.join(predictor.classes)}.")
    if label is None:
        index = int(np.argmax(predictor.predict_pixels(photo[None])["probabilities"][0]))
    else:
        index = predictor.classes.index(label)
    found = np.maximum(np.asarray(METHODS[method](predictor, photo, index), "float32"), 0)
    if found.shape != photo.shape[:2]:
        found = np.array(Image.fromarray(found).resize(photo.shape[1::-1], Image.Resampling.BILINEAR))
    return found / found.max() if found.max() > 0 else found
