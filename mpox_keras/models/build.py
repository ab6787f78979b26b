"""The network that a config names."""

from mpox_keras.config import ModelConfig
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.models.image_classifier import ImageClassifier, Network


def build_model(config: ModelConfig, classes: int) -> Network:
    """The network of a config before it is trained; it raises what `FastMpoxNet` and `Backbone` raise."""
    shape = (config.image_size, config.image_size, 3)
    if config.network == "FastMpoxNet":
        return FastMpoxNet(classes, config.weights, shape, pyramid=config.pyramid, dropout=config.dropout)
    backbone = Backbone(config.network, config.width, shape, weights=config.weights)
    return ImageClassifier(backbone, classes, config.dropout, config.pyramid)
