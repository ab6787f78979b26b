"""EfficientNet-Lite0: EfficientNet-B0 without squeeze-and-excitation, with ReLU6."""

import itertools

import keras

_STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
"""Blocks, kernel size, stride of the first block, expansion and channels of each stage (Tan and Le 2019, arXiv 1905.11946)."""


def efficientnet_lite0(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Feature maps `(batch, height / 32, width / 32, 320)` of photos `(batch, height, width, 3)`, 0 to 255.

    They are those of the last block. The convolution to 1,280 channels behind it is left out: it tells dogs from cats, and what
    tells lesions apart lies less deep.
    """
    x = keras.layers.Rescaling(1 / 127.5, -1, name="rescaling")(inputs)
    x = _convolution(x, 32, 3, 2, "stem")
    numbers = itertools.count()
    for blocks, kernel, stride, expansion, channels in _STAGES:
        for index in range(blocks):
            x = _block(x, channels, kernel, 1 if index else stride, expansion, f"block_{next(numbers)}")
    return x


def _convolution(x, channels, kernel, stride, name, activation=True, depthwise=False):
    options = {"strides": stride, "use_bias": False, "padding": "same", "name": f"{name}_convolution"}
    layer = keras.layers.DepthwiseConv2D(kernel, **options) if depthwise else keras.layers.Conv2D(channels, kernel, **options)
    x = keras.layers.BatchNormalization(epsilon=1e-3, name=f"{name}_normalization")(layer(x))
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
