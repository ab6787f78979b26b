"""Maps that need the Keras model: by gradients of single pixels, and by tf-keras-vis of the last feature maps."""

import contextlib
import functools
import io

import numpy as np

from mpox_keras.inference.classifier import Classifier
from mpox_keras.utils.errors import require

SMOOTH_GRAD_SAMPLES = 20
SMOOTH_GRAD_NOISE = 0.15  # Standard deviation, as a share of the photo's range (Smilkov et al. 2017, section 3).
INTEGRATED_GRADIENTS_STEPS = 32
SCORE_CAM_CHANNELS = 32  # How many feature maps, those that vary most, mask the photo; all take much longer.


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
    start = end.mean(axis=(0, 1))
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
            of_class = classifier.trained(photos, training=False)["diagnosis"][:, index]
        return tape.gradient(of_class, photos)

    return gradient


def grad_cam_plus_plus(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Grad-CAM++ (Chattopadhay et al. 2018, arXiv 1710.11063)."""
    # Where no gradient is other than zero, its weights are 0 / 0, and nothing is explained.
    return np.nan_to_num(feature_map("gradcam_plus_plus", "GradcamPlusPlus", classifier, photo, index))


def score_cam(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Score-CAM (Wang et al. 2020, arXiv 1910.01279) with the feature maps that vary most."""
    return feature_map("scorecam", "Scorecam", classifier, photo, index, max_N=SCORE_CAM_CHANNELS)


def feature_map(module: str, name: str, classifier: Classifier, photo: np.ndarray, index: int, **options) -> np.ndarray:
    """The map of a class's logit by `tf_keras_vis.<module>.<name>`: `(height, width)` of the feature maps, not normalised."""
    method = getattr(require(f"tf_keras_vis.{module}", "explain", name), name)
    # Score-CAM shows a progress bar for every photo.
    with contextlib.redirect_stdout(io.StringIO()):
        # Without a modifier of the model nothing is altered, so that it need not be cloned.
        found = method(_split(classifier), clone=False)(
            lambda logits: logits[:, index],
            photo[None].astype("float32"),
            penultimate_layer="last_feature_maps",
            # Else it looks for a plain convolution, and finds the first of the network.
            seek_penultimate_conv_layer=False,
            expand_cam=False,
            normalize_cam=False,
            **options,
        )
    return np.asarray(found)[0]


# Keras compiles anew for every new model; a few classifiers at most are explained side by side.
@functools.lru_cache(maxsize=2)
def _split(classifier):
    """The network with the logits of its main head as the only output, and a name for its last feature maps."""
    import keras

    # tf-keras-vis looks layers up by name, and does not see those inside a nested backbone.
    model = classifier.trained
    features = model.get_layer("diagnosis_pooling").input
    named = keras.layers.Identity(name="last_feature_maps")(keras.Model(model.inputs, features)(model.inputs[0]))
    return keras.Model(model.inputs, keras.Model(features, model.output["diagnosis"])(named))
