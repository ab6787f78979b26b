"""Backbones: networks without their classifier, as one kind of thing with named endpoints."""

import contextlib
import math
import os
import sys
from itertools import accumulate
from pathlib import Path

import keras
import numpy as np

from mpox_keras.config import HUB, PAIR
from mpox_keras.layers.pointwise import BATCH_NORM
from mpox_keras.models.efficientnet_lite import efficientnet_lite0
from mpox_keras.utils.errors import MpoxKerasError, require
from mpox_keras.utils.files import PRESETS_FOLDER

_SHIPPED = {
    ("MobileNetV2", 0.35, "block_16_project"): "fast_mpoxnet",
    ("EfficientNetLite0", 1.0, None): "efficientnet_lite0",
}
"""Network, width and last layer -> the preset that has this backbone as ImageNet made it. In this order they make `PAIR`."""

NARROW = 40
"""Channels that the bottlenecks have together at most: what is made of them grows with the square."""

_IMAGENET_MEAN, _IMAGENET_DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


class NetworkError(MpoxKerasError, ValueError):
    """A network that was asked for can't be built; the message says why."""


class PretrainedWeightsError(MpoxKerasError, RuntimeError):
    """Pretrained weights can't be had or don't fit; the message says what to do."""


@keras.saving.register_keras_serializable(package="mpox_keras")
class Backbone(keras.Model):
    """A convolutional network without its classifier, from raw pixels to feature maps of several sizes.

    Input: photos `(batch, height, width, 3)`, 0 to 255; what the network expects of its pixels is done inside. Output: a dict
    of the last feature maps of every stride from 4 on, `stride_4` to `stride_32`, each
    `(batch, height / stride, width / stride, channels)`; and of networks of narrow blocks, as MobileNetV2 is, the last sum of
    each width from stride 8 on, the narrowest first up to 40 channels together, `bottleneck_16` with 16 channels, say.

    Args:
        network: a convolutional network of keras.applications, such as `"MobileNetV2"`; `"EfficientNetLite0"`;
            `"EfficientNetLite0+MobileNetV2"`, which is that and the MobileNetV2 in the example side by side, their maps of each
            stride concatenated, with the bottlenecks of both and their own maps of stride 16; or `"keras_hub:"` and a preset of
            keras-hub, by name or as a folder.
        width: multiplier of the channels (`alpha` in keras.applications), for MobileNets.
        input_shape: height, width and 3.
        last: name of the layer to end with, if not the network's last one.
        weights: None (random); `"imagenet"` (of keras.applications, downloaded once; of a preset of keras-hub, its own; those
            of EfficientNetLite0 and of the MobileNetV2 in the example come with the package); an `.h5` file of Keras, of the
            network without its top; or a preset's name, a run folder or a `.keras` file, with the same backbone for photos
            of any size.
        hub: what a saved backbone of keras-hub is rebuilt from; of `get_config`.

    Raises:
        NetworkError: there is no such network or layer, or it can't take photos of this size or have this width.
        PretrainedWeightsError: the weights can't be had or don't fit.
        MissingExtraError: keras-hub is not installed.

    Example:
        >>> backbone = Backbone("MobileNetV2", 0.35, (192, 192, 3), last="block_16_project")
        >>> {stride: maps.shape[1:] for stride, maps in backbone.endpoints.items()}
        {4: (48, 48, 48), 8: (24, 24, 96), 16: (12, 12, 192), 32: (6, 6, 112)}
    """

    def __init__(
        self,
        network: str,
        width: float = 1.0,
        input_shape: tuple[int, int, int] = (224, 224, 3),
        last: str | None = None,
        weights: str | os.PathLike | None = None,
        hub: dict | None = None,
        name: str = "backbone",
        **kwargs,
    ):
        inputs = keras.Input(input_shape, name="image")
        if width != 1 and not network.startswith("MobileNet"):
            raise NetworkError(f"{network} has one width; leave out width={width}.")
        if last and network == PAIR:
            raise NetworkError(f"{network} has two ends; leave out last={last!r}.")
        if network == PAIR:
            outputs = _side_by_side(inputs, weights)
            whole = keras.Model(inputs, outputs)
        else:
            if network.startswith(HUB):
                whole, rescaling, hub = _from_hub(network.removeprefix(HUB), input_shape, weights, hub)
            elif network == "EfficientNetLite0":
                whole = keras.Model(inputs, efficientnet_lite0(inputs))
            else:
                whole = _from_applications(network, width, inputs)
            outputs = _endpoints(whole, network, last)
        if hub:
            outputs = keras.Model(whole.inputs, outputs, name="network")(rescaling(inputs))
        trainable = kwargs.pop("trainable", True)
        super().__init__(inputs, outputs, name=name, **kwargs)
        if not trainable:  # given to Keras, it would not reach the layers inside
            self.trainable = False
        self.network, self.width, self.last, self.hub = network, width, last, hub
        for layer in _layers_inside(self):
            if isinstance(layer, keras.layers.BatchNormalization):
                # keras.applications takes up to 0.999: a few hundred steps would end with statistics far from the weights.
                layer.momentum = BATCH_NORM["momentum"]
        if weights and not hub and (network, weights) != (PAIR, "imagenet"):  # which its parts have loaded
            self._load_pretrained(whole, weights)

    @property
    def endpoints(self) -> dict[int, keras.KerasTensor]:
        """Stride -> the last feature maps of this stride, that of the largest maps first."""
        return {int(name.removeprefix("stride_")): maps for name, maps in self.output.items() if name.startswith("stride_")}

    @property
    def textures(self) -> list[list[str]]:
        """Of each network side by side the names of its bottlenecks, from the narrowest on, and of its last map but one."""
        if self.network == PAIR:
            parts = [self.get_layer(network.lower()) for network, *_ in _SHIPPED]
            return [[f"{part.name}_{name}" for name in part.textures[0]] for part in parts]
        strides = [name for name in self.output if name.startswith("stride_")]
        return [[*(name for name in self.output if name not in strides), strides[-2:][0]]]

    @property
    def stages(self) -> list[list[keras.Layer]]:
        """Layers with weights to train, in stages whose feature maps have one size, that of the largest maps first."""
        stages = {}
        for layer, stride in _with_strides(_layers_inside(self), self.inputs[0].shape[1]):
            # What a Normalization holds is measured, not trained. Asking for variables to train would lose frozen layers.
            if layer.weights and not isinstance(layer, keras.layers.Normalization):
                stages.setdefault(stride, []).append(layer)
        return [stages[stride] for stride in sorted(stages)]

    @property
    def architecture(self) -> dict:
        """What two backbones must have in common for the weights of one to fit the other."""
        return {"network": self.network, "width": self.width, "last": self.last}

    def get_config(self):
        own = {"hub": self.hub and dict(self.hub), "name": self.name, "trainable": self.trainable}
        return {**self.architecture, "input_shape": list(self.inputs[0].shape[1:]), **own}

    def take_weights(self, other: "Backbone", origin: str | os.PathLike) -> None:
        """Copy the weights of another backbone that is the same but for the size of photos.

        PretrainedWeightsError if it is another one; `origin` is what the message calls it.
        """
        if other.architecture != self.architecture:
            raise PretrainedWeightsError(
                f"the weights of {origin} are those of the backbone {other.architecture}, not of {self.architecture}. "
                "Give weights of the same backbone, 'imagenet', or None for random ones."
            )
        _set_weights(self, other.get_weights())

    def _load_pretrained(self, whole, weights):
        if weights == "imagenet":
            weights = _SHIPPED.get((self.network, self.width, self.last), weights)
        if weights == "imagenet":
            _set_weights(whole, _download(self.network, self.width, whole.inputs[0].shape[1:]))
        elif str(weights).endswith(".h5") and Path(weights).is_file():
            try:
                whole.load_weights(weights)
            except Exception as error:  # h5py and Keras have many
                message = f"{weights} does not hold the weights of {self.network} without its top: {error}"
                raise PretrainedWeightsError(message) from None
        else:
            found = load_trained(weights).backbone
            inside = [layer for layer in found.layers if isinstance(layer, Backbone)]
            fitting = (part for part in inside if part.architecture == self.architecture)
            self.take_weights(next(fitting, found), weights)


def load_trained(source: str | os.PathLike) -> keras.Model:
    """The network with a `.backbone` in a preset, by name, a run folder or a `.keras` file; or PretrainedWeightsError."""
    path = PRESETS_FOLDER / source / "model.keras"
    if not path.is_file():
        path = Path(source) / "model.keras" if Path(source).is_dir() else Path(source)
    if path.suffix != ".keras" or not path.is_file():
        presets = ", ".join(sorted(folder.parent.name for folder in PRESETS_FOLDER.glob("*/model.keras")))
        raise PretrainedWeightsError(
            f"weights={str(source)!r} is no file of weights or trained network. Give None, 'imagenet', the path of a .h5 file "
            f"of Keras, a preset ({presets}), a run folder or a .keras file."
        )
    try:
        trained = keras.models.load_model(path, compile=False)
    except Exception as error:  # zipfile, h5py and Keras have many
        raise PretrainedWeightsError(f"{path} can't be loaded: {error}") from None
    if not isinstance(getattr(trained, "backbone", None), Backbone):
        raise PretrainedWeightsError(f"{path} holds no network of this package with a backbone.")
    return trained


def _set_weights(model, values):
    model.set_weights(values)
    for layer in _layers_inside(model):
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()  # else it goes on with the statistics that it had


def _with_strides(layers, size):
    """Each layer with the stride of its output."""
    stride = 1
    for layer in layers:
        shape = getattr(layer.output, "shape", ())
        # Maps of one pixel are what gates are made of; they belong to the stage that they are in.
        if len(shape) == 4 and (shape[1] > 1 or size <= 32):
            stride = 2 ** round(math.log2(size / shape[1]))
        yield layer, stride


def _layers_inside(model):
    for layer in model.layers:
        yield from _layers_inside(layer) if isinstance(layer, keras.Model) else [layer]


def _endpoints(whole, network, last):
    if last and last not in (names := [layer.name for layer in whole.layers]):
        raise NetworkError(f"{network} has no layer {last!r} to end with; its last ones are {', '.join(names[-8:])}.")
    end = whole.get_layer(last).output if last else whole.output
    if len(getattr(end, "shape", ())) != 4:
        raise NetworkError(f"{network} does not end in feature maps but in {end}. Take a convolutional network.")
    maps, sums = {}, {}
    for layer, stride in _with_strides(keras.Model(whole.inputs, end).layers, whole.inputs[0].shape[1]):
        if stride >= 4 and not isinstance(layer, keras.layers.ZeroPadding2D):  # whose maps are larger by a pixel or two
            maps[stride] = layer.output
        if stride >= 8 and isinstance(layer, keras.layers.Add):
            sums[layer.output.shape[-1]] = layer.output
    outputs = {f"stride_{stride}": maps[stride] for stride in sorted(maps)} | {f"stride_{max(maps)}": end}
    widths = sorted(sums)
    totals = zip(widths, accumulate(widths), strict=True)
    return outputs | {f"bottleneck_{width}": sums[width] for width, total in totals if total <= NARROW}


def _side_by_side(inputs, weights):
    of_parts = "imagenet" if weights == "imagenet" else None
    parts = [
        Backbone(network, width, inputs.shape[1:], last, of_parts, name=network.lower()) for network, width, last in _SHIPPED
    ]
    maps = [part(inputs) for part in parts]
    strides = [name for name in maps[0] if name.startswith("stride_")]
    outputs = {stride: keras.layers.Concatenate(name=stride)([each[stride] for each in maps]) for stride in strides}
    for part, each in zip(parts, maps, strict=True):
        outputs |= {f"{part.name}_{name}": each[name] for name in part.textures[0]}
    return outputs


def _from_applications(network, width, inputs):
    build = getattr(keras.applications, network, None)
    if not callable(build):
        raise NetworkError(f"keras.applications has no network {network!r}. Its names are like MobileNetV3Small or ResNet50.")
    # Each module has its networks' own preprocessing; some do it inside the network, and theirs does nothing.
    x = sys.modules[build.__module__].preprocess_input(inputs)
    if network.startswith("EfficientNetB"):
        # Keras divides by the root of the deviation once more inside the network, but only where it fetches the weights.
        scale = 1 / np.sqrt(_IMAGENET_DEVIATION)
        x = keras.layers.Rescaling(scale.tolist(), (255 * _IMAGENET_MEAN * (1 - scale)).tolist(), name="deviation")(x)
    try:
        return build(include_top=False, weights=None, input_tensor=x, **_options(width, inputs.shape[1:]))
    except (TypeError, ValueError) as error:
        raise NetworkError(f"{network} can't be built at width {width} for photos of {inputs.shape[1:]}: {error}") from None


def _options(width, input_shape):
    return {"input_shape": input_shape} if width == 1 else {"input_shape": input_shape, "alpha": width}


def _download(network, width, input_shape):
    build, cache = getattr(keras.applications, network), Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras") / "models"
    try:
        return build(include_top=False, weights="imagenet", **_options(width, input_shape)).get_weights()
    except Exception as error:  # of the network, of the file system, or a width that was never trained
        raise PretrainedWeightsError(
            f"the ImageNet weights of {network} can't be had: {error}. Without a network: fetch that file on another machine, "
            f"put it into {cache} under the same name and run again, or give its path as the weights. None (in a config: null) "
            "starts from random weights."
        ) from None


def _from_hub(preset, input_shape, weights, saved):
    """A backbone for photos of one size, its rescaling, and what to rebuild it from."""
    keras_hub = require("keras_hub", "hub", f"the network {HUB}{preset}")
    if weights not in (None, "imagenet"):
        raise PretrainedWeightsError(f"a preset of keras-hub has its own weights: the weights are {weights!r}; give None.")
    try:
        if saved:
            found = keras.saving.deserialize_keras_object(saved["backbone"])
        else:
            found = keras_hub.models.Backbone.from_preset(preset, load_weights=weights is not None)
    except Exception as error:  # keras-hub, its stores and h5py have many
        raise PretrainedWeightsError(
            f"the preset {preset} of keras-hub can't be had: {error}. Without a network: fetch it on another machine and give "
            "its folder."
        ) from None
    if not saved:
        saved = {"backbone": keras.saving.serialize_keras_object(found), "scale": 1.0, "offset": 0.0}
        with contextlib.suppress(FileNotFoundError, ValueError):  # a backbone that was saved alone takes what it is given
            converter = keras_hub.layers.ImageConverter.from_preset(preset)
            saved |= {key: value for key in ("scale", "offset") if (value := getattr(converter, key)) is not None}
    whole = keras.models.clone_model(found, input_tensors=keras.Input(input_shape))
    _set_weights(whole, found.get_weights())
    return whole, keras.layers.Rescaling(saved["scale"], saved["offset"], name="rescaling"), saved
