"""Augmentations that gained nothing on MSID: the background painted over, and what phones and the web do to photos."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from framing import SKIN_BLUE, SKIN_RED

_LOWEST_RESOLUTION = 0.25  # of the photo's height and width
_LARGEST_NOISE = 12.0  # standard deviation, of 0 to 255
_LOWEST_QUALITY = 25  # of JPEG, of 100
_CHROMA = np.array([[-0.168736, 0.5], [-0.331264, -0.418688], [0.5, -0.081312]], "float32")  # Cb and Cr, as JPEG has them
_NEIGHBOURHOOD = 1 / 8  # of the width: wider than a lesion, whose colour need not be that of skin


class RandomChange(keras.Layer):
    """A change of a share of the photos, in the manner of Keras's preprocessing layers."""

    def __init__(self, share: float, **options):
        super().__init__(**options)
        self.share = share
        self.generator = keras.random.SeedGenerator()

    def draw(self, *shape):
        """Random numbers from 0 to 1."""
        return keras.random.uniform(shape, seed=self.generator)

    def call(self, data, training=True):
        return {**data, "images": self.change(tf.cast(data["images"], tf.float32))}


class RandomBackground(RandomChange):
    """Paints what has little of the colour of skin about it in one random colour."""

    def change(self, images):
        window = max(1, round(_NEIGHBOURHOOD * images.shape[2]))
        blue, red = tf.unstack(tf.round(images @ _CHROMA + 128), axis=-1)
        skin = (blue >= SKIN_BLUE[0]) & (blue <= SKIN_BLUE[1]) & (red >= SKIN_RED[0]) & (red <= SKIN_RED[1])
        around = tf.nn.avg_pool2d(tf.cast(skin, tf.float32)[..., None], window, strides=1, padding="SAME")
        draw = self.draw(tf.shape(images)[0], 4)
        painted = (draw[:, 3] < self.share)[:, None, None, None] & (around < 0.5)
        return tf.where(painted, 255 * draw[:, None, None, :3], images)


class RandomGrey(RandomChange):
    """Takes the colour away; Keras's RandomGrayscale fails on photos that come with labels."""

    def change(self, images):
        chosen = (self.draw(tf.shape(images)[0]) < self.share)[:, None, None, None]
        return tf.where(chosen, tf.image.rgb_to_grayscale(images), images)


class RandomDegradation(RandomChange):
    """Lost resolution, sensor noise and JPEG artefacts, each of a share of the photos."""

    def change(self, images):
        batch, size = tf.shape(images)[0], images.shape[1]
        # One resolution for the batch: TensorFlow resizes whole batches only.
        small = tf.cast(tf.round(size * _LOWEST_RESOLUTION ** self.draw(1)[0]), tf.int32)
        coarse = tf.image.resize(tf.image.resize(images, (small, small), antialias=True), (size, size))
        images = tf.where((self.draw(batch) < self.share)[:, None, None, None], coarse, images)

        strength = tf.where(self.draw(batch) < self.share, self.draw(batch) * _LARGEST_NOISE, 0)
        noise = keras.random.normal(tf.shape(images), seed=self.generator)
        images = images + strength[:, None, None, None] * noise

        quality = tf.cast(_LOWEST_QUALITY + self.draw(batch) * (100 - _LOWEST_QUALITY), tf.int32)
        pixels = tf.saturate_cast(tf.round(images), tf.uint8)

        def encode(item):
            photo, chosen, quality = item
            return tf.cond(chosen, lambda: tf.image.adjust_jpeg_quality(photo, quality), lambda: photo)

        pixels = tf.map_fn(encode, (pixels, self.draw(batch) < self.share, quality), fn_output_signature=tf.uint8)
        return tf.cast(tf.ensure_shape(pixels, images.shape), tf.float32)
