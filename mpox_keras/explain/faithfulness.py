"""Whether a heat map is true to the network: what becomes of the answer, or of the map, when photo or network change."""

import numpy as np
from PIL import Image, ImageFilter

from mpox_keras.explain.perturbation import class_probabilities, mean_colour
from mpox_keras.inference.classifier import Classifier

STEPS = 20  # The pixels are covered, or shown, in so many equal shares.
BLUR = 12  # Pixels; leaves no detail.


def deletion_and_insertion(classifier: Classifier, photo: np.ndarray, heat: np.ndarray, label: str) -> tuple[float, float]:
    """Areas under the deletion and insertion curves of a heat map (Petsiuk et al. 2018, arXiv 1806.07421, section 3.2).

    Deletion covers the hottest pixels first, with the photo's mean colour; insertion begins with the blurred photo and
    shows the hottest pixels first. The curves are the class's probability over the share of pixels.

    Args:
        classifier: of any form.
        photo: uint8 `(image_size, image_size, 3)`.
        heat: `(image_size, image_size)`, the map for the class `label`.

    Returns:
        The area of the deletion curve, the smaller the better, and of the insertion curve, the larger the better; 0 to 1.

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
