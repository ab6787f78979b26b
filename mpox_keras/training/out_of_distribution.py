"""The output `ood_score` of a network, 0 to 1: how much a picture looks like one of anything but skin."""

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from mpox_keras.config import AugmentationConfig
from mpox_keras.data.augmentation import augment, augmentation_layers
from mpox_keras.data.decode import resize_photo
from mpox_keras.data.non_skin import non_skin_pictures
from mpox_keras.models.image_classifier import Network

_CHANGES = AugmentationConfig(mixup=0.0)
# Things may be seen from near or far.
_FROM_NEAR = AugmentationConfig(crop_area=[0.1, 1.0], mixup=0.0)
_BATCH = 64
_PENALTY = 30
_MOST = 1000  # photos, and pictures of each kind


def add_ood_score(model: Network, photos: np.ndarray, non_skin: np.ndarray | None = None, seed: int = 0) -> Network:
    """A network with the output `ood_score`, in place of the one that it may have.

    A logistic regression tells the photos from pictures of other things by the means of the feature maps that the classifier
    takes. That it is shown what to refuse is called outlier exposure (Hendrycks et al. 2019, arXiv 1812.04606); the network
    itself is not trained any further.

    Args:
        photos: the training photos, not augmented, `(photos, size, size, 3)`, uint8.
        non_skin: pictures of other things, `(pictures, height, width, 3)`, uint8, `non_skin_pictures()` if left out.
        seed: of the changes made to both.

    Returns:
        A network of the same class that shares its backbone with `model`.

    Example:
        >>> model = add_ood_score(model, photos)
        >>> deploy(model).predict(pictures)["ood_score"]
    """
    non_skin = non_skin_pictures() if non_skin is None else non_skin
    size, count = photos.shape[1], min(len(photos), _MOST)
    photos = np.random.default_rng(seed).permutation(photos)[:count]
    whole = np.stack([resize_photo(picture, size) for picture in non_skin])
    shown = _pictures(photos, count, [], seed)
    kinds = [(photos, augmentation_layers(_CHANGES, size)), (whole, []), (non_skin, augmentation_layers(_FROM_NEAR, size))]
    for part, (pictures, layers) in enumerate(kinds):
        shown = shown.concatenate(_pictures(pictures, count, layers, seed + part))

    features = dict(enumerate(model.ood_features))
    values = list(keras.Model(model.inputs, features).predict(shown, verbose=0).values())
    # One scale for all channels of a map: with one for each, hardly used channels would count, of which 8 bits keep little.
    scale = np.concatenate([np.full(part.shape[1], np.sqrt(part.var(axis=0).mean())) for part in values])
    unlike = np.repeat([False, False, True, True], count)
    regression = LogisticRegression(C=1 / _PENALTY, max_iter=1000).fit(np.concatenate(values, axis=1) / scale, unlike)
    scored = type(model)(**{**model.get_config(), "backbone": model.backbone, "ood_score": True})
    scored.take_weights(model, model.name)
    scored.get_layer("ood_score").set_weights([regression.coef_.T / scale[:, None], regression.intercept_])
    return scored


def _pictures(pictures, count, layers, seed):
    """Batches of `count` changed pictures, each picture about as often as any other."""
    pictures, chosen = tf.constant(pictures), tf.constant(np.resize(np.arange(len(pictures)), count))

    def batch(start):
        part = tf.gather(pictures, chosen[start : start + _BATCH])
        return augment(layers, part, tf.zeros((tf.shape(part)[0], 1)), seed, start)[0]

    return tf.data.Dataset.range(0, count, _BATCH).map(batch).prefetch(1)
