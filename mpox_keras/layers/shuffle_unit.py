"""The unit of ShuffleNetV2."""

import keras

from mpox_keras.layers.pointwise import BATCH_NORM, PointwiseBlock


@keras.saving.register_keras_serializable(package="mpox_keras")
class ShuffleUnit(keras.layers.Layer):
    """Unit of ShuffleNetV2 (Ma et al. 2018, arXiv 1807.11164, figure 3 c and d).

    With stride 1 the channels are split first: the even ones pass by, the odd ones go through the main branch
    (1x1, depthwise 3x3, 1x1). This split is the channel shuffle of the unit before. With stride 2 all channels go through
    both the main branch and a projection (depthwise 3x3, 1x1), and height and width are halved. The results are
    concatenated: passed or projected channels first.

    Input `(batch, height, width, channels)`, output `(batch, height / stride, width / stride, filters)`, rounded up.
    Padding is one pixel on every side, as in PyTorch, so that weights trained there give the same numbers.

    Args:
        filters: channels of the output, an even number; with stride 1 also the channels of the input.
        stride: 1 or 2.

    Raises:
        ValueError: `filters` is odd, `stride` is neither 1 nor 2, or a unit of stride 1 is given another number of
            channels than `filters`.

    Example:
        >>> ShuffleUnit(48, stride=2)(keras.ops.ones((1, 56, 56, 24))).shape
        (1, 28, 28, 48)
    """

    def __init__(self, filters, stride=1, **kwargs):
        super().__init__(**kwargs)
        if filters % 2:
            raise ValueError(f"filters must be even, because half of the channels pass by; got {filters}.")
        if stride not in (1, 2):
            raise ValueError(f"stride must be 1 or 2; got {stride}.")
        self.filters, self.stride = filters, stride
        expand = PointwiseBlock(filters // 2, dtype=self.dtype_policy, name="main_expand")
        self.main = [expand, *self._branch("main")]
        self.projection = self._branch("projection") if stride == 2 else []

    def _branch(self, name):
        dtype = self.dtype_policy
        # "same" padding at stride 2 would pad only below and to the right.
        return [
            keras.layers.ZeroPadding2D(1, dtype=dtype, name=f"{name}_padding"),
            keras.layers.DepthwiseConv2D(3, strides=self.stride, use_bias=False, dtype=dtype, name=f"{name}_depthwise"),
            keras.layers.BatchNormalization(**BATCH_NORM, dtype=dtype, name=f"{name}_normalization"),
            PointwiseBlock(self.filters // 2, dtype=dtype, name=f"{name}_project"),
        ]

    def build(self, input_shape):
        if self.stride == 1 and input_shape[-1] != self.filters:
            raise ValueError(
                f"a unit of stride 1 keeps its channels: expected an input of {self.filters} channels, got {input_shape[-1]}."
            )
        entering = self.filters // 2 if self.stride == 1 else input_shape[-1]
        for branch in (self.main, self.projection):
            shape = (*input_shape[:-1], entering)
            for layer in branch:
                layer.build(shape)
                shape = layer.compute_output_shape(shape)

    def call(self, inputs, training=None):  # Keras hands `training` on to the inner layers
        if self.stride == 1:
            passed, main = inputs[..., 0::2], inputs[..., 1::2]
        else:
            passed = main = inputs
        for layer in self.projection:
            passed = layer(passed)
        for layer in self.main:
            main = layer(main)
        return keras.ops.concatenate([passed, main], axis=-1)

    def compute_output_shape(self, input_shape):
        batch, height, width, _ = input_shape
        halved = [None if size is None else -(-size // self.stride) for size in (height, width)]
        return (batch, *halved, self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "stride": self.stride}
