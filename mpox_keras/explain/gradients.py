"""Maps of single pixels, from the gradients of a class's logit."""

from __future__ import annotations

import functools

import numpy as np

from mpox_keras.inference.classifier import Classifier

SMOOTH_GRAD_SAMPLES = 20
SMOOTH_GRAD_NOISE = 0.15
"""Standard deviation of the noise, as a share of the photo's range (Smilkov et al. 2017, section 3)."""

INTEGRATED_GRADIENTS_STEPS = 32


def smooth_grad(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """SmoothGrad (Smilkov et al. 2017, arXiv 1706.03825): the mean size of the gradient under noise, its largest colour."""
    # tf-keras-vis has it too, but takes one sample after another outside of a graph: over twenty times as long.
    deviation = SMOOTH_GRAD_NOISE * float(np.ptp(photo))
    noise = np.random.default_rng(0).normal(0, deviation, (SMOOTH_GRAD_SAMPLES, *photo.shape))
    return np.abs(_gradients(classifier, photo + noise, index)).mean(axis=0).max(axis=-1)


def integrated_gradients(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365, equation 3) from the photo's mean colour.

    Summed over the colours, the map adds up to the difference of the class's logit between the photo and its mean colour.
    """
    end = photo.astype("float32")
    start = np.broadcast_to(end.mean(axis=(0, 1)), end.shape)
    # The middle of each step, which is exact for straight lines.
    shares = (np.arange(INTEGRATED_GRADIENTS_STEPS, dtype="float32") + 0.5) / INTEGRATED_GRADIENTS_STEPS
    path = start + shares[:, None, None, None] * (end - start)
    return ((end - start) * _gradients(classifier, path, index).mean(axis=0)).sum(axis=-1)


def _gradients(classifier, photos, index):
    """Of the class's logit, for each of `(photos, height, width, 3)`."""
    # As arrays: TensorFlow traces anew for every other plain number.
    return _gradient(classifier)(photos.astype("float32"), np.int32(index)).numpy()


# TensorFlow traces anew for every new function; a few classifiers at most are explained side by side.
@functools.lru_cache(maxsize=2)
def _gradient(classifier):
    import tensorflow as tf

    @tf.function(reduce_retracing=True)
    def gradient(photos, index):
        with tf.GradientTape() as tape:
            tape.watch(photos)
            logits = classifier.trained(photos, training=False)["diagnosis"]
            of_class = tf.gather(logits, index, axis=1)
        return tape.gradient(of_class, photos)

    return gradient
