"""The last layer of a trained network, fitted anew."""

import keras
import numpy as np
from sklearn.linear_model import LogisticRegression

from mpox_keras.data.loading import PhotoArrays
from mpox_keras.models.image_classifier import Network

_STEPS = 300


def refit_classifier(model: Network, photos: PhotoArrays, penalty: float) -> None:
    """Give the layer `diagnosis` the weights of a logistic regression on the features that it takes.

    The features of whole photos, without augmentation, are brought to mean 0 and deviation 1 and fitted with a strong penalty,
    so that the answer leans on many of them and none alone: what a network learns by small steps is soon the look of a source
    of photos, and last layers fitted anew rely less on that (Kirichenko et al. 2022, arXiv 2204.02937).

    Args:
        model: trained, or pretrained; changed in place.
        photos: to fit on; all classes weigh the same, whatever the number of their photos.
        penalty: the loss is the mean cross-entropy plus half of this times the sum of the squared weights.

    Example:
        >>> refit_classifier(model, PhotoArrays(pixels, labels), penalty=0.1)
    """
    layer = model.get_layer("diagnosis")
    features = keras.Model(model.inputs, model.get_layer("diagnosis_pooling").output).predict(photos.pixels, verbose=0)
    _, classes, counts = np.unique(photos.labels, return_inverse=True, return_counts=True)
    weights = 1 / (counts[classes] * len(counts))
    mean = weights @ features
    deviation = np.sqrt(weights @ (features - mean) ** 2) + 1e-4  # a channel may be all but dead
    regression = LogisticRegression(C=1 / penalty, max_iter=_STEPS)
    regression.fit((features - mean) / deviation, photos.labels, sample_weight=weights)
    kernel, bias = regression.coef_.T / deviation[:, None], regression.intercept_
    if len(counts) == 2:  # scikit-learn has one logit for both
        kernel, bias = np.concatenate([0 * kernel, kernel], axis=1), np.array([0, *bias])
    layer.set_weights([kernel, bias - mean @ kernel])
