"""Exported models as functions from pixels to named outputs, each in its own runtime.

Each class takes a path and is called with photos, `(photos, height, width, 3)`, 0 to 255; it returns float32 arrays by output
name. What a runtime needs is imported where it is used: TFLite needs no TensorFlow.
"""

import json
import os
from pathlib import Path

import numpy as np

from mpox_keras.inference.metadata import file_inside
from mpox_keras.utils.errors import require
from mpox_keras.utils.stderr import silenced_stderr

TENSOR_BYTES = 1_000_000_000
"""A TFLite file whose tensors take more is refused: a few changed bytes can ask for all memory there is."""

DEPTHWISE_NAMES = ("FusedDepthwiseConv2dNative", "_FusedDepthwiseConv2dNative")
"""TF.js's name of the depthwise convolution with bias and activation, and TensorFlow's."""


class LiteRT:
    """A TFLite file, as a path or its content, run by LiteRT on one thread.

    ValueError if the file is no model, or its tensors take more than `TENSOR_BYTES`.
    """

    def __init__(self, model: str | os.PathLike | bytes):
        from ai_edge_litert import interpreter

        given = {"model_content": model} if isinstance(model, bytes) else {"model_path": os.fspath(model)}
        with silenced_stderr():
            # A second thread makes a network this small slower.
            loaded = interpreter.Interpreter(**given, num_threads=1)
            tensors = loaded.get_tensor_details()
            needed = sum(np.prod(each["shape"], dtype=float) * np.dtype(each["dtype"]).itemsize for each in tensors)
            if needed > TENSOR_BYTES:
                raise ValueError(f"its tensors would take {needed / 1e9:.1f} GB; {TENSOR_BYTES / 1e9:.0f} GB are allowed")
            loaded.allocate_tensors()
        self._runner = loaded.get_signature_runner()

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        answers = [self._runner(image=photo[None].astype("float32")) for photo in pixels]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in self._runner.get_output_details()}


class SavedModel:
    """A folder in TensorFlow's SavedModel format, run by TensorFlow."""

    def __init__(self, folder: str | os.PathLike):
        import tensorflow as tf

        # The function is dead once the object that it came with is.
        self._loaded = tf.saved_model.load(os.fspath(folder))
        self._function = self._loaded.signatures["serving_default"]

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return {name: values.numpy() for name, values in self._function(image=pixels.astype("float32")).items()}


class ONNX:
    """An ONNX file, run by ONNX Runtime on the processor."""

    def __init__(self, path: str | os.PathLike):
        onnxruntime = require("onnxruntime", "onnx", "running an ONNX file")
        self._session = onnxruntime.InferenceSession(os.fspath(path), providers=["CPUExecutionProvider"])
        self._names = [output.name for output in self._session.get_outputs()]

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return dict(zip(self._names, self._session.run(self._names, {"image": pixels.astype("float32")}), strict=True))


class GraphModel:
    """A folder with a TF.js graph model, run by TensorFlow: what the files say, not how a browser computes it."""

    def __init__(self, folder: str | os.PathLike):
        import tensorflow as tf
        from google.protobuf.json_format import ParseDict
        from tensorflow.core.framework import graph_pb2

        topology = json.loads((Path(folder) / "model.json").read_text(encoding="utf-8"))
        graph = ParseDict(topology["modelTopology"], graph_pb2.GraphDef())
        constants = {}
        for group in topology["weightsManifest"]:
            content = b"".join(file_inside(folder, path).read_bytes() for path in group["paths"])
            for entry in group["weights"]:
                constants[entry["name"]], content = _decoded(entry, content)
        for node in graph.node:
            if node.op == "Const":
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(constants[node.name]))
            if node.op == DEPTHWISE_NAMES[0]:
                node.op = DEPTHWISE_NAMES[1]
        outputs = {name: info["name"] for name, info in topology["signature"]["outputs"].items()}
        wrapped = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), [])
        self._function = wrapped.prune("image:0", outputs)

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        import tensorflow as tf

        return {name: values.numpy() for name, values in self._function(tf.constant(pixels, tf.float32)).items()}


def _decoded(entry, content):
    quantization = entry.get("quantization", {})
    stored = np.dtype(quantization.get("dtype", entry["dtype"]))
    count = int(np.prod(entry["shape"], dtype=int))
    values = np.frombuffer(content, stored, count).reshape(entry["shape"])
    if "scale" in quantization:
        values = values * quantization["scale"] + quantization["min"]
    return values.astype(entry["dtype"]), content[count * stored.itemsize :]


RUNTIMES = {"tflite": LiteRT, "saved_model": SavedModel, "tfjs": GraphModel, "onnx": ONNX}
"""Format of an exported network -> what runs it."""
