"""A trained network learns to tell photos like its own from pictures of other things, so that it can refuse these."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from mpox_keras.config import AugmentationConfig
from mpox_keras.data.augmentation import augment, augmentation_layers
from mpox_keras.data.non_skin import non_skin_pictures
from mpox_keras.models.fast_mpoxnet import STAGE_ENDS

_CHANGES = AugmentationConfig(mixup=0.0)
# Things may be seen from near or far, and may have any colour.
_FROM_NEAR = AugmentationConfig(crop_area=[0.1, 1.0], mixup=0.0)
_PENALTY = 30
_BATCH = 64


def add_ood_score(model: keras.Model, photos: np.ndarray, non_skin: np.ndarray | None = None, seed: int = 0) -> keras.Model:
    """A network with one more output, `ood_score`, 0 to 1: how much a picture looks like one of anything but skin.

    A logistic regression tells the training photos from pictures of other things, by the means of the network's feature maps:
    those of Fast-MpoxNet's three stages, of another network the last. That it is shown what to refuse is called outlier
    exposure (Hendrycks et al. 2019, arXiv 1812.04606); the network itself is not trained any further.

    Args:
        model: trained, of `FastMpoxNet` or `TransferModel`, in the training form.
        photos: the training photos, not augmented, `(photos, size, size, 3)`, uint8.
        non_skin: pictures of other things, `(pictures, height, width, 3)`, uint8, `non_skin_pictures()` if left out.
        seed: of the changes made to both.

    Returns:
        A model that shares its layers with `model`.

    Example:
        >>> model = add_ood_score(model, photos)
        >>> deploy(model).predict(pictures)["ood_score"]
    """
    features = _mean_features(model)
    non_skin = non_skin_pictures() if non_skin is None else non_skin
    size, count = photos.shape[1], len(photos)
    shown = _pictures(photos, count, [], seed)
    from_near = augmentation_layers(_FROM_NEAR, size)
    in_any_colour = [*augmentation_layers(_FROM_NEAR, size), keras.layers.RandomHue(1.0)]
    kinds = [(photos, augmentation_layers(_CHANGES, size)), (non_skin, from_near), (non_skin, in_any_colour)]
    for part, (pictures, layers) in enumerate(kinds):
        shown = shown.concatenate(_pictures(pictures, count, layers, seed + part))
    values = list(keras.Model(model.inputs, dict(enumerate(features))).predict(shown, verbose=0).values())

    # One scale for all channels of a map: with one for each, hardly used channels would count, of which 8 bits keep little.
    scale = np.concatenate([np.full(part.shape[1], np.sqrt(part.var(axis=0).mean())) for part in values])
    values = np.concatenate(values, axis=1) / scale
    regression = LogisticRegression(C=1 / _PENALTY, max_iter=1000).fit(values, np.arange(len(values)) >= 2 * count)
    layer = keras.layers.Dense(1, "sigmoid", dtype="float32", name="ood_score")
    together = keras.layers.Concatenate(name="ood_features")(features) if len(features) > 1 else features[0]
    ood_score = layer(together)
    layer.set_weights([regression.coef_.T / scale[:, None], regression.intercept_])
    outputs = {name: model.get_layer(name).output for name in model.output_names}
    return keras.Model(model.inputs, {**outputs, "ood_score": ood_score}, name=model.name)


def _mean_features(model):
    if STAGE_ENDS[0] not in {layer.name for layer in model.layers}:
        return [model.get_layer("diagnosis_pooling").output]
    pooling = [keras.layers.GlobalAveragePooling2D(dtype="float32", name=f"ood_score_{name}") for name in STAGE_ENDS]
    return [pool(model.get_layer(name).output) for pool, name in zip(pooling, STAGE_ENDS, strict=True)]


def _pictures(pictures, count, layers, seed):
    """Batches of `count` changed pictures, each picture about as often as any other."""
    pictures, chosen = tf.constant(pictures), tf.constant(np.resize(np.arange(len(pictures)), count))

    def batch(start):
        part = tf.gather(pictures, chosen[start : start + _BATCH])
        return augment(layers, part, tf.zeros((tf.shape(part)[0], 1)), seed, start)[0]

    return tf.data.Dataset.range(0, count, _BATCH).map(batch).prefetch(1)
