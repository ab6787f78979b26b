"""ShuffleNetV2 0.5x (Ma et al. 2018, arXiv 1807.11164, table 5), the backbone of today's smaller preset."""

from __future__ import annotations

import keras

from mpox_keras.layers.pointwise import BATCH_NORM
from mpox_keras.layers.shuffle_unit import ShuffleUnit

STAGES = {2: (48, 4), 3: (96, 8), 4: (192, 4)}
"""Stage number -> (channels, units)."""


def shufflenet_v2(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Feature maps `(batch, height / 32, width / 32, 192)` of photos `(batch, height, width, 3)`, 0 to 255.

    Padding is one pixel on every side, as in PyTorch, so that weights trained there give the same numbers.
    """
    x = keras.layers.Rescaling(1 / 255, 0.0, name="rescaling")(inputs)
    x = keras.layers.ZeroPadding2D(1, name="stem_padding")(x)
    x = keras.layers.Conv2D(24, 3, strides=2, use_bias=False, name="stem_convolution")(x)
    x = keras.layers.BatchNormalization(**BATCH_NORM, name="stem_normalization")(x)
    x = keras.layers.ReLU(name="stem_activation")(x)
    # After a ReLU, padding with zeros is padding with the smallest value.
    x = keras.layers.ZeroPadding2D(1, name="stem_pooling_padding")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="stem_pooling")(x)
    for stage, (filters, units) in STAGES.items():
        for unit in range(1, units + 1):
            x = ShuffleUnit(filters, stride=2 if unit == 1 else 1, name=f"stage{stage}_unit{unit}")(x)
    return x
