"""Maps from the inside of the network: its gradients and its last feature maps. All explain a class's logit."""

from __future__ import annotations

import contextlib
import functools
import io

import keras
import numpy as np
import tensorflow as tf

from mpox_keras.inference.classifier import Classifier
from mpox_keras.utils.errors import require

SCORE_CAM_CHANNELS = 32
"""How many feature maps, those that vary most, Score-CAM masks the photo with; all take much longer."""

SMOOTH_GRAD_SAMPLES = 20
SMOOTH_GRAD_NOISE = 0.15
"""Standard deviation of the noise, as a share of the photo's range (Smilkov et al. 2017, section 3)."""

INTEGRATED_GRADIENTS_STEPS = 32


def grad_cam(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391) at the last feature maps."""
    return _from_feature_maps("gradcam", "Gradcam", classifier, photo, index)


def grad_cam_plus_plus(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Grad-CAM++ (Chattopadhay et al. 2018, arXiv 1710.11063) at the last feature maps."""
    # Where no gradient is other than zero, its weights are 0 / 0, and nothing is explained.
    return np.nan_to_num(_from_feature_maps("gradcam_plus_plus", "GradcamPlusPlus", classifier, photo, index))


def score_cam(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Score-CAM (Wang et al. 2020, arXiv 1910.01279) with the feature maps that vary most."""
    return _from_feature_maps("scorecam", "Scorecam", classifier, photo, index, max_N=SCORE_CAM_CHANNELS)


def smooth_grad(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """SmoothGrad (Smilkov et al. 2017, arXiv 1706.03825): the mean size of the gradient under noise, its largest colour."""
    # tf-keras-vis has it too, but takes one sample after another; a single batch is much faster.
    deviation = SMOOTH_GRAD_NOISE * float(np.ptp(photo))
    noise = np.random.default_rng(0).normal(0, deviation, (SMOOTH_GRAD_SAMPLES, *photo.shape))
    found = _gradient(classifier)(tf.constant(photo + noise, tf.float32), index)
    return np.abs(found).mean(axis=0).max(axis=-1)


def integrated_gradients(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Integrated gradients (Sundararajan et al. 2017, arXiv 1703.01365, equation 3) from the photo's mean colour.

    Summed over the colours, the map adds up to the difference of the class's logit between the photo and its mean colour.
    """
    end = photo.astype("float32")
    start = np.broadcast_to(end.mean(axis=(0, 1)), end.shape)
    # The middle of each step, which is exact for straight lines.
    shares = (np.arange(INTEGRATED_GRADIENTS_STEPS, dtype="float32") + 0.5) / INTEGRATED_GRADIENTS_STEPS
    path = tf.constant(start + shares[:, None, None, None] * (end - start))
    return ((end - start) * _gradient(classifier)(path, index).numpy().mean(axis=0)).sum(axis=-1)


def _from_feature_maps(module, name, classifier, photo, index, **options):
    method = getattr(require(f"tf_keras_vis.{module}", "explain", name), name)
    features = classifier.trained.get_layer("diagnosis_pooling").input
    # Score-CAM shows a progress bar for every photo.
    with contextlib.redirect_stdout(io.StringIO()):
        found = method(_logits(classifier), clone=False)(
            lambda logits: logits[:, index],
            photo[None].astype("float32"),
            penultimate_layer=features._keras_history.operation.name,
            # Else it looks for a plain convolution, and finds the first of the network.
            seek_penultimate_conv_layer=False,
            expand_cam=False,
            normalize_cam=False,
            **options,
        )
    return np.asarray(found).reshape(features.shape[1:3])


# Keras compiles anew for every new model; a few classifiers at most are explained side by side.
@functools.lru_cache(maxsize=2)
def _logits(classifier):
    """The network with the logits of its main head as the only output."""
    return keras.Model(classifier.trained.inputs, classifier.trained.output["diagnosis"])


@functools.lru_cache(maxsize=2)
def _gradient(classifier):
    """A function of photos, `(photos, height, width, 3)` float32, and a class's index to the gradients of its logit."""
    model = _logits(classifier)

    @tf.function(reduce_retracing=True)
    def gradient(photos, index):
        with tf.GradientTape() as tape:
            tape.watch(photos)
            logits = tf.gather(model(photos, training=False), index, axis=1)
        return tape.gradient(logits, photos)

    return lambda photos, index: gradient(photos, tf.constant(index))
