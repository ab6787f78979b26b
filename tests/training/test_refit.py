"""The last layer: against its loss written out for TensorFlow's gradients, and scikit-learn's own way to standardise."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy.optimize import minimize
from sklearn.preprocessing import StandardScaler
from tiny_network import small

from mpox_keras.data.loading import PhotoArrays
from mpox_keras.training.refit import refit_classifier

pytestmark = pytest.mark.usefixtures("without_graphs")

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
def test_logits_are_those_of_the_smallest_loss(counts):
    photos, model = drawn(counts), network(len(counts))
    refit_classifier(model, photos, PENALTY)
    features = keras.Model(model.inputs, model.get_layer("diagnosis_pooling").output).predict(photos.pixels, verbose=0)
    balanced = (1 / (len(counts) * np.array(counts)))[photos.labels]
    standard = StandardScaler().fit_transform(features, sample_weight=balanced)

    # Of two classes the first has the logit 0.
    free = len(counts) if len(counts) > 2 else 1

    def loss(flat):
        values = tf.pad(tf.reshape(flat, (-1, free)), [[0, 0], [len(counts) - free, 0]])
        logits = standard @ values[:-1] + values[-1]
        entropies = tf.nn.sparse_softmax_cross_entropy_with_logits(photos.labels, logits)
        mean = tf.reduce_sum(balanced[:, None] * logits, axis=0)
        variances = tf.reduce_sum(balanced[:, None] * (logits - mean) ** 2)
        return tf.reduce_sum(balanced * entropies) + PENALTY / 2 * (tf.reduce_sum(values[:-1] ** 2) + variances / 3)

    def with_gradient(flat):
        flat = tf.constant(flat)
        with tf.GradientTape() as tape:
            tape.watch(flat)
            value = loss(flat)
        return value.numpy(), tape.gradient(value, flat).numpy()

    start = np.zeros((standard.shape[1] + 1) * free)
    found = minimize(with_gradient, start, jac=True, method="L-BFGS-B", tol=1e-10).x.reshape(-1, free)
    expected, logits = standard @ found[:-1] + found[-1], logits_of(model, photos.pixels)
    if free == 1:
        expected = np.pad(expected, [[0, 0], [1, 0]])
    # What is added to all logits of a photo changes nothing.
    expected, logits = (each - each.mean(axis=1, keepdims=True) for each in (expected, logits))
    np.testing.assert_allclose(logits, expected, atol=0.03)
    assert (logits_of(model, photos.pixels).argmax(axis=1) == photos.labels).mean() > 0.9


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
