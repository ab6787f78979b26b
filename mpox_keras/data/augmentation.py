"""Training batches: photos drawn, augmented and mixed, the same in every run with the same seed.

Every random draw is a function of the seed and the step alone. Keras's augmentation layers keep a hidden counter, which a
run resumed after a crash could not restore, and work photo by photo at several times the cost; here a whole batch is
cropped, flipped and resized by one operation, and recoloured by one matrix product.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from mpox_keras.config import AugmentationConfig
from mpox_keras.data.styles import SKIN_BLUE, SKIN_RED

_LOWEST_RESOLUTION = 0.25  # of the photo's height and width
_LARGEST_NOISE = 12.0  # standard deviation, of 0 to 255
_LOWEST_QUALITY = 25  # of JPEG, of 100
_GREY = np.array([0.299, 0.587, 0.114], "float32")  # luma of ITU-R BT.601
_CHROMA = np.array([[-0.168736, 0.5], [-0.331264, -0.418688], [0.5, -0.081312]], "float32")  # Cb and Cr, as JPEG has them
_NEIGHBOURHOOD = 1 / 8  # of the width: wider than a lesion, whose colour need not be that of skin


def training_batches(
    photos: np.ndarray,
    targets: np.ndarray,
    augmentation: AugmentationConfig,
    batch_size: int,
    seed: int,
    first_step: int = 0,
    size: int | None = None,
) -> tf.data.Dataset:
    """Endless batches of augmented photos; each epoch sees every photo at most once, in an order of its own.

    Args:
        photos: `(photos, size, size, 3)`, uint8.
        targets: `(photos, classes)`, one-hot.
        augmentation: what is changed.
        batch_size: photos per batch; the rest of an epoch that fills no batch is left out.
        seed: of the order and of every change.
        first_step: batch to start with, so that a resumed run sees what an uninterrupted one would.

    Returns:
        Dataset of `(images, targets)`: `(batch_size, size, size, 3)`, float32, 0 to 255; `(batch_size, classes)`.

    Raises:
        ValueError: there are fewer photos than `batch_size`.
    """
    if len(photos) < batch_size:
        raise ValueError(f"{len(photos)} training photos do not fill a batch of {batch_size}; lower training.batch_size.")
    photos, targets = tf.constant(photos), tf.constant(targets, tf.float32)
    steps_per_epoch = len(photos) // batch_size

    def batch(step):
        epoch, position = step // steps_per_epoch, step % steps_per_epoch
        # Negative, so that no epoch's seed is a step's seed.
        order = tf.random.experimental.stateless_shuffle(tf.range(len(photos)), seed=[seed, -1 - epoch])
        drawn = order[position * batch_size : (position + 1) * batch_size]
        return augment(tf.gather(photos, drawn), tf.gather(targets, drawn), augmentation, tf.stack([seed, step]), size)

    steps = tf.data.Dataset.counter(first_step, dtype=tf.int64)
    return steps.map(batch, num_parallel_calls=2, deterministic=True).prefetch(2)


def augment(images, targets, augmentation: AugmentationConfig, seed, size: int | None = None):
    """Augment a batch: degradation, random crop and flips, background, colour, mix-up.

    Args:
        images: `(batch, height, width, 3)`, 0 to 255.
        targets: `(batch, classes)`.
        augmentation: what is changed.
        seed: two whole numbers.
        size: height and width of the result; those of the photos if left out.

    Returns:
        Images, float32, and targets, mixed as the images were. Colours may leave 0 to 255 a little, as the network does
        not mind.
    """
    crop_seed, colour_seed, mix_seed = tf.unstack(tf.random.split(seed, 3))
    images = tf.cast(images, tf.float32)
    if augmentation.degradation:
        images = _degrade(images, augmentation.degradation, tf.random.fold_in(seed, 0))
    images = _random_crop(images, augmentation, crop_seed, size or images.shape[1])
    if augmentation.background:
        images = _paint_background(images, augmentation.background, tf.random.fold_in(seed, 1))
    images = _random_colour(images, augmentation, colour_seed)
    if augmentation.mixup:
        images, targets = _mixup(images, targets, augmentation.mixup, mix_seed)
    return images, targets


def _degrade(images, share, seed):
    """What phones and the web do to photos, on a share of the batch: lost resolution, sensor noise, JPEG artefacts.

    Each of the three is drawn on its own, so that `share` is that of each.
    """
    resolution_seed, noise_seed, jpeg_seed = tf.unstack(tf.random.split(seed, 3))
    batch, size = tf.shape(images)[0], images.shape[1]

    draw = tf.random.stateless_uniform((batch + 1,), resolution_seed)
    # One resolution for the batch: TensorFlow resizes whole batches only.
    small = tf.cast(tf.round(size * tf.exp(draw[-1] * np.log(_LOWEST_RESOLUTION))), tf.int32)
    coarse = tf.image.resize(tf.image.resize(images, (small, small), antialias=True), (size, size))
    images = tf.where((draw[:-1] < share)[:, None, None, None], coarse, images)

    draw = tf.random.stateless_uniform((batch, 2), noise_seed)
    strength = tf.where(draw[:, 0] < share, draw[:, 1] * _LARGEST_NOISE, 0)
    noise = tf.random.stateless_normal(tf.shape(images), noise_seed + 1)
    images = images + strength[:, None, None, None] * noise

    draw = tf.random.stateless_uniform((batch, 2), jpeg_seed)
    quality = tf.cast(_LOWEST_QUALITY + draw[:, 1] * (100 - _LOWEST_QUALITY), tf.int32)
    pixels = tf.saturate_cast(tf.round(images), tf.uint8)

    def encode(item):
        photo, chosen, quality = item
        return tf.cond(chosen, lambda: tf.image.adjust_jpeg_quality(photo, quality), lambda: photo)

    pixels = tf.map_fn(encode, (pixels, draw[:, 0] < share, quality), fn_output_signature=tf.uint8)
    return tf.cast(tf.ensure_shape(pixels, images.shape), tf.float32)


def _random_crop(images, augmentation, seed, size):
    """Crop of random area and aspect ("Inception" crop, Szegedy et al. 2015), flipped at random."""
    batch = tf.shape(images)[0]
    draw = tf.random.stateless_uniform((6, batch), seed)
    area = augmentation.crop_area[0] + draw[0] * (augmentation.crop_area[1] - augmentation.crop_area[0])
    low, high = np.log(augmentation.crop_aspect)
    stretch = tf.sqrt(tf.exp(low + draw[1] * (high - low)))
    height, width = tf.minimum(tf.sqrt(area) / stretch, 1), tf.minimum(tf.sqrt(area) * stretch, 1)
    top, left = draw[2] * (1 - height), draw[3] * (1 - width)
    bottom, right = top + height, left + width
    if augmentation.flips:
        # crop_and_resize mirrors a box whose ends are swapped.
        top, bottom = _swap(draw[4] < 0.5, top, bottom)
        left, right = _swap(draw[5] < 0.5, left, right)
    boxes = tf.stack([top, left, bottom, right], axis=1)
    return tf.image.crop_and_resize(images, boxes, tf.range(batch), (size, size))


def _swap(condition, first, second):
    return tf.where(condition, second, first), tf.where(condition, first, second)


def _paint_background(images, share, seed):
    """Paint what has little of the colour of skin about it in one random colour, on a share of the batch."""
    window = max(1, round(_NEIGHBOURHOOD * images.shape[2]))
    skin = tf.cast(is_skin_coloured(images), tf.float32)[..., None]
    around = tf.nn.avg_pool2d(skin, window, strides=1, padding="SAME")
    draw = tf.random.stateless_uniform((tf.shape(images)[0], 4), seed)
    painted = (draw[:, 3] < share)[:, None, None, None] & (around < 0.5)
    return tf.where(painted, 255 * draw[:, None, None, :3], images)


def is_skin_coloured(images):
    """`mpox_keras.data.styles.looks_like_skin` of a batch, as TensorFlow: `(batch, height, width, 3)`, 0 to 255, to bool."""
    blue, red = tf.unstack(tf.round(images @ _CHROMA + 128), axis=-1)
    return (blue >= SKIN_BLUE[0]) & (blue <= SKIN_BLUE[1]) & (red >= SKIN_RED[0]) & (red <= SKIN_RED[1])


def _random_colour(images, augmentation, seed):
    """One affine map of colours per photo: `colour -> colour @ matrix + shift`."""
    batch, height, width = tf.shape(images)[0], images.shape[1], images.shape[2]
    draw = tf.random.stateless_uniform((batch, 6), seed, minval=-1.0)
    grey, turn = tf.unstack(tf.random.stateless_uniform((2, batch), tf.random.fold_in(seed, 0)))
    brightness = 255 * augmentation.brightness * draw[:, 0, None]
    contrast = 1 + augmentation.contrast * draw[:, 1, None]
    saturation = 1 + augmentation.saturation * draw[:, 2, None, None]
    saturation = tf.where((grey < augmentation.grey)[:, None, None], 0.0, saturation)
    gains = 1 + augmentation.white_balance * draw[:, 3:6]
    matrix = saturation * tf.eye(3) + (1 - saturation) * _GREY[:, None]
    if augmentation.hue:
        matrix = _hue_rotation(np.pi * augmentation.hue * (2 * turn - 1)) @ matrix
    matrix = matrix * (gains * contrast)[:, None, :]
    shift = 127.5 * (1 - contrast) + brightness
    flat = tf.reshape(images, (batch, height * width, 3)) @ matrix + shift[:, None, :]
    return tf.reshape(flat, (batch, height, width, 3))


def _hue_rotation(angle):
    """Matrices `(batch, 3, 3)` that turn colours about the grey axis by an angle in radians, `(batch,)`."""
    cosine, sine = tf.cos(angle)[:, None, None], tf.sin(angle)[:, None, None]
    around = np.array([[0, 1, -1], [-1, 0, 1], [1, -1, 0]], "float32") / np.sqrt(3, dtype="float32")
    return cosine * tf.eye(3) + (1 - cosine) / 3 + sine * around


def _mixup(images, targets, alpha, seed):
    """Blend each photo with its mirror place in the batch (Zhang et al. 2018, arXiv 1710.09412)."""
    gamma = tf.random.stateless_gamma((2, tf.shape(images)[0]), seed, alpha)
    share = tf.math.divide_no_nan(gamma[0], gamma[0] + gamma[1])
    share = tf.maximum(share, 1 - share)
    images = _blend(images, share[:, None, None, None])
    return images, _blend(targets, share[:, None])


def _blend(values, share):
    return share * values + (1 - share) * tf.reverse(values, [0])
