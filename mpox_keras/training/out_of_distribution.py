"""The pictures from which a trained network learns to tell photos like its own from pictures of other things."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf

from mpox_keras.config import AugmentationConfig
from mpox_keras.data.augmentation import augment, augmentation_layers
from mpox_keras.data.non_skin import non_skin_pictures
from mpox_keras.models.image_classifier import Network
from mpox_keras.models.out_of_distribution import fit_ood_score

_CHANGES = AugmentationConfig(mixup=0.0)
# Things may be seen from near or far, and may have any colour.
_FROM_NEAR = AugmentationConfig(crop_area=[0.1, 1.0], mixup=0.0)
_BATCH = 64


def add_ood_score(model: Network, photos: np.ndarray, non_skin: np.ndarray | None = None, seed: int = 0) -> Network:
    """A network with the output `ood_score`, 0 to 1: how much a picture looks like one of anything but skin.

    Args:
        model: trained.
        photos: the training photos, not augmented, `(photos, size, size, 3)`, uint8.
        non_skin: pictures of other things, `(pictures, height, width, 3)`, uint8, `non_skin_pictures()` if left out.
        seed: of the changes made to both.

    Returns:
        As `mpox_keras.models.out_of_distribution.fit_ood_score`.

    Example:
        >>> model = add_ood_score(model, photos)
        >>> deploy(model).predict(pictures)["ood_score"]
    """
    non_skin = non_skin_pictures() if non_skin is None else non_skin
    size, count = photos.shape[1], len(photos)
    shown = _pictures(photos, count, [], seed)
    from_near = augmentation_layers(_FROM_NEAR, size)
    in_any_colour = [*augmentation_layers(_FROM_NEAR, size), keras.layers.RandomHue(1.0)]
    kinds = [(photos, augmentation_layers(_CHANGES, size)), (non_skin, from_near), (non_skin, in_any_colour)]
    for part, (pictures, layers) in enumerate(kinds):
        shown = shown.concatenate(_pictures(pictures, count, layers, seed + part))
    return fit_ood_score(model, shown, np.repeat([False, False, True, True], count))


def _pictures(pictures, count, layers, seed):
    """Batches of `count` changed pictures, each picture about as often as any other."""
    pictures, chosen = tf.constant(pictures), tf.constant(np.resize(np.arange(len(pictures)), count))

    def batch(start):
        part = tf.gather(pictures, chosen[start : start + _BATCH])
        return augment(layers, part, tf.zeros((tf.shape(part)[0], 1)), seed, start)[0]

    return tf.data.Dataset.range(0, count, _BATCH).map(batch).prefetch(1)
