"""How large a network is: parameters and multiply-adds, part by part."""

import collections

import keras
import numpy as np
import tensorflow as tf

_CONVOLUTIONS = {"Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMulV2"}
_MEASURED = {"moving_mean", "moving_variance", "mean", "variance", "count"}  # of normalisations


def measure_complexity(model: keras.Model) -> dict:
    """Count parameters, frozen ones too, and multiply-adds for one photo.

    These are those of convolutions and matrix products in the graph that TensorFlow would run: what is computed is counted.
    The model is functional, with one input of known size.

    Returns:
        `trainable_parameters`, `multiply_adds` and `parts`: name of layers up to the first `_` -> the same two figures.

    Example:
        >>> measure_complexity(deploy(FastMpoxNet()))["trainable_parameters"]
        271476
    """
    parts = collections.defaultdict(lambda: {"trainable_parameters": 0, "multiply_adds": 0})
    for layer in model.layers:
        if parameters := sum(int(np.prod(v.shape)) for v in layer.weights if v.name not in _MEASURED):
            parts[layer.name.split("_")[0]]["trainable_parameters"] += parameters
    shape = (1, *model.inputs[0].shape[1:])
    graph = tf.function(lambda image: model(image)).get_concrete_function(tf.TensorSpec(shape, "float32")).graph
    for operation in graph.get_operations():
        if operation.type in _CONVOLUTIONS:
            _, layer, *_ = operation.name.split("/")
            parts[layer.split("_")[0]]["multiply_adds"] += _multiply_adds(operation)
    totals = {key: sum(part[key] for part in parts.values()) for key in ("trainable_parameters", "multiply_adds")}
    return {**totals, "parts": dict(parts)}


def _multiply_adds(operation):
    weights = operation.inputs[1].shape.as_list()
    results = int(np.prod(operation.outputs[0].shape.as_list()))
    # Of weights (height, width, inputs, outputs) and (height, width, channels, 1); of a matrix what both have in common.
    summed = {"Conv2D": weights[:3], "DepthwiseConv2dNative": weights[:2]}
    return results * int(np.prod(summed.get(operation.type, operation.inputs[0].shape.as_list()[-1:])))
