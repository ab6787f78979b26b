"""Networks of keras.applications and keras-hub and EfficientNet-Lite with the project's head, for transfer learning."""

import sys
from pathlib import Path

import keras
import numpy as np

from mpox_keras.config import HUB
from mpox_keras.layers.pointwise import BATCH_NORM
from mpox_keras.models.efficientnet_lite import EFFICIENTNET_LITE, EfficientNetLite
from mpox_keras.models.pretrained import PretrainedWeightsError, cache_folder
from mpox_keras.models.stages import layers_inside
from mpox_keras.utils.errors import MpoxKerasError, require

_IMAGENET_MEAN = np.array([0.485, 0.456, 0.406])
_IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225])


class NetworkError(MpoxKerasError, ValueError):
    """A network that was asked for can't be built; the message says why."""


def TransferModel(network, width=1.0, classes=4, weights=None, input_shape=(224, 224, 3), dropout=0.2):
    """A network of keras.applications or keras-hub, or EfficientNet-Lite, whose feature maps are pooled and classified.

    Input: photos `(batch, height, width, 3)`, 0 to 255; what the network expects of its pixels is done inside. Output: a dict
    with the logits `diagnosis`, `(batch, classes)`, as `FastMpoxNet` gives them, so that `deploy` with its class activation
    map, the training and the exports work alike.

    Args:
        network: a name in keras.applications, such as `"MobileNetV2"`; or a key of `EFFICIENTNET_LITE`; or `"keras_hub:"` and
            a preset of keras-hub, by name or as a folder.
        width: multiplier of the channels (`alpha` in keras.applications), for MobileNets.
        classes: number of classes.
        weights: None (random); `"imagenet"` (downloaded by Keras, once; of EfficientNet-Lite, those of a package; of a
            preset, its own); or the path of a file of ImageNet weights without the top, as Keras publishes it
            (`..._notop.h5`), of EfficientNet-Lite a PyTorch state dict.
        input_shape: height, width and 3.
        dropout: share of features dropped before the classifier in training, 0 to 1.

    Returns:
        An uncompiled functional `keras.Model`.

    Raises:
        NetworkError: there is no such network, or it can't take photos of this size or have this width.
        PretrainedWeightsError: the weights can't be had or don't fit.
        MissingExtraError: keras-hub, or the package of the weights, is not installed.

    Example:
        >>> model = TransferModel("MobileNetV3Small", width=0.5)
        >>> model = TransferModel("EfficientNetLite0", weights="imagenet")
        >>> model = TransferModel("keras_hub:resnet_18_imagenet", weights="imagenet")
    """
    inputs = keras.Input(input_shape, name="image")
    if network.startswith(HUB):
        features, backbone, name = _from_hub(network.removeprefix(HUB), weights, inputs)
    elif network in EFFICIENTNET_LITE:
        backbone = EfficientNetLite(network, weights, inputs)
        # Maps of different depths differ in scale, and one learning rate has to suit them all.
        features = keras.layers.BatchNormalization(**BATCH_NORM, name="diagnosis_normalization")(backbone.output)
        name = network.lower()
    else:
        features, backbone, name = _from_applications(network, width, weights, inputs)
    if len(features.shape) != 4:
        raise NetworkError(f"{network} ends in {features.shape[1:]}, not in feature maps. Take a convolutional network.")
    for layer in layers_inside(backbone):
        if isinstance(layer, keras.layers.BatchNormalization):
            # keras.applications takes up to 0.999: a few hundred steps would end with statistics far from the weights.
            layer.momentum = BATCH_NORM["momentum"]
    x = keras.layers.GlobalAveragePooling2D(name="diagnosis_pooling")(features)
    x = keras.layers.Dropout(dropout, name="diagnosis_dropout")(x)
    logits = keras.layers.Dense(classes, dtype="float32", name="diagnosis")(x)
    return keras.Model(inputs, {"diagnosis": logits}, name=name)


def _from_applications(network, width, weights, inputs):
    build = getattr(keras.applications, network, None)
    if not callable(build):
        raise NetworkError(f"keras.applications has no network {network!r}. Its names are like MobileNetV3Small or ResNet50.")
    # Each module has its networks' own preprocessing; some do it inside the network, and theirs does nothing.
    x = sys.modules[build.__module__].preprocess_input(inputs)
    options = {"include_top": False, "input_shape": inputs.shape[1:]}
    if width != 1:
        options["alpha"] = width
    local = weights not in (None, "imagenet")
    if local and network.startswith("EfficientNetB"):
        # Keras divides by the root of the deviation once more inside the network, but for the name "imagenet" alone.
        scale = 1 / np.sqrt(_IMAGENET_DEVIATION)
        x = keras.layers.Rescaling(scale.tolist(), (255 * _IMAGENET_MEAN * (1 - scale)).tolist(), name="rescaling")(x)
    try:
        backbone = build(weights=None, input_tensor=x, **options)
    except (TypeError, ValueError) as error:
        raise NetworkError(f"{network} can't be built at width {width} for photos of {inputs.shape[1:]}: {error}") from None
    if weights == "imagenet":
        try:
            backbone = build(weights="imagenet", input_tensor=x, **options)
        except Exception as error:  # of the network, of the file system, or a width that was never trained
            raise PretrainedWeightsError(
                f"the ImageNet weights of {network} can't be had: {error}. Without a network: fetch that file on another machine, "
                f"put it into {cache_folder().parent / 'models'} under the same name and run again, or give its "
                "path as model.weights. model.weights: null starts from random weights."
            ) from None
    elif local:
        _load(backbone, weights, network)
    return backbone.output, backbone, f"{network.lower()}_{round(100 * width):03d}"


def _load(backbone, path, network):
    if not Path(path).is_file():
        raise PretrainedWeightsError(
            f"weights={str(path)!r} is no file. Give None, 'imagenet', or the path of {network}'s weights without the top."
        )
    try:
        backbone.load_weights(path)
    except Exception as error:  # h5py and Keras have many
        raise PretrainedWeightsError(f"{path} does not hold the weights of {network} without its top: {error}") from None


def _from_hub(preset, weights, inputs):
    keras_hub = require("keras_hub", "hub", f"the network {HUB}{preset}")
    if weights not in (None, "imagenet"):
        raise PretrainedWeightsError(f"a preset of keras-hub has its own weights: model.weights is {weights!r}; give null.")
    try:
        found = keras_hub.models.Backbone.from_preset(preset, load_weights=weights is not None)
    except Exception as error:  # keras-hub, its stores and h5py have many
        raise PretrainedWeightsError(
            f"the preset {preset} of keras-hub can't be had: {error}. Without a network: fetch it on another machine and give its "
            "folder."
        ) from None
    # Written anew for photos of one size, by which `backbone_stages` tells its layers apart.
    backbone = keras.models.clone_model(found, input_tensors=keras.Input(inputs.shape[1:]))
    backbone.set_weights(found.get_weights())
    backbone.name = "backbone"
    return backbone(_hub_rescaling(keras_hub, preset)(inputs)), backbone, "keras_hub"


def _hub_rescaling(keras_hub, preset):
    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except (FileNotFoundError, ValueError):  # a backbone that was saved alone takes what it is given
        converter = None
    scale, offset = (getattr(converter, name, None) for name in ("scale", "offset"))
    return keras.layers.Rescaling(1.0 if scale is None else scale, 0.0 if offset is None else offset, name="rescaling")
