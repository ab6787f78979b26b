"""Training with frozen first stages: augmented views of every photo go through them once, before training.

A stage that is not trained gives the same features at every epoch. So every photo is augmented a fixed number of times, the
frozen stages see each view once, and the rest of the network trains on what they gave.
"""

from __future__ import annotations

import dataclasses

import click
import keras
import numpy as np
import tensorflow as tf

from mpox_keras.config import Config
from mpox_keras.data.augmentation import augment
from mpox_keras.models.efficientnet_lite import EfficientNetLite0
from mpox_keras.models.fast_mpoxnet import STAGES

_PHOTOS_AT_ONCE = 32


@dataclasses.dataclass(frozen=True)
class Views:
    """Augmented views of photos, as the trained part of a network takes them.

    Indexing by photos gives the views of these.

    Attributes:
        features: for each input of the trained part `(photos, views, height, width, channels)`, float16.
        teacher: features of the teacher, `(photos, views, features)`, float32; None without a teacher.
    """

    features: tuple[np.ndarray, ...]
    teacher: np.ndarray | None = None

    def __len__(self):
        return len(self.features[0])

    def __getitem__(self, photos):
        teacher = None if self.teacher is None else self.teacher[photos]
        return Views(tuple(values[photos] for values in self.features), teacher)

    @property
    def per_photo(self) -> int:
        """Number of views of each photo."""
        return self.features[0].shape[1]


def split_network(model: keras.Model, frozen_stages: int) -> tuple[keras.Model, keras.Model]:
    """A Fast-MpoxNet as two networks that share its layers: the frozen stages, and what is trained on their outputs.

    Args:
        model: a model of `FastMpoxNet`.
        frozen_stages: 2 to 4.

    Returns:
        The frozen part, from photos to the feature maps of its stages, and the trained part, from these to the outputs.
    """
    middle = [model.get_layer(f"stage{stage}_unit{STAGES[stage][1]}").output for stage in range(2, frozen_stages + 1)]
    outputs = {name: model.get_layer(name).output for name in model.output_names}
    return keras.Model(model.input, middle), keras.Model(middle, outputs, name=model.name)


def make_views(config: Config, photos: np.ndarray, frozen: keras.Model, augmented: bool = True) -> Views:
    """Augment photos and take each view through the frozen stages, and through the teacher if there is one.

    The views depend on the seed and on a photo's place alone, not on the fold that it is used in.

    Args:
        config: the experiment; mix-up is left for the training.
        photos: `(photos, size, size, 3)`, uint8.
        frozen: the frozen part of `split_network`.
        augmented: if not, there is one view, the photo itself, and no teacher.

    Returns:
        `training.views` views of each photo.

    Raises:
        MissingExtraError, PretrainedWeightsError: the teacher's weights can't be had.
    """
    training = config.training
    count = training.views if augmented else 1
    unmixed = config.augmentation.model_copy(update={"mixup": 0.0})
    size = frozen.input_shape[1]
    features = tuple(np.empty((len(photos), count, *output.shape[1:]), np.float16) for output in frozen.outputs)
    teacher = teacher_features = None
    if training.teacher_weight and augmented:
        teacher = EfficientNetLite0(training.teacher, photos.shape[1:])
        teacher_features = np.empty((len(photos), count, teacher.output_shape[-1]), np.float32)
    for view in range(count):
        for start in range(0, len(photos), _PHOTOS_AT_ONCE):
            rows = slice(start, start + _PHOTOS_AT_ONCE)
            pictures = tf.cast(photos[rows], tf.float32)
            if augmented:
                targets = tf.zeros((len(pictures), 1))
                pictures, _ = augment(pictures, targets, unmixed, tf.constant([config.seed + view, start]))
                pictures = tf.clip_by_value(pictures, 0, 255)
            if teacher:
                teacher_features[rows, view] = teacher.predict_on_batch(pictures)
            small = tf.image.resize(pictures, (size, size), antialias=True)
            for stored, values in zip(features, _as_list(frozen.predict_on_batch(small)), strict=True):
                stored[rows, view] = values
        if count > 1:
            click.echo(f"view {view + 1}/{count} of {len(photos)} photos", err=True)
    return Views(features, teacher_features)


def view_batches(
    views: Views, targets: np.ndarray, mixup: float, batch_size: int, seed: int, first_step: int = 0
) -> tf.data.Dataset:
    """Endless batches, one view of each photo drawn anew in every epoch, mixed by mix-up (Verma et al. 2019, manifold mix-up).

    Args:
        views: of the training photos.
        targets: `(photos, views, classes)`.
        mixup: both parameters of the beta distribution that shares are drawn from; 0 mixes nothing.
        batch_size: photos per batch; the rest of an epoch that fills no batch is left out.
        seed: of every draw; together with the step it fixes a batch.
        first_step: batch to start with.

    Returns:
        Dataset of `(features, targets)`.

    Raises:
        ValueError: there are fewer photos than `batch_size`.
    """
    if len(views) < batch_size:
        raise ValueError(f"{len(views)} training photos do not fill a batch of {batch_size}; lower training.batch_size.")
    steps_per_epoch = len(views) // batch_size

    def batches():
        step = first_step
        while True:
            epoch, position = divmod(step, steps_per_epoch)
            order = np.random.default_rng([seed, 0, epoch]).permutation(len(views))
            rows = order[position * batch_size : (position + 1) * batch_size]
            random = np.random.default_rng([seed, 1, step])
            drawn = random.integers(0, views.per_photo, batch_size)
            share = np.ones(batch_size, np.float32)
            if mixup:
                share = random.beta(mixup, mixup, batch_size).astype(np.float32)
                share = np.maximum(share, 1 - share)
            chosen = [values[rows, drawn].astype(np.float32) for values in (*views.features, targets)]
            *features, target = (_blend(values, share) for values in chosen)
            yield tuple(features), target
            step += 1

    shapes = [(batch_size, *values.shape[2:]) for values in (*views.features, targets)]
    *features, target = (tf.TensorSpec(shape, tf.float32) for shape in shapes)
    return tf.data.Dataset.from_generator(batches, output_signature=(tuple(features), target)).prefetch(2)


def _blend(values, share):
    share = share.reshape(-1, *[1] * (values.ndim - 1))
    return share * values + (1 - share) * values[::-1]


def _as_list(outputs):
    return outputs if isinstance(outputs, list) else [outputs]
