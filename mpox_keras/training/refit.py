"""The last layer of a trained network, fitted anew."""

import keras
import numpy as np
from scipy.linalg import solve_triangular
from sklearn.linear_model import LogisticRegression

from mpox_keras.data.loading import PhotoArrays
from mpox_keras.models.image_classifier import Network

_OF_VARIANCE = 1 / 3  # of the penalty, on the variance of the logits


def refit_classifier(model: Network, photos: PhotoArrays, penalty: float) -> None:
    """Give the layer `diagnosis` the weights of a logistic regression on the features that it takes.

    The features of whole photos, without augmentation, are brought to mean 0 and deviation 1 and fitted with a strong penalty,
    so that the answer leans on many of them and none alone: what a network learns by small steps is soon the look of a source
    of photos, and last layers fitted anew rely less on that (Kirichenko et al. 2022, arXiv 2204.02937). The variance of the
    logits is penalised too, so that they lean less on whatever varies most from photo to photo, as after whitening.

    Args:
        model: trained, or pretrained; changed in place.
        photos: to fit on; all classes weigh the same, whatever the number of their photos.
        penalty: half of it is the factor of the sum of the squared weights, and a sixth that of the sum of the variances of the
            logits; both are added to the mean cross-entropy.

    Example:
        >>> refit_classifier(model, PhotoArrays(pixels, labels), penalty=0.1)
    """
    layer = model.get_layer("diagnosis")
    features = keras.Model(model.inputs, model.get_layer("diagnosis_pooling").output).predict(photos.pixels, verbose=0)
    _, classes, counts = np.unique(photos.labels, return_inverse=True, return_counts=True)
    weights = (1 / (counts[classes] * len(counts))).astype("float32")
    mean = weights @ features
    deviation = np.sqrt(weights @ (features - mean) ** 2) + 1e-4  # a channel may be all but dead
    standard = (features - mean) / deviation
    # Both penalties are the first alone on features that this root divides.
    root = np.linalg.cholesky(np.eye(len(mean), dtype="float32") + _OF_VARIANCE * (standard.T * weights) @ standard)
    regression = LogisticRegression(C=1 / penalty, max_iter=300)
    regression.fit(solve_triangular(root, standard.T, lower=True).T, photos.labels, sample_weight=weights)
    kernel, bias = solve_triangular(root, regression.coef_.T, lower=True, trans="T"), regression.intercept_
    kernel /= deviation[:, None]
    if len(counts) == 2:  # scikit-learn has one logit for both
        kernel, bias = np.concatenate([0 * kernel, kernel], axis=1), np.array([0, *bias])
    layer.set_weights([kernel, bias - mean @ kernel])
