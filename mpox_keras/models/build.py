"""The network that a config names."""

from __future__ import annotations

from mpox_keras.config import ModelConfig
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.models.image_classifier import ImageClassifier, Network


def build_model(config: ModelConfig, classes: int, image_size: int | None = None) -> Network:
    """The network of a config before it is trained, for photos of the size given there or here.

    Without a pyramid the weights fit every size.

    Raises:
        NetworkError, PretrainedWeightsError, MissingExtraError: the network or its weights can't be had.
    """
    size = image_size or config.image_size
    if config.network == "FastMpoxNet":
        return FastMpoxNet(classes, config.weights, (size, size, 3), pyramid=config.pyramid, dropout=config.dropout)
    backbone = Backbone(config.network, config.width, (size, size, 3), weights=config.weights)
    return ImageClassifier(backbone, classes, config.dropout, config.pyramid)
