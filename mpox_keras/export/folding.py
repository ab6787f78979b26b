"""The deployed form of Fast-MpoxNet: the same function, written so that a runtime computes and hardly moves anything.

What is done to the trained network is exact but for rounding:

- Batch normalisations are folded into the convolutions before them, and the rescaling of pixels into the first.
- The channel shuffle is folded away. A `ShuffleUnit` takes every second channel, and picking these out of memory costs more
  than the convolution behind it. But a shuffle only renames channels: each convolution here gives its channels out in such
  an order that those taken together lie side by side, and are copied as a few whole ranges.
- The pooling after the first convolution needs no padded copy: that convolution gives one more row and column, which let
  "same" pooling begin where the trained network's does.
- For integers the channels of a feature map can be brought to one range (Nagel et al. 2019, arXiv 1906.04721, section 4.1):
  ReLU, convolution and pooling commute with a positive factor per channel, which the next convolution undoes.

The result has plain Keras layers only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import keras
import numpy as np

from mpox_keras.models.deploy import deploy
from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.models.image_classifier import Network
from mpox_keras.models.shufflenet_v2 import STAGES

Ranges = Mapping[str, np.ndarray]
"""Name of a convolution -> the largest magnitude in each of its channels, `(channels,)`, all over 0."""


def fold_batch_norms(model: FastMpoxNet, temperature: float = 1.0, ranges: Ranges | None = None) -> keras.Model:
    """The deployed form of a trained Fast-MpoxNet, for export.

    It computes what `deploy(model, class_activation_map=True, temperature=temperature)` does, from the same input to the same
    outputs.

    Args:
        model: on ShuffleNetV2.
        temperature: what logits are divided by before the softmax.
        ranges: of `channel_ranges`, to bring the channels inside to one range.

    Example:
        >>> folded, deployed = fold_batch_norms(model), deploy(model)
        >>> np.abs(folded.predict(photos)["probabilities"] - deployed.predict(photos)["probabilities"]).max() < 1e-5
        True
    """
    inputs = keras.Input(model.inputs[0].shape[1:], name="image")
    network = _Folding(model, ranges or {})
    maps, stages = network.stem(inputs), {}
    for stage, (_, units) in STAGES.items():
        stages[stage] = maps = network.stage(maps, stage, units)
    if model.fusion:
        maps = network.fusion("fusion_4", network.fusion("fusion_3", stages[2], stages[3]), stages[4])
    projection = model.get_layer("projection")
    features = network.pointwise(maps, projection, "projection", scale=np.ones(projection.filters)).maps

    deployed = deploy(model, class_activation_map=True, temperature=temperature)
    outputs = {name: deployed.get_layer(name).output for name in deployed.output_names if name != "ood_score"}
    outputs = keras.Model(projection.output, outputs, name="head")(features)
    if model.ood_score:
        outputs["ood_score"] = network.ood_score(list(stages.values()))
    return keras.Model(inputs, outputs, name=model.name)


def exportable(model: Network, temperature: float, ranges: Ranges | None = None) -> keras.Model:
    """The form in which a trained network is exported: `fold_batch_norms` where that is known, else `deploy`."""
    if can_fold(model):
        return fold_batch_norms(model, temperature, ranges)
    return deploy(model, class_activation_map=True, temperature=temperature)


def can_fold(model: Network) -> bool:
    """Whether a model is one that `fold_batch_norms` knows."""
    return isinstance(model, FastMpoxNet) and model.backbone.network == "ShuffleNetV2" and model.head_filters > 0


def channel_ranges(folded: keras.Model, photos: np.ndarray) -> Ranges:
    """Those of a model of `fold_batch_norms` without ranges, for photos `(photos, height, width, 3)`, 0 to 255."""
    convolutions = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)
    maps = {layer.name: layer.output for layer in folded.layers if isinstance(layer, convolutions)}
    largest = {name: keras.ops.max(keras.ops.abs(values), axis=(1, 2)) for name, values in maps.items()}
    answers = keras.Model(folded.inputs, largest).predict(photos, batch_size=32, verbose=0)
    ranges = {name: values.max(axis=0) for name, values in answers.items()}
    # A channel that is all but dead must not be blown up.
    return {name: np.maximum(values, max(values.max() / 100, 1e-6)) for name, values in ranges.items()}


class _Maps(NamedTuple):
    """Feature maps: place `i` holds channel `order[i]` of the trained network, divided by `scale[i]`."""

    maps: keras.KerasTensor
    order: np.ndarray
    scale: np.ndarray


class _Folding:
    """Writes the parts of a trained network anew, with convolutions of the same names as the layers they come from."""

    def __init__(self, model, ranges):
        self.model, self.backbone = model, model.backbone
        self.ranges = ranges

    def stem(self, inputs):
        stem, normalization = (self.backbone.get_layer(f"stem_{part}") for part in ("convolution", "normalization"))
        kernel, bias = _folded(stem.kernel, normalization)
        kernel = kernel * self.backbone.get_layer("rescaling").scale
        scale = self.ranges.get("stem", np.ones(len(bias)))
        x = keras.layers.ZeroPadding2D(((1, 2), (1, 2)), name="stem_padding")(inputs)
        layer = keras.layers.Conv2D(len(bias), 3, strides=2, activation="relu", name="stem")
        x = _with_weights(layer, x, kernel / scale, bias / scale)
        # An odd size makes "same" begin one pixel before the border, as the trained network does. The last row and column
        # are of no use, and no later layer reads them.
        x = keras.layers.MaxPooling2D(3, strides=2, padding="same", name="stem_pooling")(x)
        return _Maps(x, np.arange(len(bias)), scale)

    def stage(self, x, stage, units):
        for number in range(1, units + 1):
            name = f"stage{stage}_unit{number}"
            unit = self.backbone.get_layer(name)
            half, taken = unit.filters // 2, x
            if number == 1:
                passed = [self.branch(x, unit.projection, f"{name}_projection", _by_passes(half, units - 1, turn=0))]
            else:
                passed, taken = _ranges(x, parity=0), _concatenate(*_ranges(x, parity=1))
            main = self.pointwise(taken, unit.main[0], f"{name}_main_expand")
            order = _by_passes(half, units - number, turn=number, start=half)
            main = self.branch(main, unit.main, f"{name}_main", order - half)
            x = _concatenate(*passed, main._replace(order=order))
        return x

    def branch(self, x, layers, name, order):
        """The last layers of a branch of a unit: padding, depthwise convolution and its normalisation, pointwise block."""
        *_, convolution, normalization, project = layers
        x = self.depthwise(x, convolution, normalization, f"{name}_depthwise")
        return self.pointwise(x, project, f"{name}_project", order)

    def fusion(self, name, local, global_):
        """An ABLGFM; its channels come in the order and scale of the global maps."""
        fusion = self.model.get_layer(name)
        if fusion.pooling:
            pooling = keras.layers.AveragePooling2D(fusion.pooling.pool_size, name=f"{name}_pooling")
            local = local._replace(maps=pooling(local.maps))
        if fusion.global_projection:
            global_ = self.pointwise(global_, fusion.global_projection, f"{name}_global_projection")
        order, scale = global_.order, global_.scale
        local = self.pointwise(local, fusion.local_projection, f"{name}_local_projection", order, scale)
        both = _Maps(local.maps + global_.maps, order, scale)
        average = keras.layers.GlobalAveragePooling2D(keepdims=True, name=f"{name}_average")(both.maps)
        attention = []
        for part, x in (("position", both), ("context", _Maps(average, order, scale))):
            reduce, expand = getattr(fusion, part)
            x = self.pointwise(x, reduce, f"{name}_{part}_reduce")
            attention.append(self.pointwise(x, expand, f"{name}_{part}_expand", order, np.ones(len(order))).maps)
        attention = keras.ops.sigmoid(attention[0] + attention[1])
        # attention * local + (1 - attention) * global_, with one product less
        return _Maps(global_.maps + attention * (local.maps - global_.maps), order, scale)

    def ood_score(self, stages):
        """The output of that name, from the maps that each stage ends with."""
        kernel, bias = self.model.get_layer("ood_score").get_weights()
        parts = np.split(kernel, np.cumsum([len(x.order) for x in stages])[:-1])
        kernel = np.concatenate([part[x.order] * x.scale[:, None] for part, x in zip(parts, stages, strict=True)])
        pooled = keras.layers.Concatenate()([keras.layers.GlobalAveragePooling2D()(x.maps) for x in stages])
        return _with_weights(keras.layers.Dense(1, "sigmoid", name="ood_score"), pooled, kernel, bias)

    def pointwise(self, x, block, name, order=None, scale=None):
        """A PointwiseBlock as one convolution, with its output channels in the order and of the scale given."""
        kernel, bias = _folded(block.convolution.kernel, block.normalization)
        order = np.arange(len(bias)) if order is None else order
        scale = self.ranges.get(name, np.ones(len(bias))) if scale is None else scale
        kernel = kernel[:, :, x.order][..., order] * x.scale[:, None] / scale
        layer = keras.layers.Conv2D(len(bias), 1, activation=block.activation, name=name)
        return _Maps(_with_weights(layer, x.maps, kernel, bias[order] / scale), order, scale)

    def depthwise(self, x, convolution, normalization, name):
        """A 3x3 depthwise convolution, padded by one pixel on every side, and its normalisation as one convolution."""
        kernel, bias = _folded(convolution.kernel[..., 0], normalization)
        scale = self.ranges.get(name, np.ones(len(bias)))
        maps, strides, padding = x.maps, convolution.strides, "same"
        if strides == (2, 2):
            # "same" would pad below and to the right, where the trained network reads no padding.
            maps, padding = keras.layers.ZeroPadding2D(((1, 0), (1, 0)), name=f"{name}_padding")(maps), "valid"
        layer = keras.layers.DepthwiseConv2D(3, strides=strides, padding=padding, name=name)
        kernel = kernel[:, :, x.order] * (x.scale / scale)
        return _Maps(_with_weights(layer, maps, kernel[..., None], bias[x.order] / scale), x.order, scale)


def _by_passes(channels, units_left, turn, start=0):
    """Channels `start` and on, sorted by how many units they pass before one takes them.

    Rising in even turns and falling in odd ones, so that what passes equally often meets where two outputs are concatenated.
    """

    def passes(channel):
        count = 0
        while count < units_left and channel % 2 == 0:
            channel, count = channel // 2, count + 1
        return count

    return np.array(sorted(range(start, start + channels), key=passes, reverse=turn % 2 == 1))


def _ranges(x, parity):
    """The even or the odd channels, which pass or are taken, as few whole ranges; channel `p` becomes `p // 2`."""
    edges = np.flatnonzero(np.diff(x.order % 2 == parity, prepend=False, append=False)).reshape(-1, 2)
    return [_Maps(x.maps[..., i:j], x.order[i:j] // 2, x.scale[i:j]) for i, j in edges]


def _concatenate(*pieces):
    maps, orders, scales = zip(*pieces, strict=True)
    return _Maps(keras.layers.Concatenate()(maps), np.concatenate(orders), np.concatenate(scales))


def _folded(kernel, normalization):
    """Kernel, whose last axis holds the channels, and bias of a convolution that also does the normalisation after it."""
    gamma, beta, mean, variance = (np.asarray(value, "float64") for value in normalization.get_weights())
    factor = gamma / np.sqrt(variance + normalization.epsilon)
    return np.asarray(kernel, "float64") * factor, beta - mean * factor


def _with_weights(layer, inputs, kernel, bias):
    outputs = layer(inputs)
    layer.set_weights([kernel.astype("float32"), bias.astype("float32")])
    return outputs
