"""TF.js graph models, written without the official converter, which no longer installs beside a current TensorFlow.

The format: `model.json` holds the graph as the JSON form of TensorFlow's GraphDef, without the constants, and a manifest of
these, which lie one after another in `group1-shardNofM.bin` files of 4 MiB.
"""

import collections
import json
import os
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from google.protobuf.json_format import MessageToDict
from tensorflow.core.framework import graph_pb2, tensor_pb2
from tensorflow.core.protobuf import config_pb2, rewriter_config_pb2

# Private, and the only way to the fused operators that make a graph fast; bounded in setup.cfg with TensorFlow.
from tensorflow.lite.python.util import run_graph_optimizations
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from mpox_keras._version import __version__
from mpox_keras.inference.runtimes import DEPTHWISE_NAMES
from mpox_keras.models.deploy import deploy
from mpox_keras.utils.stderr import silenced_stderr

_SHARD_BYTES = 4 * 2**20
# Of smaller weights and of biases, narrow numbers would save little and cost most of the accuracy: such are depthwise
# convolutions', and the first layers', whose errors go through all others.
_MIN_NARROWED = 3100
# "arithmetic" comes first to make a product with a transposed matrix one operator, before "constfold" stores the transpose.
_PASSES = ("arithmetic", "remap", "constfold", "dependency")
_DEPTHWISE = "DepthwiseConv2dNative"
# Attributes that TF.js does not read, and for which TensorFlow has a default.
_UNREAD = {
    *("_input_shapes", "epsilon", "explicit_paddings", "filter_format", "grad_a", "grad_b", "grad_x", "grad_y", "host_args"),
    *("leakyrelu_alpha", "num_host_args", "use_cudnn_on_gpu"),
}


def write_tfjs(
    folder: str | os.PathLike, model: keras.Model, temperature: float = 1.0, precision: str = "float32"
) -> list[str]:
    """Write a trained network as a TF.js graph model.

    `tf.loadGraphModel(url)` gives a model whose `predict(image)` takes float32 `(batch, height, width, 3)`, 0 to 255, and
    gives what `deploy` says, by name. Weights narrower than float32 are widened when the model is loaded.

    Args:
        folder: gets the files; made if need be.
        model, temperature: as `deploy` takes them.
        precision: of convolution and matrix weights, but for small ones: `float32`, `float16`, `uint16` or `uint8` (with a
            scale and offset per weight).

    Returns:
        The names of the files.

    Example:
        >>> write_tfjs("web", model, precision="float16")
        ['model.json', 'group1-shard1of1.bin']
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    graph, outputs = _frozen_graph(deploy(model, class_activation_map=True, temperature=temperature))
    graph, constants = _slim(graph, {"image", *outputs})
    encoded = [_encoded(name, values, precision) for name, values in constants.items()]
    content = b"".join(values for _, values in encoded)
    shards = [content[start : start + _SHARD_BYTES] for start in range(0, len(content), _SHARD_BYTES)]
    names = [f"group1-shard{number}of{len(shards)}.bin" for number in range(1, len(shards) + 1)]
    for name, shard in zip(names, shards, strict=True):
        (folder / name).write_bytes(shard)
    topology = {
        "format": "graph-model",
        "generatedBy": tf.__version__,
        "convertedBy": f"mpox-keras {__version__}",
        "signature": {
            "inputs": {"image": _tensor_info("image", [-1, *model.inputs[0].shape[1:]])},
            "outputs": {name: _tensor_info(name, shape) for name, shape in outputs.items()},
        },
        "userDefinedMetadata": {"structuredOutputKeys": list(outputs)},
        "modelTopology": MessageToDict(graph),
        "weightsManifest": [{"paths": names, "weights": [entry for entry, _ in encoded]}],
    }
    (folder / "model.json").write_text(json.dumps(topology, separators=(",", ":")), encoding="utf-8")
    return ["model.json", *names]


def _frozen_graph(model):
    """GraphDef with constants inlined and operators fused, and the outputs' shapes by name."""
    with silenced_stderr():
        image = tf.TensorSpec((None, *model.inputs[0].shape[1:]), tf.float32, name="image")
        concrete = tf.function(lambda image: model(image, training=False)).get_concrete_function(image)
        names = sorted(concrete.structured_outputs)
        frozen = convert_variables_to_constants_v2(concrete)
        graph = frozen.graph.as_graph_def()
        # A function ends in operators of its own, one per output, that no other reads.
        for name, tensor in zip(names, frozen.outputs, strict=True):
            next(node for node in graph.node if node.name == tensor.op.name).name = name
        shapes = {name: [-1, *tensor.shape[1:]] for name, tensor in zip(names, frozen.outputs, strict=True)}
        graph = _without_pads(_with_biases(_optimized(graph, names, ("constfold",))))
        return _without_sums(_optimized(graph, names)), shapes


def _with_biases(graph):
    """The graph with each normalisation after a convolution folded into a bias, which TensorFlow and TF.js fuse with it.

    Keras writes a normalisation as a product and a sum; TensorFlow folds the product, but not into depthwise convolutions.
    """
    nodes = {node.name: node for node in graph.node}
    readers = collections.Counter(entry for node in graph.node for entry in node.input)
    gone = set()
    for node in graph.node:
        operands = [nodes.get(entry) for entry in node.input]
        if node.op != "AddV2" or None in operands or operands[1].op != "Const" or readers[operands[0].name] > 1:
            continue
        before, bias = operands
        if before.op == "Mul" and nodes[before.input[0]].op == _DEPTHWISE and nodes[before.input[1]].op == "Const":
            convolution, factor = (nodes[entry] for entry in before.input)
            kernel = nodes[convolution.input[1]]
            values = tf.make_ndarray(kernel.attr["value"].tensor) * tf.make_ndarray(factor.attr["value"].tensor)[:, None]
            kernel.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))
            gone.add(before.name)
            before = convolution
        if before.op in (_DEPTHWISE, "Conv2D") and tf.make_ndarray(bias.attr["value"].tensor).ndim == 1:
            node.op = "BiasAdd"
            node.input[:] = [before.name, bias.name]
    return graph_pb2.GraphDef(versions=graph.versions, node=[node for node in graph.node if node.name not in gone])


def _without_pads(graph):
    """The graph with no operator that only adds zeros around a map where the convolution behind it ("SAME") adds the same."""
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph, name="")
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        before = nodes.get(node.input[0]) if node.op in (_DEPTHWISE, "Conv2D") and node.attr["padding"].s == b"VALID" else None
        if before is None or before.op != "Pad":
            continue
        image, zeros = before.input
        size, kernel = (imported.get_tensor_by_name(f"{entry}:0").shape for entry in (image, node.input[1]))
        size, kernel = np.array(size[1:3]), np.array(kernel[:2])
        strides, dilations = (np.array(node.attr[key].list.i)[1:3] for key in ("strides", "dilations"))
        total = np.maximum((-(-size // strides) - 1) * strides + (kernel - 1) * dilations + 1 - size, 0)
        if np.array_equal(tf.make_ndarray(nodes[zeros].attr["value"].tensor)[1:3].T, [total // 2, total - total // 2]):
            node.input[0] = image
            node.attr["padding"].s = b"SAME"
    return graph


def _without_sums(graph):
    """The graph with each sum that TensorFlow fused with a convolution on its own again: TF.js refuses such an operator."""
    apart = graph_pb2.GraphDef(versions=graph.versions)
    for node in graph.node:
        steps = list(node.attr["fused_ops"].list.s) if "fused_ops" in node.attr else []
        if b"Add" not in steps:
            apart.node.add().CopyFrom(node)
            continue
        *inputs, summand = node.input
        convolution = apart.node.add(op=node.op, name=f"{node.name}/convolution", input=inputs, attr=node.attr)
        convolution.attr["fused_ops"].list.s[:] = steps[:1]
        convolution.attr["TArgs"].list.type[:] = node.attr["TArgs"].list.type[:1]
        convolution.attr["num_args"].i = 1
        kind = {"T": node.attr["T"]}
        operands, activation = [convolution.name, summand], steps[2:]
        if activation:
            apart.node.add(op="AddV2", name=f"{node.name}/sum", input=operands, attr=kind)
            apart.node.add(op=activation[0].decode(), name=node.name, input=[f"{node.name}/sum"], attr=kind)
        else:
            apart.node.add(op="AddV2", name=node.name, input=operands, attr=kind)
    return apart


def _optimized(graph, outputs, passes=_PASSES):
    config = config_pb2.ConfigProto()
    options = config.graph_options.rewrite_options
    options.meta_optimizer_iterations = rewriter_config_pb2.RewriterConfig.TWO
    options.min_graph_nodes = -1
    options.optimizers.extend(passes)
    for node in graph.node:
        # Operators are fused only where it is known that they run on a CPU.
        node.device = "/device:CPU:0"
    with tf.Graph().as_default() as imported:
        tf.import_graph_def(graph, name="")
    tensors = [imported.get_tensor_by_name(f"{name}:0") for name in outputs]
    return run_graph_optimizations(graph, [], tensors, config, imported)


def _slim(graph, kept):
    """The graph with short names, equal constants stored once, and what TF.js does not read left out; and the constants."""
    names, places, constants, nodes = {}, {}, {}, []
    for node in graph.node:
        short = node.name if node.name in kept else f"n{len(names)}"
        names[node.name] = short
        if node.op == "Const":
            values = tf.make_ndarray(node.attr["value"].tensor)
            first = places.setdefault((values.dtype.str, values.shape, values.tobytes()), short)
            if first != short:
                names[node.name] = first
                continue
            constants[short] = values
        nodes.append(node)
    slim = graph_pb2.GraphDef(versions=graph.versions)
    for node in nodes:
        op = DEPTHWISE_NAMES[0] if node.op == DEPTHWISE_NAMES[1] else node.op
        new = slim.node.add(op=op, name=names[node.name])
        # Of constants that TensorFlow has folded, the order in which they were computed ("^") is left over.
        new.input.extend(names[entry] for entry in node.input if not entry.startswith("^"))
        for key in sorted(set(node.attr) - _UNREAD):
            new.attr[key].CopyFrom(node.attr[key])
        if node.op == "Const":
            values = node.attr["value"].tensor
            new.attr["value"].tensor.CopyFrom(tensor_pb2.TensorProto(dtype=values.dtype, tensor_shape=values.tensor_shape))
    return slim, constants


def _encoded(name, values, precision):
    entry = {"name": name, "shape": list(values.shape), "dtype": values.dtype.name}
    if values.dtype == np.int64:  # TF.js has no wider integers
        values, entry["dtype"] = values.astype("int32"), "int32"
    if values.dtype != np.float32 or precision == "float32" or values.ndim < 2 or values.size < _MIN_NARROWED:
        return entry, values.tobytes()
    if precision == "float16":
        entry["quantization"] = {"dtype": "float16", "original_dtype": "float32"}
        return entry, values.astype("float16").tobytes()
    low, high = float(values.min()), float(values.max())
    steps = np.iinfo(precision).max
    scale = (high - low) / steps if high > low else 1.0
    if low < 0 < high:  # zero stays zero
        low = round(low / scale) * scale
    entry["quantization"] = {"dtype": precision, "original_dtype": "float32", "scale": scale, "min": low}
    return entry, np.clip(np.round((values - low) / scale), 0, steps).astype(precision).tobytes()


def _tensor_info(name, shape):
    return {"name": f"{name}:0", "dtype": "DT_FLOAT", "tensorShape": {"dim": [{"size": str(size)} for size in shape]}}
