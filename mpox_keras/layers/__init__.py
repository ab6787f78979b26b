"""Keras layers of Fast-MpoxNet."""

from mpox_keras.layers.ablgfm import ABLGFM
from mpox_keras.layers.pointwise import PointwiseBlock
from mpox_keras.layers.shuffle_unit import ShuffleUnit

__all__ = ["ABLGFM", "PointwiseBlock", "ShuffleUnit"]
