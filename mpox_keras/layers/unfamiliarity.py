"""How unlike the training photos a photo is."""

import keras


@keras.saving.register_keras_serializable(package="mpox_keras")
class Unfamiliarity(keras.layers.Layer):
    """Squared distance of a feature vector from the plane that the training photos' features lie near.

    The reconstruction error of a principal component analysis (Jackson and Mudholkar 1979), divided by its mean over the
    training photos: about 1 for photos like those, several times more for pictures that show no skin. Nothing here is
    trained; the weights are set by `mpox_keras.training.add_unfamiliarity`.

    Input `(batch, features)`, output `(batch, 1)`, 0 or more.

    Args:
        components: number of principal components.

    Example:
        >>> Unfamiliarity(8)(keras.ops.ones((2, 288))).shape
        (2, 1)
    """

    def __init__(self, components, **kwargs):
        super().__init__(**kwargs)
        self.components = components
        self.trainable = False

    def build(self, input_shape):
        self.mean = self.add_weight(shape=(input_shape[-1],), initializer="zeros", trainable=False, name="mean")
        self.directions = self.add_weight(
            shape=(input_shape[-1], self.components), initializer="zeros", trainable=False, name="directions"
        )
        self.scale = self.add_weight(shape=(), initializer="ones", trainable=False, name="scale")

    def call(self, inputs):
        centred = inputs - self.mean
        # What the components leave over, and not the difference of two sums of squares, which rounding could make negative.
        inside = keras.ops.matmul(keras.ops.matmul(centred, self.directions), keras.ops.transpose(self.directions))
        left = centred - inside
        # A product of vectors, because a sum of squares that are rounded one by one is of no use in 8-bit integers.
        return keras.ops.matmul(left[:, None, :], left[:, :, None])[:, 0] * self.scale

    def compute_output_shape(self, input_shape):
        return (input_shape[0], 1)

    def get_config(self):
        return {**super().get_config(), "components": self.components}
