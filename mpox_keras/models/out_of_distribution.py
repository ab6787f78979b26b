"""The output `ood_score` of a network, 0 to 1: how much a picture looks like one of anything but skin."""

from __future__ import annotations

from collections.abc import Iterable

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from mpox_keras.models.image_classifier import Network

_PENALTY = 30


def fit_ood_score(model: Network, pictures: Iterable, unlike: np.ndarray) -> Network:
    """A network with the output `ood_score`, in place of the one that it may have.

    A logistic regression tells the pictures apart by the means of feature maps: of `FastMpoxNet` those of strides 8, 16 and 32,
    of `ImageClassifier` the last. That it is shown what to refuse is called outlier exposure (Hendrycks et al. 2019,
    arXiv 1812.04606); the network itself is not trained any further.

    Args:
        model: trained.
        pictures: batches of photos like those trained on and of pictures of other things, each `(batch, height, width, 3)`,
            0 to 255.
        unlike: `(pictures,)`, whether each is one of other things.

    Returns:
        A network of the same class that shares its backbone with `model`.
    """
    features = dict(enumerate(model.ood_features))
    values = list(keras.Model(model.inputs, features).predict(pictures, verbose=0).values())
    # One scale for all channels of a map: with one for each, hardly used channels would count, of which 8 bits keep little.
    scale = np.concatenate([np.full(part.shape[1], np.sqrt(part.var(axis=0).mean())) for part in values])
    regression = LogisticRegression(C=1 / _PENALTY, max_iter=1000).fit(np.concatenate(values, axis=1) / scale, unlike)
    scored = type(model)(**{**model.get_config(), "backbone": model.backbone, "ood_score": True})
    scored.take_weights(model, model.name)
    scored.get_layer("ood_score").set_weights([regression.coef_.T / scale[:, None], regression.intercept_])
    return scored
