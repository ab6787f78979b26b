"""The last layer as a logistic regression: against scikit-learn's own way to standardise and to weigh classes."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tiny_network import small

from mpox_keras.data.loading import PhotoArrays
from mpox_keras.training.refit import refit_classifier

PENALTY = 0.1


def drawn(counts):
    """Noise in another shade for each class."""
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(counts)), counts)
    shades = random.integers(60, 190, (len(counts), 3))[labels]
    pixels = np.clip(random.normal(shades[:, None, None], 40, (len(labels), 32, 32, 3)), 0, 255)
    return PhotoArrays(pixels.astype("uint8"), labels)


def network(classes):
    keras.utils.set_random_seed(0)
    return small(32, classes)


def logits_of(model, pixels):
    return model.predict(pixels, verbose=0)["diagnosis"]


@pytest.mark.parametrize("counts", [(5, 20, 12), (9, 24)])
def test_logits_are_those_of_a_logistic_regression_on_standardised_features(counts):
    photos, model = drawn(counts), network(len(counts))
    refit_classifier(model, photos, PENALTY)
    features = keras.Model(model.inputs, model.get_layer("diagnosis_pooling").output).predict(photos.pixels, verbose=0)
    balanced = (len(photos.labels) / (len(counts) * np.array(counts)))[photos.labels]
    standard = StandardScaler().fit_transform(features, sample_weight=balanced)
    # Its loss is a sum over the photos.
    regression = LogisticRegression(C=1 / (PENALTY * len(photos.labels)), class_weight="balanced", tol=1e-8, max_iter=5000)
    expected = regression.fit(standard, photos.labels).decision_function(standard)
    logits = logits_of(model, photos.pixels)
    # Of two classes it has one logit.
    np.testing.assert_allclose(logits if len(counts) > 2 else logits[:, 1] - logits[:, 0], expected, atol=0.03)
    assert (logits.argmax(axis=1) == photos.labels).mean() > 0.9


def test_photos_of_a_class_that_are_there_thrice_change_nothing():
    photos, first, again = drawn((5, 20, 12)), network(3), network(3)
    refit_classifier(first, photos, PENALTY)
    often = np.repeat(np.arange(37), np.where(photos.labels == 1, 3, 1))
    refit_classifier(again, photos[often], PENALTY)
    np.testing.assert_allclose(logits_of(again, photos.pixels), logits_of(first, photos.pixels), atol=0.03)


def test_no_other_layer_is_changed():
    photos, model = drawn((8, 8)), network(2)
    before = {weight.path: weight.numpy() for weight in model.weights}
    refit_classifier(model, photos, PENALTY)
    changed = {weight.path for weight in model.weights if not np.array_equal(weight.numpy(), before[weight.path])}
    assert changed == {"diagnosis/kernel", "diagnosis/bias"}
