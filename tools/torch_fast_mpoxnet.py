"""Fast-MpoxNet in PyTorch, with the weights of a Keras one: the runtime that the paper timed, for the benchmark."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from mpox_keras.layers.ablgfm import ABLGFM
from mpox_keras.models.shufflenet_v2 import STAGES


def pointwise(block):
    """A PointwiseBlock."""
    kernel = block.convolution.kernel
    convolution = nn.Conv2d(kernel.shape[2], kernel.shape[3], 1, bias=False)
    _set(convolution.weight, np.transpose(kernel, (3, 2, 0, 1)))
    activation = [nn.ReLU()] if block.activation.__name__ == "relu" else []
    return nn.Sequential(convolution, _normalization(block.normalization), *activation)


def depthwise(layer, normalization):
    """A 3x3 depthwise convolution, padded by one pixel, and its normalisation."""
    channels = layer.kernel.shape[2]
    convolution = nn.Conv2d(channels, channels, 3, layer.strides[0], 1, groups=channels, bias=False)
    _set(convolution.weight, np.transpose(layer.kernel, (2, 3, 0, 1)))
    return nn.Sequential(convolution, _normalization(normalization))


class Unit(nn.Module):
    """A ShuffleUnit."""

    def __init__(self, unit):
        super().__init__()
        self.stride = unit.stride
        self.main = nn.Sequential(pointwise(unit.main[0]), depthwise(*unit.main[2:4]), pointwise(unit.main[4]))
        if unit.stride == 2:
            self.projection = nn.Sequential(depthwise(*unit.projection[1:3]), pointwise(unit.projection[3]))

    def forward(self, x):
        passed, main = (x[:, 0::2], x[:, 1::2]) if self.stride == 1 else (self.projection(x), x)
        return torch.cat([passed, self.main(main)], dim=1)


class Fusion(nn.Module):
    """An ABLGFM."""

    def __init__(self, fusion):
        super().__init__()
        self.pooling = nn.AvgPool2d(fusion.pooling.pool_size)
        self.local = pointwise(fusion.local_projection)
        self.position = nn.Sequential(*map(pointwise, fusion.position))
        self.context = nn.Sequential(*map(pointwise, fusion.context))

    def forward(self, local, global_):
        local = self.local(self.pooling(local))
        both = local + global_
        attention = torch.sigmoid(self.position(both) + self.context(both.mean((2, 3), keepdim=True)))
        return attention * local + (1 - attention) * global_


class TorchFastMpoxNet(nn.Module):
    """The deployed form, with or without fusion: photos `(batch, 3, height, width)`, 0 to 255, to probabilities."""

    def __init__(self, model):
        super().__init__()
        stem = model.backbone.get_layer("stem_convolution")
        convolution = nn.Conv2d(3, stem.filters, 3, 2, 1, bias=False)
        _set(convolution.weight, np.transpose(stem.kernel, (3, 2, 0, 1)))
        normalization = _normalization(model.backbone.get_layer("stem_normalization"))
        self.stem = nn.Sequential(convolution, normalization, nn.ReLU(), nn.MaxPool2d(3, 2, 1))
        self.stages = nn.ModuleList(
            nn.Sequential(*(Unit(model.backbone.get_layer(f"stage{stage}_unit{unit}")) for unit in range(1, units + 1)))
            for stage, (_, units) in STAGES.items()
        )
        fusions = [layer for layer in model.layers if isinstance(layer, ABLGFM)]
        self.fusions = nn.ModuleList(Fusion(layer) for layer in sorted(fusions, key=lambda layer: layer.name))
        self.projection = pointwise(model.get_layer("projection"))
        self.classifier = nn.Linear(*model.get_layer("diagnosis").kernel.shape)
        _set(self.classifier.weight, np.transpose(model.get_layer("diagnosis").kernel))
        _set(self.classifier.bias, model.get_layer("diagnosis").bias)
        self.scale = float(model.backbone.get_layer("rescaling").scale)

    def forward(self, x):
        x = self.stem(x * self.scale)
        stages = [x := stage(x) for stage in self.stages]
        merged = stages[-len(self.fusions) - 1 :]
        x = merged[0]
        for fusion, maps in zip(self.fusions, merged[1:], strict=True):
            x = fusion(x, maps)
        return torch.softmax(self.classifier(self.projection(x).mean((2, 3))), dim=1)


def _normalization(layer):
    normalization = nn.BatchNorm2d(layer.gamma.shape[0], eps=layer.epsilon)
    targets = (normalization.weight, normalization.bias, normalization.running_mean, normalization.running_var)
    for target, values in zip(targets, layer.get_weights(), strict=True):
        _set(target, values)
    return normalization


def _set(parameter, values):
    parameter.data = torch.tensor(np.asarray(values))
