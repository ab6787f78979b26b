"""Whether a heat map is true to the network, and answers come from the lesions: what changes as photo or network change."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from mpox_keras.evaluation.intervals import proportion
from mpox_keras.explain.perturbation import class_probabilities, mean_colour
from mpox_keras.inference.classifier import Classifier

STEPS = 20  # The pixels are covered, or shown, in so many equal shares.
BLUR = 12  # Pixels; leaves no detail.
VIEWS = ("whole", "covered", "only")
"""The photo as it is; without a region, which is covered with the photo's mean colour; and with that region only."""


def deletion_and_insertion(classifier: Classifier, photo: np.ndarray, heat: np.ndarray, label: str) -> tuple[float, float]:
    """Areas under the deletion and insertion curves of a heat map (Petsiuk et al. 2018, arXiv 1806.07421, section 3.2).

    Deletion covers the hottest pixels first, with the photo's mean colour; insertion begins with the blurred photo and
    shows the hottest pixels first. The curves are the class's probability over the share of pixels. The smaller the first
    area, and the larger the second, the better; both are 0 to 1. The photo is uint8 `(image_size, image_size, 3)`, the heat map
    for the class `label` `(image_size, image_size)`.

    Example:
        >>> deletion, insertion = deletion_and_insertion(classifier, photo, explain(classifier, photo), "mpox")
    """
    # Argsort twice: the place of each pixel among all.
    ranks = np.argsort(np.argsort(-heat, axis=None, kind="stable")).reshape(heat.shape)
    hottest = [(ranks < heat.size * step / STEPS)[..., None] for step in range(STEPS + 1)]
    soft = np.array(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(BLUR)))
    mean, index = mean_colour(photo), classifier.classes.index(label)
    deletion = class_probabilities(classifier, (np.where(chosen, mean, photo) for chosen in hottest), index)
    insertion = class_probabilities(classifier, (np.where(chosen, photo, soft) for chosen in hottest), index)
    return float(np.trapezoid(deletion) / STEPS), float(np.trapezoid(insertion) / STEPS)


def with_shuffled_weights(classifier: Classifier, seed: int = 0) -> Classifier:
    """The same network without what it has learned (Adebayo et al. 2018, arXiv 1810.03292, section 3).

    Each variable's own values are shuffled, so that the size of the activations stays. A map that stays as it was does not
    depend on what the network has learned. The classifier, a trained one, is left as it is.
    """
    from mpox_keras.models.deploy import deploy

    model = type(classifier.trained).from_config(classifier.trained.get_config())
    random = np.random.default_rng(seed)
    model.set_weights([random.permutation(values.ravel()).reshape(values.shape) for values in classifier.trained.get_weights()])
    deployed = deploy(model, class_activation_map=True, temperature=classifier.metadata["temperature"])
    return Classifier(classifier.metadata, deployed.predict_on_batch, lambda: model)


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

    From the probabilities of `hide`, `(photos, views, classes)`, and the true class indices, `(photos,)`: view -> `accuracy`,
    and `changed`, the share of answers that are another class than for the whole photo, each with its Wilson interval.

    Example:
        >>> occlusion_test_figures(np.stack([hide(classifier, photo, mask)]), [0])["covered"]["changed"]
        1.0
    """
    answers, labels = np.asarray(probabilities).argmax(axis=-1), np.asarray(labels)
    return {
        view: {
            **proportion("accuracy", (answers[:, index] == labels).sum(), len(labels)),
            **proportion("changed", (answers[:, index] != answers[:, 0]).sum(), len(labels)),
        }
        for index, view in enumerate(VIEWS)
    }
