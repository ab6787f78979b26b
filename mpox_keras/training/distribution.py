"""Training on several devices of one machine."""

import keras
import tensorflow as tf

from mpox_keras.config import ConfigError


def make_strategy(distribution: str, batch_size: int) -> tf.distribute.Strategy:
    """The strategy that the network is to be built and compiled in.

    With `mirrored` each GPU, or each logical CPU device where there is no GPU, takes its share of every batch of `batch_size`,
    and all of them make one step together (`tf.distribute.MirroredStrategy`); with `none` there is one device. On TensorFlow
    `keras.distribution` is a prototype marked as not to be used. Several machines and TPUs were not tried and are not offered.
    ConfigError if the devices can't share a batch evenly.

    Example:
        >>> with make_strategy("mirrored", 32).scope():
        ...     model = build_model(config)
    """
    if distribution == "none":
        return tf.distribute.get_strategy()
    devices = tf.config.list_logical_devices("GPU") or tf.config.list_logical_devices("CPU")
    if batch_size % len(devices):
        raise ConfigError(f"{len(devices)} devices can't share a batch of {batch_size} evenly; change training.batch_size.")
    return tf.distribute.MirroredStrategy([device.name for device in devices])


def synchronize(model: keras.Model) -> None:
    """Let batch normalisations take their statistics from the whole batch, so that two devices learn what one learns."""
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
