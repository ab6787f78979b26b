"""Pointwise convolution with batch normalisation, the brick of every other block."""

import keras

BATCH_NORM = {"momentum": 0.9, "epsilon": 1e-5}
"""Settings of every batch normalisation: those the pretrained backbones were trained with."""


@keras.saving.register_keras_serializable(package="mpox_keras")
class PointwiseBlock(keras.layers.Layer):
    """1x1 convolution without bias, batch normalisation and, if asked for, ReLU (PWConv-BN-ReLU).

    Input `(batch, height, width, channels)`, output `(batch, height, width, filters)`. The activation is a name or None.

    Example:
        >>> PointwiseBlock(48)(keras.ops.ones((1, 7, 7, 24))).shape
        (1, 7, 7, 48)
    """

    def __init__(self, filters, activation="relu", **kwargs):
        super().__init__(**kwargs)
        self.filters, self.activation = filters, activation
        self.convolution = keras.layers.Conv2D(filters, 1, use_bias=False, dtype=self.dtype_policy, name="convolution")
        self.normalization = keras.layers.BatchNormalization(**BATCH_NORM, dtype=self.dtype_policy, name="normalization")

    def build(self, input_shape):
        self.convolution.build(input_shape)
        self.normalization.build(self.compute_output_shape(input_shape))

    def call(self, inputs, training=None):  # Keras hands `training` on to the inner layers
        return keras.activations.get(self.activation)(self.normalization(self.convolution(inputs)))

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "activation": self.activation}
