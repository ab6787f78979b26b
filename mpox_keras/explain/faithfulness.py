"""Whether a heat map is true to the network: what happens to the answer when the photo, or the network, is changed."""

from __future__ import annotations

import keras
import numpy as np

from mpox_keras.explain.perturbation import blurred, class_probabilities, mean_colour
from mpox_keras.inference.classifier import Classifier
from mpox_keras.models.fast_mpoxnet import deploy

STEPS = 20
"""How many equal shares of the pixels are taken away or brought in."""


def deletion_and_insertion(predictor: Classifier, photo: np.ndarray, heat: np.ndarray, label: str) -> tuple[float, float]:
    """Areas under the deletion and insertion curves of a heat map (Petsiuk et al. 2018, arXiv 1806.07421, section 3.2).

    Deletion covers the hottest pixels first, with the photo's mean colour; insertion begins with the blurred photo and
    brings the hottest pixels in first. The curves are the class's probability over the share of pixels.

    Args:
        predictor: any.
        photo: uint8 `(image_size, image_size, 3)`.
        heat: `(image_size, image_size)`.
        label: the class that the map is for.

    Returns:
        The area of the deletion curve, the smaller the better, and of the insertion curve, the larger the better; 0 to 1.

    Example:
        >>> deletion, insertion = deletion_and_insertion(classifier, photo, explain(classifier, photo), "mpox")
    """
    order = np.argsort(-heat, axis=None, kind="stable")
    ranks = np.empty(order.size, int)
    ranks[order] = np.arange(order.size)
    ranks = ranks.reshape(heat.shape)
    soft = blurred(photo)
    mean = np.broadcast_to(mean_colour(photo), photo.shape)
    hottest = [(ranks < ranks.size * step / STEPS)[..., None] for step in range(STEPS + 1)]
    index = predictor.classes.index(label)
    deletion = class_probabilities(predictor, (np.where(chosen, mean, photo) for chosen in hottest), index)
    insertion = class_probabilities(predictor, (np.where(chosen, photo, soft) for chosen in hottest), index)
    return float(np.trapezoid(deletion) / STEPS), float(np.trapezoid(insertion) / STEPS)


def with_shuffled_weights(classifier: Classifier, seed: int = 0) -> Classifier:
    """The same network with every weight drawn anew (Adebayo et al. 2018, arXiv 1810.03292, section 3).

    A map that stays as it was does not depend on what the network has learned. Each variable's own values are shuffled, so
    that their spread, and with it the size of the activations, stays.

    Args:
        classifier: left as it is.
        seed: of the drawing.
    """
    model = keras.models.clone_model(classifier.trained)
    random = np.random.default_rng(seed)
    model.set_weights([random.permutation(values.ravel()).reshape(values.shape) for values in classifier.trained.get_weights()])
    deployed = deploy(model, class_activation_map=True, temperature=classifier.metadata["temperature"])
    return Classifier(classifier.metadata, deployed.predict_on_batch, model)
