"""Fast-MpoxNet in PyTorch, with the weights of a Keras one: the runtime that the paper timed, for the benchmark."""

from __future__ import annotations

import numpy as np
import torch
from keras import layers
from torch import nn
from torch.nn import functional

from mpox_keras.layers.second_moments import SOFTENING

_BLOCKS = ("expanded_conv", *(f"block_{number}" for number in range(1, 17)))
_ENDPOINTS = ("block_6", "block_13")
"""Blocks of which the widened maps are the last of strides 8 and 16."""

_BOTTLENECKS = ("block_5", "block_9")
"""Blocks of which the sums are the last of 16 and 24 channels."""


class Bottleneck(nn.Module):
    """An inverted residual block of MobileNetV2: its widened maps, and its output."""

    def __init__(self, backbone, name):
        super().__init__()
        found = {layer.name: layer for layer in backbone.layers}

        def part(kind, *activation):
            return _convolution(found[f"{name}_{kind}"], found.get(f"{name}_{kind}_BN"), *activation)

        self.expand = part("expand", nn.ReLU6()) if f"{name}_expand" in found else nn.Identity()
        self.narrow = nn.Sequential(part("depthwise", nn.ReLU6()), part("project"))
        self.residual = f"{name}_add" in found

    def forward(self, x):
        wide = self.expand(x)
        narrow = self.narrow(wide)
        return wide, x + narrow if self.residual else narrow


class Fusion(nn.Module):
    """An ABLGFM."""

    def __init__(self, fusion):
        super().__init__()
        self.pooling = nn.AvgPool2d(fusion.pooling.pool_size)
        self.local, self.global_ = _pointwise(fusion.local_projection), _pointwise(fusion.global_projection)
        self.position = nn.Sequential(*map(_pointwise, fusion.position))
        self.context = nn.Sequential(*map(_pointwise, fusion.context))

    def forward(self, local, global_):
        local, global_ = self.local(self.pooling(local)), self.global_(global_)
        both = local + global_
        attention = torch.sigmoid(self.position(both) + self.context(both.mean((2, 3), keepdim=True)))
        return attention * local + (1 - attention) * global_


class TorchFastMpoxNet(nn.Module):
    """The deployed form of the default Fast-MpoxNet: photos `(batch, 3, height, width)`, 0 to 255, to probabilities."""

    def __init__(self, model):
        super().__init__()
        stem, normalization = (model.backbone.get_layer(name) for name in ("Conv1", "bn_Conv1"))
        self.stem = _convolution(stem, normalization, nn.ReLU6())
        self.blocks = nn.ModuleDict({name: Bottleneck(model.backbone, name) for name in _BLOCKS})
        self.fusions = nn.ModuleList(Fusion(model.get_layer(name)) for name in ("fusion_3", "fusion_4"))
        diagnosis = model.get_layer("diagnosis")
        self.classifier = nn.Linear(*diagnosis.kernel.shape)
        _set(self.classifier.weight, np.transpose(diagnosis.kernel))
        _set(self.classifier.bias, diagnosis.bias)

    def forward(self, x):
        x, maps, narrow = self.stem(x / 127.5 - 1), [], []
        for name, block in self.blocks.items():
            wide, x = block(x)
            if name in _ENDPOINTS:
                maps.append(wide)
            if name in _BOTTLENECKS:
                narrow.append(x)
        maps.append(x)
        merged = self.fusions[1](self.fusions[0](*maps[:2]), x)
        joined = torch.cat([functional.avg_pool2d(narrow[0], 2), narrow[1]], dim=1)
        textures = (joined, functional.avg_pool2d(narrow[1], 2), maps[1].unflatten(1, (-1, 6)).amax(2))
        features = [*pooled_pyramid(maps), *map(second_moments, textures), merged.mean((2, 3))]
        return torch.softmax(self.classifier(torch.cat(features, dim=1)), dim=1)


def pooled_pyramid(maps):
    """The mean over all positions of `mpox_keras.models.pyramid.pyramid_of`, without repeating what is then averaged."""
    size = maps[-1].shape[2]
    near = [functional.avg_pool2d(each, each.shape[2] // size // 2) if each.shape[2] > 2 * size else each for each in maps]
    grids = [grid for grid in (size, 2, 1) if size % grid == 0]
    maxima = [functional.max_pool2d(each, each.shape[2] // grid) for grid in grids for each in near if each.shape[2] > grid]
    return [each.mean((2, 3)) for each in (*near, *maxima)]


def second_moments(maps):
    """The mean over all cells of `mpox_keras.layers.second_moments.SecondMoments`."""
    flat = maps.flatten(2)
    products = flat @ flat.transpose(1, 2) / flat.shape[2]
    first, second = torch.triu_indices(*products.shape[1:])
    pairs = products[:, first, second]
    return pairs / torch.sqrt(pairs.abs() + SOFTENING)


def _pointwise(block):
    if block is None:
        return nn.Identity()
    return _convolution(block.convolution, block.normalization, *([nn.ReLU()] if block.activation else []))


def _convolution(layer, normalization, *activation):
    """A convolution of Keras with its normalisation; Keras pads maps of even size below and to the right for stride 2."""
    kernel, stride = np.asarray(layer.kernel), layer.strides[0]
    depthwise = isinstance(layer, layers.DepthwiseConv2D)
    kernel = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    filters, channels, size, _ = kernel.shape
    groups = filters if depthwise else 1
    padding = size // 2 if stride == 1 else 0
    convolution = nn.Conv2d(channels * groups, filters, size, stride, padding, groups=groups, bias=False)
    _set(convolution.weight, kernel)
    parts = [nn.ZeroPad2d((0, 1, 0, 1))] if stride == 2 else []
    parts += [convolution, _normalization(normalization)] if normalization else [convolution]
    return nn.Sequential(*parts, *activation)


def _normalization(layer):
    normalization = nn.BatchNorm2d(layer.gamma.shape[0], eps=layer.epsilon)
    targets = (normalization.weight, normalization.bias, normalization.running_mean, normalization.running_var)
    for target, values in zip(targets, layer.get_weights(), strict=True):
        _set(target, values)
    return normalization


def _set(parameter, values):
    parameter.data = torch.tensor(np.array(values))
