"""Drawings of Fast-MpoxNet and of ABLGFM. Boxes stand where they are put here; shapes, channels and arrows are the model's."""

from __future__ import annotations

from collections.abc import Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from mpox_keras.models.backbones import NARROW
from mpox_keras.models.fast_mpoxnet import FastMpoxNet

_MAPS, _FUSION, _HEAD = "#cfe3f1", "#fbdcc4", "#cdeadf"
_WIDTH, _HEIGHT, _BEND = 1.62, 0.66, 3.1
_NETWORK = {
    "image": (0, 2, "photo", _MAPS),
    "stride_8": (2.1, 3.6, "backbone, stride 8", _MAPS),
    "stride_16": (2.1, 2.4, "backbone, stride 16", _MAPS),
    "stride_32": (2.1, 1.2, "backbone, stride 32", _MAPS),
    "fusion_3": (4.4, 3.0, "ABLGFM", _FUSION),
    "fusion_4": (6.5, 2.4, "ABLGFM", _FUSION),
    "bottlenecks": (2.1, 0, "bottlenecks", _MAPS),
    "pyramid": (6.5, 1.0, "pyramid", _MAPS),
    "moments": (6.5, 0, "second moments", _MAPS),
    "features": (8.6, 1.0, "side by side", _MAPS),
    "diagnosis": (10.7, 1.0, "mean, Dense", _HEAD),
    "auxiliary_2": (10.7, 4.2, "Cls Head", _HEAD),
    "auxiliary_3": (10.7, 3.3, "Cls Head", _HEAD),
    "auxiliary_4": (10.7, 2.4, "Cls Head", _HEAD),
    "ood_score": (10.7, -1.0, "means, Dense", _HEAD),
}
"""Layer, or map of the backbone -> middle of its box, what it is called, and its colour."""

_SEVERAL = ("bottlenecks", "moments")
"""Boxes that stand for several maps."""


def draw_fast_mpoxnet() -> Figure:
    """The network of the preset in its training form."""
    model = FastMpoxNet(classes=5, ood_score=True)
    figure, axes = _canvas(11.2, 5.8, (-1, 11.7), (-1.5, 4.8))
    layers = {layer.name for layer in model.layers}
    shown = [name for name in _NETWORK if name.startswith("stride_") or name in _SEVERAL or name in layers]
    for name in shown:
        x, y, title, colour = _NETWORK[name]
        look = "dashed" if name.startswith("auxiliary") else "solid"
        _box(axes, x, y, f"{title}\n{_shapes(model, name)}", colour, look)
    arrows = {(before, name) for name in shown for before in _before(model, name)}
    for start, end in sorted(arrows):
        # What every map of the backbone goes to is reached by one line, to the right of them.
        bend = _BEND if start.startswith("stride_") and end in ("pyramid", "ood_score") else None
        _arrow(axes, _NETWORK[start][:2], _NETWORK[end][:2], bend)
    for name in shown:
        if name.startswith(("auxiliary", "diagnosis", "ood")):
            x, y, *_ = _NETWORK[name]
            axes.text(x, y + 0.38, name, ha="center", va="bottom", fontsize=8)
    axes.text(-0.9, 4.5, "dashed: in training only", fontsize=9, va="center")
    return figure


def _shapes(model, name):
    if name in _SEVERAL:
        layers = _moments(model)
        if name == "bottlenecks":
            maps = [tensor for layer in layers for tensor in _maps_before(model, layer) if _is_narrow(tensor)]
            return f"{' and '.join(map(str, sorted({each.shape[-1] for each in maps})))} channels"
        size = layers[0].output.shape[1]  # before they are repeated
        return f"{size} x {size} x {sum(layer.output.shape[-1] for layer in layers)}"
    return _shape(model.backbone.output[name] if name.startswith("stride_") else model.get_layer(name).output)


def _before(model, name) -> Iterator[str]:
    """Names of the boxes whose outputs reach this one through layers that have none."""
    if name == "image":
        return
    if name.startswith("stride_") or name == "bottlenecks":
        yield "image"
        return
    if name == "moments":
        for layer in _moments(model):
            yield from (_name_of(model, tensor) for tensor in _maps_before(model, layer))
        return
    for tensor in _tensors(model.get_layer(name).input):
        operation = tensor._keras_history.operation
        if operation is model.backbone:
            yield _name_of(model, tensor)
        elif operation in _moments(model):
            yield "moments"
        elif operation.name in _NETWORK:
            yield operation.name
        else:
            yield from _before(model, operation.name)


def _moments(model):
    return [layer for layer in model.layers if layer.name.startswith("second_moments")]


def _maps_before(model, layer):
    for tensor in _tensors(layer.input):
        operation = tensor._keras_history.operation
        yield from [tensor] if operation is model.backbone else _maps_before(model, operation)


def _name_of(model, tensor):
    return "bottlenecks" if _is_narrow(tensor) else f"stride_{model.inputs[0].shape[1] // tensor.shape[1]}"


def _is_narrow(tensor):
    return tensor.shape[-1] <= NARROW


def _tensors(value):
    return list(value) if isinstance(value, list | tuple) else [value]


def _shape(tensor):
    return " x ".join(str(size) for size in tensor.shape[1:])


def draw_ablgfm() -> Figure:
    """The inside of the module that fuses the maps of strides 8 and 16."""
    model = FastMpoxNet(classes=5)
    layer = model.get_layer("fusion_3")
    local, global_ = layer.input
    figure, axes = _canvas(10.8, 3.6, (-1, 11.8), (-0.3, 3.5))
    places = {
        "local": (0, 3.0, f"local\n{_shape(local)}", _MAPS),
        "global": (0, 0.2, f"global\n{_shape(global_)}", _MAPS),
        "local_in": (2.2, 3.0, f"average pool\n{_blocks(layer.local_projection)}", _FUSION),
        "global_in": (2.2, 0.2, _blocks(layer.global_projection), _FUSION),
        "sum": (4.4, 1.6, "Z = local\n+ global", _MAPS),
        "position": (6.6, 2.3, _blocks(*layer.position), _FUSION),
        "context": (6.6, 0.9, f"mean over positions\n{_blocks(*layer.context)}", _FUSION),
        "attention": (8.8, 1.6, "M = sigmoid\nof the sum", _HEAD),
        "output": (10.9, 1.6, f"M * local +\n(1 - M) * global\n{_shape(layer.output)}", _MAPS),
    }
    for x, y, text, colour in places.values():
        _box(axes, x, y, text, colour)
    for start, end in (
        *(("local", "local_in"), ("global", "global_in"), ("local_in", "sum"), ("global_in", "sum"), ("sum", "position")),
        *(("sum", "context"), ("position", "attention"), ("context", "attention"), ("attention", "output")),
    ):
        _arrow(axes, places[start][:2], places[end][:2])
    for start, bend in (("local_in", 3.0), ("global_in", 0.2)):
        x, y = places["output"][:2]
        axes.plot([places[start][0] + _WIDTH / 2, x], [bend, bend], color="black", linewidth=0.8)
        _arrow(axes, (x, bend + (_HEIGHT / 2 if bend > y else -_HEIGHT / 2)), (x, y))
    return figure


def _blocks(*blocks):
    """PWConv-BN, and ReLU where there is one, with the number of channels."""
    return "\n".join(f"{'PWConv-BN-ReLU' if block.activation == 'relu' else 'PWConv-BN'}, {block.filters}" for block in blocks)


def _canvas(width, height, across, up):
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set(xlim=across, ylim=up)
    axes.set_axis_off()
    return figure, axes


def _box(axes: Axes, x: float, y: float, text: str, colour: str, line: str = "solid") -> None:
    corner, style = (x - _WIDTH / 2, y - _HEIGHT / 2), "round,pad=0,rounding_size=0.08"
    shape = FancyBboxPatch(corner, _WIDTH, _HEIGHT, style, facecolor=colour, edgecolor="#55606a", linestyle=line)
    axes.add_patch(shape)
    axes.text(x, y, text, ha="center", va="center", fontsize=8.5, linespacing=1.35)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], bend: float | None = None) -> None:
    """From the edge of one box to that of another, straight, or upright at `bend`."""
    look = {"arrowstyle": "-|>", "color": "black", "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    (from_x, from_y), (to_x, to_y) = start, end
    if from_x == to_x:
        side = _HEIGHT / 2 if from_y > to_y else -_HEIGHT / 2
        from_y, to_y = from_y - side, to_y + side
    else:
        from_x, to_x = from_x + _WIDTH / 2, to_x - _WIDTH / 2
    if bend is not None:
        axes.plot([from_x, bend, bend], [from_y, from_y, to_y], color="black", linewidth=0.8)
        from_x, from_y = bend, to_y
    axes.annotate("", (to_x, to_y), (from_x, from_y), arrowprops=look)
