"""A network that is built and traced in a moment."""

from mpox_keras.models.backbones import Backbone
from mpox_keras.models.image_classifier import ImageClassifier


def tiny(config, classes, image_size=None):
    """In place of `build_model`."""
    backbone = Backbone("MobileNet", 0.25, (config.image_size, config.image_size, 3), last="conv_pw_2_relu")
    return ImageClassifier(backbone, classes, config.dropout)
