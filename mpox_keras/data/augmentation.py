"""Training batches: photos drawn, augmented by Keras layers and mixed, the same in every run with the same seed.

Keras's preprocessing layers draw from counters of their own, which a resumed run could not restore. Here these are set anew for
every batch, from the seed and the step, so that any such layer may be used and a resumed run sees what another would.
"""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from mpox_keras.config import AugmentationConfig

_LARGEST_ASPECT = 4 / 3  # of crops, as in Szegedy et al. 2015
_GREY = np.array([0.299, 0.587, 0.114], "float32")  # luma of ITU-R BT.601


def augmentation_layers(augmentation: AugmentationConfig, size: int) -> list[keras.Layer]:
    """The layers that change training photos as the config says: crop and mirror, colour, MixUp.

    Two of them are not Keras's: it has no crop of random size, and its layers for mirroring and colour alone take three times
    as long (`tools/experiments/benchmark_augmentation.py`). What they give is `size` pixels high and wide.

    Example:
        >>> layers = [*augmentation_layers(AugmentationConfig(), 224), keras.layers.RandomErasing(0.2)]
    """
    layers = [RandomResizedCrop(size, augmentation.crop_area)]
    if augmentation.colour:
        layers.append(RandomColour(augmentation.colour))
    if augmentation.mixup:
        layers.append(keras.layers.MixUp(augmentation.mixup))
    return layers


def training_batches(
    photos: np.ndarray, targets: np.ndarray, layers: Sequence[keras.Layer], batch_size: int, seed: int, first_step: int = 0
) -> tf.data.Dataset:
    """Endless batches of augmented photos; each epoch sees every photo at most once, in an order of its own.

    Args:
        photos: `(photos, height, width, 3)`, uint8.
        targets: `(photos, classes)`, one-hot.
        layers: applied by `augment`.
        batch_size: at most as many as there are photos; the rest of an epoch that fills no batch is left out.
        seed: of the order and of every change.
        first_step: batch to start with.

    Returns:
        Dataset of `(images, targets)`: `(batch_size, size, size, 3)`, float32, 0 to 255; `(batch_size, classes)`.
    """
    photos, targets = tf.constant(photos), tf.constant(targets, tf.float32)
    steps_per_epoch = len(photos) // batch_size

    def batch(step):
        epoch, position = step // steps_per_epoch, step % steps_per_epoch
        order = tf.random.experimental.stateless_shuffle(tf.range(len(photos)), seed=[seed, epoch])
        drawn = order[position * batch_size : (position + 1) * batch_size]
        return augment(layers, tf.gather(photos, drawn), tf.gather(targets, drawn), seed, step)

    steps = tf.data.Dataset.counter(first_step, dtype=tf.int64)
    return steps.map(batch, num_parallel_calls=2, deterministic=True).prefetch(2)


def augment(layers: Sequence[keras.Layer], images: tf.Tensor, targets: tf.Tensor, seed: int, step: int | tf.Tensor):
    """Apply Keras's preprocessing layers, or layers like them, to a batch; equal seeds and steps give equal changes.

    Each layer takes and returns `{"images": ..., "labels": ...}`, and draws its random numbers from a
    `keras.random.SeedGenerator`. Images are `(batch, height, width, 3)`, 0 to 255, targets `(batch, classes)`; the step is the
    number of the batch. The images that come back are float32, and may leave 0 to 255 a little, as the network does not mind.
    """
    counters = [variable for layer in layers for variable in layer.variables]
    # The second number counts the draws: a layer has fewer than 256 a batch.
    draws = tf.cast(step, tf.int64) * 256
    starts = [tf.stack([seed * len(counters) + number, draws]) for number in range(len(counters))]
    data = {"images": images, "labels": targets}
    with keras.StatelessScope(state_mapping=list(zip(counters, starts, strict=True))):
        for layer in layers:
            data = layer(data, training=True)
    return tf.cast(data["images"], tf.float32), data["labels"]


class RandomResizedCrop(keras.Layer):
    """Crop of random area and aspect (Szegedy et al. 2015, arXiv 1409.4842), mirrored either way at random and resized.

    The crop keeps between the two shares `area` of the photo's. One antialiased bilinear filter reduces it to `size` pixels
    high and wide, the same as for photos that are evaluated.
    """

    def __init__(self, size: int, area: Sequence[float] = (0.35, 1.0), **options):
        super().__init__(**options)
        self.size, self.area = size, tuple(area)
        self.generator = keras.random.SeedGenerator()

    def call(self, data, training=True):
        images = data["images"]
        side = images.shape[1]
        draw = keras.random.uniform((6, keras.ops.shape(images)[0]), seed=self.generator)
        root = tf.sqrt(self.area[0] + draw[0] * (self.area[1] - self.area[0]))
        # Limited, so that a crop of nearly the whole photo keeps its area.
        stretch = tf.clip_by_value(_LARGEST_ASPECT ** (draw[1] - 0.5), root, 1 / root)
        extent = tf.stack([root / stretch, root * stretch], axis=1)
        start = tf.transpose(draw[2:4]) * (1 - extent)
        scale = self.size / (side * extent)
        mirrored = tf.pad(tf.transpose(draw[4:] < 0.5), [[0, 0], [0, 1]])

        def crop(item):
            image, scale, translation, mirrored = item
            # Of TensorFlow's ways to mirror by a tensor the cheapest: steps of -1 take as long as the crop itself.
            image = tf.raw_ops.Reverse(tensor=image, dims=mirrored)
            place = {"size": [self.size, self.size], "scale": scale, "translation": translation}
            return tf.raw_ops.ScaleAndTranslate(images=image[None], **place, kernel_type="triangle", antialias=True)[0]

        items = (images, scale, -start * side * scale, mirrored)
        return {**data, "images": tf.map_fn(crop, items, fn_output_signature=tf.TensorSpec((self.size, self.size, 3)))}


class RandomColour(keras.Layer):
    """Random brightness, contrast, saturation and white balance, by one affine map of colours for each photo.

    The strength is the largest change of brightness (of 255), contrast and saturation; of each channel's gain, half of it.
    """

    def __init__(self, strength: float = 0.2, **options):
        super().__init__(**options)
        self.strength = strength
        self.generator = keras.random.SeedGenerator()

    def call(self, data, training=True):
        images = tf.cast(data["images"], tf.float32)
        draw = self.strength * keras.random.uniform((tf.shape(images)[0], 6), -1.0, 1.0, seed=self.generator)
        contrast, saturation = 1 + draw[:, 1, None], 1 + draw[:, 2, None, None]
        gains = 1 + draw[:, 3:] / 2
        matrix = (saturation * tf.eye(3) + (1 - saturation) * _GREY[:, None]) * (gains * contrast)[:, None, :]
        shift = 127.5 * (1 - contrast) + 255 * draw[:, :1]
        flat = tf.reshape(images, (-1, images.shape[1] * images.shape[2], 3)) @ matrix + shift[:, None, :]
        return {**data, "images": tf.reshape(flat, (-1, *images.shape[1:]))}
