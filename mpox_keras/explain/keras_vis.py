"""Maps of the last feature maps by tf-keras-vis, which the extra `explain` brings."""

from __future__ import annotations

import contextlib
import functools
import io

import numpy as np

from mpox_keras.inference.classifier import Classifier
from mpox_keras.utils.errors import require

SCORE_CAM_CHANNELS = 32
"""How many feature maps, those that vary most, Score-CAM masks the photo with; all take much longer."""


def grad_cam_plus_plus(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Grad-CAM++ (Chattopadhay et al. 2018, arXiv 1710.11063)."""
    # Where no gradient is other than zero, its weights are 0 / 0, and nothing is explained.
    return np.nan_to_num(feature_map("gradcam_plus_plus", "GradcamPlusPlus", classifier, photo, index))


def score_cam(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Score-CAM (Wang et al. 2020, arXiv 1910.01279) with the feature maps that vary most."""
    return feature_map("scorecam", "Scorecam", classifier, photo, index, max_N=SCORE_CAM_CHANNELS)


def feature_map(module: str, name: str, classifier: Classifier, photo: np.ndarray, index: int, **options) -> np.ndarray:
    """The map of a class's logit by `tf_keras_vis.<module>.<name>`: `(height, width)` of the feature maps, not normalised.

    Raises:
        MissingExtraError: tf-keras-vis is not installed.
    """
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
    """The network with the logits of its main head as the only output, and a name for its last feature maps.

    tf-keras-vis looks layers up by name, and does not see those inside a nested backbone.
    """
    import keras

    model = classifier.trained
    features = model.get_layer("diagnosis_pooling").input
    named = keras.layers.Identity(name="last_feature_maps")(keras.Model(model.inputs, features)(model.inputs[0]))
    return keras.Model(model.inputs, keras.Model(features, model.output["diagnosis"])(named))
