"""Pretrained ShuffleNetV2 0.5x backbones: where they come from, and how PyTorch weights become Keras weights.

Two kinds of PyTorch state dict are understood. They compute the same kind of network with its channels in another order:

- torchvision's naming (`conv1.0`, `stage2.0.branch1.0`, ...): a unit takes the second half of the channels, and its output
  is interleaved (shuffled) at the end. Trained on photos normalised by ImageNet's mean and deviation.
- FastestDet's naming (`first_conv.0`, `stage2.0.branch_main.0`, ...): a unit starts by splitting even from odd channels and
  ends with a plain concatenation, as `mpox_keras.layers.ShuffleUnit` does. Trained on photos divided by 255.

Since a channel shuffle only renames channels, weights of the first kind are brought to the second kind's order by
permuting the input and output channels of convolutions; every feature map then holds the same channels in another order.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np

from mpox_keras.utils.errors import MpoxKerasError, require
from mpox_keras.utils.files import replacing

UNITS = {2: 4, 3: 8, 4: 4}
"""Stage number -> units, of ShuffleNetV2 at every width."""

UNIT_RANGE = (1 / 255, 0.0)
"""Scale and offset that bring pixel values 0-255 to 0-1."""

_MEAN, _DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
IMAGENET_RANGE = ((1 / (255 * _DEVIATION)).tolist(), (-_MEAN / _DEVIATION).tolist())
"""Scale and offset per channel of torchvision's normalisation, for pixel values 0-255."""

SOURCES = {
    "imagenet": (
        "https://download.pytorch.org/models/shufflenetv2_x0.5-f707e7126e.pth",
        "f707e7126e",
    ),
    "fastestdet": (
        "https://raw.githubusercontent.com/dog-qiuqiu/FastestDet/50473cd155cb088aa4a99e64ff6a4b3c24fa07e1/"
        "module/shufflenetv2.pth",
        "c9e6e3ac1c4997e05529cfb4897a3b5d29165e3ed4105cfb6897fc11efa72e4b",
    ),
}
"""Name -> address of the PyTorch file and the start of its SHA-256."""

_CONVERTER_VERSION = 1  # part of the cached file's name: raise it when the converted form changes


class PretrainedWeightsError(MpoxKerasError, RuntimeError):
    """Pretrained weights can't be had or don't fit; the message says what to do."""


@dataclasses.dataclass(frozen=True)
class PretrainedBackbone:
    """Backbone weights in the order and naming of this package.

    Attributes:
        arrays: variable path in the Keras model (`stage2_unit1/main_expand/convolution/kernel`) -> values.
        input_range: scale and offset that turn pixel values 0-255 into what the weights were trained on.
        sha256: of the PyTorch file.
    """

    arrays: dict[str, np.ndarray]
    input_range: tuple
    sha256: str


def cache_folder() -> Path:
    """Folder of downloaded and converted weights: `mpox_keras` in Keras's own folder (`KERAS_HOME`, `~/.keras`)."""
    return Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "mpox_keras"


def load_pretrained_backbone(weights: str | os.PathLike) -> PretrainedBackbone:
    """Load a pretrained backbone by name (`SOURCES`) or from a PyTorch state dict file; converted once, then cached.

    Raises:
        PretrainedWeightsError: there is no such name or file, or the download fails or has another hash.
        MissingExtraError: PyTorch is needed for converting and not installed.

    Example:
        >>> load_pretrained_backbone("imagenet").input_range
    """
    path = _download(weights) if weights in SOURCES else Path(weights)
    if not path.is_file():
        raise PretrainedWeightsError(
            f"weights={str(weights)!r} is neither a file nor a known name. "
            f"Give None, {', '.join(map(repr, SOURCES))}, or the path of a PyTorch state dict (.pth)."
        )
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    converted = cache_folder() / f"backbone-{sha256[:16]}-v{_CONVERTER_VERSION}.npz"
    if converted.is_file():
        # A damaged copy is converted anew.
        with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            with np.load(converted) as stored:
                arrays = dict(stored)
            scale, offset = arrays.pop("input_scale"), arrays.pop("input_offset")
            return PretrainedBackbone(arrays, (scale.tolist(), offset.tolist()), sha256)

    state = read_state_dict(path)
    arrays, _ = convert_state_dict(state)
    input_range = IMAGENET_RANGE if _is_torchvision(state) else UNIT_RANGE
    with replacing(converted) as temporary:
        np.savez(temporary, **arrays, input_scale=input_range[0], input_offset=input_range[1])
    return PretrainedBackbone(arrays, input_range, sha256)


def assign_backbone_weights(backbone: keras.Model, pretrained: PretrainedBackbone) -> None:
    """Set every weight of a backbone.

    Raises:
        PretrainedWeightsError: the model has a weight that the pretrained backbone lacks or gives another shape.
    """
    for variable in backbone.weights:
        values = pretrained.arrays.get(variable.path)
        if values is None or values.shape != tuple(variable.shape):
            raise PretrainedWeightsError(
                f"the pretrained backbone has {'no' if values is None else f'a {values.shape}'} value for {variable.path} "
                f"of shape {tuple(variable.shape)}. Only ShuffleNetV2 at width 0.5 fits."
            )
    for variable in backbone.weights:
        variable.assign(pretrained.arrays[variable.path])


def _download(name: str) -> Path:
    url, sha256_start = SOURCES[name]
    path = cache_folder() / url.rsplit("/", 1)[-1]
    try:
        if not path.is_file():
            keras.utils.get_file(path.name, url, cache_dir=path.parent.parent, cache_subdir=path.parent.name)
    except Exception as error:
        raise PretrainedWeightsError(
            f"the weights {name!r} could not be downloaded ({error}). Without a network: fetch {url} on another machine, "
            f"put it at {path}, and run again; or give the file's path instead of the name."
        ) from None
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if not found.startswith(sha256_start):
        raise PretrainedWeightsError(
            f"{path} is not the file expected for {name!r}: its SHA-256 is {found}, expected {sha256_start}... "
            f"Delete it and fetch {url} again."
        )
    return path


def read_state_dict(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read a PyTorch state dict as arrays, without running any code that the file may hold.

    Raises:
        MissingExtraError: PyTorch is not installed.
        PretrainedWeightsError: the file is no state dict.
    """
    torch = require("torch", "convert", f"converting {path}, once,")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.numpy() for name, tensor in state.items()}
    except Exception as error:
        raise PretrainedWeightsError(f"{path} is no PyTorch state dict: {error}") from None


def _is_torchvision(state: Mapping[str, np.ndarray]) -> bool:
    if "conv1.0.weight" in state:
        return True
    if "first_conv.0.weight" in state:
        return False
    raise PretrainedWeightsError(
        "the state dict is no ShuffleNetV2: it has neither conv1.0.weight (torchvision's naming) nor "
        f"first_conv.0.weight (FastestDet's); it starts with {', '.join(list(state)[:3])}."
    )


def convert_state_dict(state: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[int, np.ndarray]]:
    """Bring a ShuffleNetV2 state dict of PyTorch to the naming, axes and channel order of this package.

    Args:
        state: name -> array, in torchvision's or FastestDet's naming, of any width.

    Returns:
        The weights by variable path, and for each stage 2 to 4 the channel order: channel `i` of the Keras stage's output
        is channel `order[stage][i]` of the PyTorch stage's output.

    Raises:
        PretrainedWeightsError: the state dict is of neither naming, or incomplete.
    """
    torchvision = _is_torchvision(state)
    stem, main, projection = ("conv1", "branch2", "branch1") if torchvision else ("first_conv", "branch_main", "branch_proj")
    arrays: dict[str, np.ndarray] = {}

    def convolution(path, name, inputs=slice(None), outputs=slice(None), depthwise=False):
        weight = _get(state, f"{name}.weight")
        if depthwise:  # PyTorch: (channels, 1, 3, 3); Keras: (3, 3, channels, 1)
            arrays[f"{path}/kernel"] = weight[inputs].transpose(2, 3, 0, 1)
        else:  # PyTorch: (outputs, inputs, height, width); Keras: (height, width, inputs, outputs)
            arrays[f"{path}/kernel"] = weight[outputs][:, inputs].transpose(2, 3, 1, 0)

    def normalization(path, name, order=slice(None)):
        for ours, theirs in _NORMALIZATION_NAMES.items():
            arrays[f"{path}/{ours}"] = _get(state, f"{name}.{theirs}")[order]

    def pointwise(path, conv, norm, inputs=slice(None), outputs=slice(None)):
        convolution(f"{path}/convolution", conv, inputs, outputs)
        normalization(f"{path}/normalization", norm, outputs)

    convolution("stem_convolution", f"{stem}.0")
    normalization("stem_normalization", f"{stem}.1")
    stage_orders = {}
    entering = slice(None)
    for stage, units in UNITS.items():
        channels = 2 * _get(state, f"stage{stage}.0.{main}.5.weight").shape[0]
        orders, stage_orders[stage] = _channel_orders(channels, units, interleaved=torchvision)
        for unit, order in enumerate(orders):
            ours, theirs = f"stage{stage}_unit{unit + 1}", f"stage{stage}.{unit}"
            inputs = entering if unit == 0 else order["inputs"]
            pointwise(f"{ours}/main_expand", f"{theirs}.{main}.0", f"{theirs}.{main}.1", inputs=inputs)
            convolution(f"{ours}/main_depthwise", f"{theirs}.{main}.3", depthwise=True)
            normalization(f"{ours}/main_normalization", f"{theirs}.{main}.4")
            pointwise(f"{ours}/main_project", f"{theirs}.{main}.5", f"{theirs}.{main}.6", outputs=order["main"])
            if unit == 0:
                convolution(f"{ours}/projection_depthwise", f"{theirs}.{projection}.0", entering, depthwise=True)
                normalization(f"{ours}/projection_normalization", f"{theirs}.{projection}.1", entering)
                pointwise(
                    f"{ours}/projection_project",
                    f"{theirs}.{projection}.2",
                    f"{theirs}.{projection}.3",
                    inputs=entering,
                    outputs=order["projection"],
                )
        entering = stage_orders[stage]
    return {path: np.ascontiguousarray(values) for path, values in arrays.items()}, stage_orders


_NORMALIZATION_NAMES = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}


def _get(state, name):
    try:
        return state[name]
    except KeyError:
        raise PretrainedWeightsError(f"the state dict is incomplete: it has no {name}.") from None


def _channel_orders(channels, units, interleaved):
    """Match the channels of a stage in PyTorch's order with those in ours.

    A channel is known by the unit and branch that made it and by the unit that takes it next. Channels alike in both are
    interchangeable, so sorting by the taking unit pairs every channel of one order with one of the other.

    Returns:
        For each unit the PyTorch positions, in our order, of what its main branch takes (`inputs`) and makes (`main`) and
        of what its projection makes (`projection`); and those of the stage's output.
    """
    theirs_taken, theirs_end = _trace(channels, units, interleaved)
    ours_taken, ours_end = _trace(channels, units, interleaved=False)
    theirs_taker, ours_taker = _takers(theirs_taken, theirs_end), _takers(ours_taken, ours_end)
    theirs_of = {}
    orders = []
    for unit in range(units):
        order = {}
        for branch in ("projection", "main") if unit == 0 else ("main",):
            makers = [(unit, branch, index) for index in range(channels // 2)]
            pairs = zip(sorted(makers, key=ours_taker.get), sorted(makers, key=theirs_taker.get), strict=True)
            theirs_of |= dict(pairs)
            order[branch] = np.array([theirs_of[maker][2] for maker in makers])
        orders.append(order)
    for unit in range(1, units):
        orders[unit]["inputs"] = _positions(ours_taken[unit], theirs_taken[unit], theirs_of)
    return orders, _positions(ours_end, theirs_end, theirs_of)


def _trace(channels, units, interleaved):
    """Per unit the channels its main branch takes, and the stage's output; a channel is (unit, branch, index)."""
    half = channels // 2
    taken, state = [[]], []
    for unit in range(units):
        fresh = [(unit, "main", index) for index in range(half)]
        if unit == 0:
            passed = [(0, "projection", index) for index in range(half)]
        elif interleaved:
            passed, entering = state[:half], state[half:]
            taken.append(entering)
        else:
            passed, entering = state[0::2], state[1::2]
            taken.append(entering)
        state = [channel for pair in zip(passed, fresh, strict=True) for channel in pair] if interleaved else passed + fresh
    return taken, state


def _takers(taken, end):
    return {channel: unit for unit, channels in enumerate([*taken, end]) for channel in channels}


def _positions(ours, theirs, theirs_of):
    position = {channel: index for index, channel in enumerate(theirs)}
    return np.array([position[theirs_of[channel]] for channel in ours])
