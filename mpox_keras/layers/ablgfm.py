"""ABLGFM, the fusion of local and global features in Fast-MpoxNet."""

import keras

from mpox_keras.layers.pointwise import PointwiseBlock


@keras.saving.register_keras_serializable(package="mpox_keras")
class ABLGFM(keras.layers.Layer):
    """Attention-Based Local and Global Fusion Module (Yue et al. 2024, arXiv 2308.13492).

    The paper names the module and says that it is built of pointwise convolutions and batch normalisation. Its inside is
    reconstructed here as attentional feature fusion (Dai et al. 2021, arXiv 2009.14082, equations 2 to 4): with
    `Z = local + global_`,

        attention = sigmoid(position(Z) + context(average over all positions of Z))
        output    = attention * local + (1 - attention) * global_

    where `position` and `context` are each PWConv-BN-ReLU to `filters / reduction` channels, then PWConv-BN back. First, the
    local map is average-pooled to the global one's size, and PWConv-BN-ReLU projects a map of other than `filters` channels.

    Inputs: a list `[local, global_]` of shapes `(batch, k * height, k * width, any)` and `(batch, height, width, any)`
    with a whole number `k`. Output: `(batch, height, width, filters)`.

    Args:
        filters: channels of the output.
        reduction: how many times fewer channels the middle of each attention stack has.

    Raises:
        ValueError: the inputs are not two maps, or the local map's size is no whole multiple of the global one's.

    Example:
        >>> local, global_ = keras.ops.ones((1, 28, 28, 48)), keras.ops.ones((1, 14, 14, 96))
        >>> ABLGFM(96)([local, global_]).shape
        (1, 14, 14, 96)
    """

    def __init__(self, filters, reduction=4, **kwargs):
        super().__init__(**kwargs)
        if reduction < 1 or filters % reduction:
            raise ValueError(f"reduction must divide filters ({filters}); got {reduction}.")
        self.filters, self.reduction = filters, reduction
        self.position, self.context = self._attention_stack("position"), self._attention_stack("context")
        self.local_projection = self.global_projection = self.pooling = None

    def _block(self, filters, name, activation="relu"):
        return PointwiseBlock(filters, activation, dtype=self.dtype_policy, name=name)

    def _attention_stack(self, name):
        reduce = self._block(self.filters // self.reduction, f"{name}_reduce")
        return [reduce, self._block(self.filters, f"{name}_expand", activation=None)]

    def build(self, input_shape):
        local, global_ = self._two_shapes(input_shape)
        factor = local[1] // global_[1]
        if tuple(local[1:3]) != (factor * global_[1], factor * global_[2]):
            raise ValueError(
                f"the local map's height and width must be the same whole multiple of the global one's; "
                f"got {tuple(local[1:3])} and {tuple(global_[1:3])}."
            )
        if factor > 1:
            self.pooling = keras.layers.AveragePooling2D(factor, dtype=self.dtype_policy, name="pooling")
        if local[-1] != self.filters:
            self.local_projection = self._block(self.filters, "local_projection")
            self.local_projection.build((*global_[:-1], local[-1]))
        if global_[-1] != self.filters:
            self.global_projection = self._block(self.filters, "global_projection")
            self.global_projection.build(global_)
        shape = (*global_[:-1], self.filters)
        for stack in (self.position, self.context):
            stack[0].build(shape)
            stack[1].build((*shape[:-1], self.filters // self.reduction))

    def call(self, inputs, training=None):  # Keras hands `training` on to the inner layers
        local, global_ = inputs
        if self.pooling:
            local = self.pooling(local)
        if self.local_projection:
            local = self.local_projection(local)
        if self.global_projection:
            global_ = self.global_projection(global_)
        position = local + global_
        context = keras.ops.mean(position, axis=(1, 2), keepdims=True)
        for of_position, of_context in zip(self.position, self.context, strict=True):
            position, context = of_position(position), of_context(context)
        attention = keras.ops.sigmoid(position + context)
        return attention * local + (1 - attention) * global_

    def compute_output_shape(self, input_shape):
        _, global_ = self._two_shapes(input_shape)
        return (*global_[:-1], self.filters)

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "reduction": self.reduction}

    @staticmethod
    def _two_shapes(input_shape):
        if len(input_shape) != 2 or any(len(shape) != 4 for shape in input_shape):
            raise ValueError(f"ABLGFM takes a list of two feature maps, [local, global_]; got shapes {input_shape}.")
        return input_shape
