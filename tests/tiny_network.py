"""Networks that are built and traced in a moment."""

import keras
import numpy as np

from mpox_keras.models.backbones import Backbone
from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.models.image_classifier import ImageClassifier


def tiny_backbone(include_top, weights, input_tensor, input_shape, bottleneck=False):
    """One convolution for each stride, and perhaps a sum, as a network of keras.applications."""
    x = input_tensor
    for stride in (2, 4, 8, 16, 32):
        options = {"strides": 2, "padding": "same", "use_bias": False}
        x = keras.layers.Conv2D(8, 3, **options, name=f"convolution_{stride}")(x)
        x = keras.layers.BatchNormalization(name=f"normalization_{stride}")(x)
        x = keras.layers.ReLU(name=f"activation_{stride}")(x)
        if bottleneck and stride == 8:
            x = keras.layers.Add(name="sum")([x, keras.layers.Conv2D(8, 1, use_bias=False, name="beside")(x)])
    return keras.Model(keras.utils.get_source_inputs(input_tensor), x)


def preprocess_input(pixels):
    """Where `Backbone` looks for it."""
    return keras.layers.Rescaling(1 / 127.5, -1)(pixels)


def tiny_with_bottleneck(**options):
    """The same with a sum."""
    return tiny_backbone(**options, bottleneck=True)


keras.applications.tiny_backbone, keras.applications.tiny_with_bottleneck = tiny_backbone, tiny_with_bottleneck


def small(image_size, classes=4, **options):
    """A network that any process can load, untrained, of which the answer depends on the photo as if it were trained."""
    backbone = Backbone("MobileNet", 0.25, (image_size, image_size, 3), last="conv_pw_6_relu")
    for layer in backbone.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    backbone(np.random.default_rng(0).uniform(0, 255, (8, image_size, image_size, 3)), training=True)
    return ImageClassifier(backbone, classes, **options)


def tiny(config, classes):
    """In place of `build_model`."""
    return ImageClassifier(_backbone(config), classes, config.dropout, config.pyramid)


def tiny_fast_mpoxnet(config, classes, **options):
    """In place of `build_model`: all parts of Fast-MpoxNet."""
    options = {"fusion_filters": (8, 8), **options}
    backbone = _backbone(config, "tiny_with_bottleneck")
    return FastMpoxNet(classes, backbone=backbone, pyramid=config.pyramid, dropout=config.dropout, **options)


def _backbone(config, network="tiny_backbone"):
    size = config.image_size
    return Backbone(network, input_shape=(size, size, 3))
