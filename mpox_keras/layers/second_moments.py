"""Which channels of a map go together."""

import keras
import numpy as np

SOFTENING = 1.0
"""Added to the size of a mean before its root, which is steep at 0; products in the maps that this is for are about 10."""


@keras.saving.register_keras_serializable(package="mpox_keras")
class SecondMoments(keras.layers.Layer):
    """Averages of the products of any two channels, in a grid of cells, scaled as bilinear pooling scales them.

    The averages of channels, which a linear classifier takes from a map, don't tell whether two of them are large in the same
    places, as in the texture of a lesion; the averages of their products do (Lin et al. 2015, arXiv 1504.07889). Each pair is
    divided by `sqrt(abs(mean) + 1)`, with its mean over the whole photo. So its mean over the cells is about the signed root of
    that, as there, and each cell's share of it is known.

    Input `(batch, height, width, channels)`, output `(batch, size, size, groups * (groups + 1) / 2)`, pairs in the order of
    `numpy.triu_indices`.

    Args:
        size: cells along each side.
        group: channels next to one another that count as one, with the largest of their values (maxout, Goodfellow et al. 2013,
            arXiv 1302.4389): for wide maps, of which the pairs would be many.
        square: every pair twice, as all products of groups with groups, `groups * groups`; TFLite and TF.js take less time
            for all than to pick some.

    Raises:
        ValueError: height and width are not whole multiples of `size`, or the channels of `group`.

    Example:
        >>> SecondMoments(6)(keras.ops.ones((1, 12, 12, 24))).shape
        (1, 6, 6, 300)
    """

    def __init__(self, size: int, group: int = 1, square: bool = False, **kwargs):
        super().__init__(**kwargs)
        self.size, self.group, self.square = size, group, square

    def build(self, input_shape):
        _, height, width, channels = input_shape
        if height % self.size or width % self.size:
            raise ValueError(f"{self.size} cells along each side need whole multiples of that; got {height}x{width}.")
        if channels % self.group:
            raise ValueError(f"{channels} channels can't be put in groups of {self.group}.")
        groups = channels // self.group
        first, second = np.triu_indices(groups)
        self.pairs = (first * groups + second).astype("int32")  # TF.js has no wider integers

    def call(self, inputs):
        _, height, width, channels = inputs.shape
        if self.group > 1:
            # In TFLite a pooling is quicker than a maximum over an axis.
            flat = keras.ops.reshape(inputs, (-1, height * width, channels, 1))
            inputs, channels = keras.ops.max_pool(flat, (1, self.group), (1, self.group)), channels // self.group
        size, rows, columns = self.size, height // self.size, width // self.size
        cells = keras.ops.reshape(inputs, (-1, rows, size, columns * channels))
        cells = keras.ops.reshape(keras.ops.transpose(cells, (0, 2, 1, 3)), (-1, rows * columns, channels))
        products = keras.ops.matmul(keras.ops.transpose(cells, (0, 2, 1)), cells) / (rows * columns)
        if not self.square:
            products = keras.ops.take(keras.ops.reshape(products, (-1, channels**2)), self.pairs, axis=-1)
        pairs = keras.ops.reshape(products, (-1, size, size, channels**2 if self.square else len(self.pairs)))
        whole = keras.ops.mean(pairs, axis=(1, 2), keepdims=True)
        return pairs / keras.ops.sqrt(keras.ops.abs(whole) + SOFTENING)

    def compute_output_shape(self, input_shape):
        groups = input_shape[-1] // self.group
        return (input_shape[0], self.size, self.size, groups**2 if self.square else groups * (groups + 1) // 2)

    def get_config(self):
        return {**super().get_config(), "size": self.size, "group": self.group, "square": self.square}
