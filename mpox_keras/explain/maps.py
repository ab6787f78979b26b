"""One interface to every method: a photo and a class in, a heat map of the photo's size out."""

from collections.abc import Callable

import numpy as np
from PIL import Image

from mpox_keras.explain import gradients, perturbation
from mpox_keras.inference.classifier import Classifier
from mpox_keras.utils.errors import MpoxKerasError


class ExplanationError(MpoxKerasError, ValueError):
    """There is no such explanation; the message says which there are."""


METHODS: dict[str, Callable] = {
    "class_activation_map": lambda of, photo, index: of.predict_pixels(photo[None])["class_activation_map"][0, ..., index],
    "grad_cam_plus_plus": gradients.grad_cam_plus_plus,
    "score_cam": gradients.score_cam,
    "smooth_grad": gradients.smooth_grad,
    "integrated_gradients": gradients.integrated_gradients,
    "occlusion": perturbation.occlusion,
    "lime": perturbation.lime,
    "shap": perturbation.shap,
}
"""Name -> function of a classifier, a photo and a class's index to a map of any size, signed or not."""

_OF_PIXELS = {"smooth_grad", "integrated_gradients"}
_NEED_GRADIENTS = {"grad_cam_plus_plus", "score_cam", *_OF_PIXELS}


def check_method(classifier: Classifier, method: str) -> None:
    """ExplanationError if a method is unknown, or needs gradients and the classifier has none."""
    if method not in METHODS:
        raise ExplanationError(f"there is no method {method!r}. Choose among {', '.join(METHODS)}.")
    if method not in methods_for(classifier):
        raise ExplanationError(
            f"{method} needs gradients, which an exported network does not have. Choose among "
            f"{', '.join(methods_for(classifier))}, or give a preset or the folder of a finished fit."
        )


def methods_for(classifier: Classifier) -> list[str]:
    """Names of the methods that a classifier can be explained by; an exported one has no gradients."""
    return [name for name in METHODS if name not in _NEED_GRADIENTS or classifier.trained is not None]


def explain(
    classifier: Classifier, photo: np.ndarray, method: str = "class_activation_map", label: str | None = None
) -> np.ndarray:
    """A heat map of what in a photo speaks for a class.

    Gradients and class activation maps explain the class's logit, before temperature and softmax; the methods that change
    the photo explain its calibrated probability. What speaks against the class is left out. Of the methods that explain
    single pixels (SmoothGrad, integrated gradients) the top 1 % are all 1: a few far larger ones would leave the rest black.

    Args:
        classifier: of any form for `class_activation_map`, `occlusion`, `lime` and `shap`; a trained one for the others.
        photo: uint8 `(image_size, image_size, 3)`, as `resize_photo` gives it.
        method: a name in `METHODS`.
        label: the class; by default the likeliest.

    Returns:
        float32 `(image_size, image_size)`, 0 to 1; 1 where the most speaks for the class, all zeros where nothing does.

    Raises:
        ExplanationError: of `check_method`, or there is no such class.
        MissingExtraError: the method needs a package of the extra `explain`.

    Example:
        >>> heat = explain(load_classifier(), photo, "occlusion", "mpox")
    """
    check_method(classifier, method)
    if label is None:
        label = classifier.classes[np.argmax(classifier.predict_pixels(photo[None])["probabilities"])]
    if label not in classifier.classes:
        raise ExplanationError(f"there is no class {label!r}. The network knows {', '.join(classifier.classes)}.")
    signed = METHODS[method](classifier, photo, classifier.classes.index(label))
    found = np.maximum(np.asarray(signed, "float32"), 0)
    if found.shape != photo.shape[:2]:
        found = np.array(Image.fromarray(found).resize(photo.shape[1::-1], Image.Resampling.BILINEAR))
    top = (np.percentile(found, 99) if method in _OF_PIXELS else 0) or found.max()
    return np.minimum(found / np.float32(top), 1) if top > 0 else found
