"""The network of a config."""

from __future__ import annotations

import keras

from mpox_keras.config import ModelConfig
from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.models.transfer import TransferModel


def build_model(config: ModelConfig, classes: int, image_size: int | None = None) -> keras.Model:
    """The untrained network of a config, for photos of the size given there or here; the weights fit every size."""
    size = image_size or config.image_size
    shared = {"classes": classes, "weights": config.weights, "input_shape": (size, size, 3), "dropout": config.dropout}
    if config.network != "FastMpoxNet":
        return TransferModel(config.network, config.width, **shared)
    return FastMpoxNet(**shared)
