"""Exported models as functions from pixels to named outputs, each in its own runtime.

Each class takes a model and is called with photos, `(photos, height, width, 3)`, 0 to 255; it returns float32 arrays by
output name. What a runtime needs is imported where it is used: the one of TFLite needs no TensorFlow.
"""

from __future__ import annotations

import os

import numpy as np

from mpox_keras.utils.errors import require
from mpox_keras.utils.stderr import silenced_stderr

TENSOR_BYTES = 1_000_000_000
"""A TFLite file whose tensors take more is refused: a few changed bytes can ask for all memory there is."""


class LiteRT:
    """A TFLite file, as a path or its content, run by LiteRT on one thread; integers are turned into what they stand for.

    Raises:
        ValueError: the file is no model, or its tensors take more than `TENSOR_BYTES`.
        MissingExtraError: LiteRT is not installed.
    """

    def __init__(self, model: str | os.PathLike | bytes):
        interpreter = require("ai_edge_litert.interpreter", "runtime", "running a TFLite bundle")
        given = {"model_content": model} if isinstance(model, bytes) else {"model_path": os.fspath(model)}
        with silenced_stderr():
            # A second thread makes a network this small slower.
            loaded = interpreter.Interpreter(**given, num_threads=1)
            needed = sum(
                np.prod(tensor["shape"], dtype=float) * np.dtype(tensor["dtype"]).itemsize
                for tensor in loaded.get_tensor_details()
            )
            if needed > TENSOR_BYTES:
                raise ValueError(
                    f"its tensors would take {needed / 1e9:.1f} GB; at most {TENSOR_BYTES / 1e9:.0f} GB is allowed"
                )
            loaded.allocate_tensors()
        self._runner = loaded.get_signature_runner()
        self._type = self._runner.get_input_details()["image"]["dtype"]
        self._quantization = {name: detail["quantization"] for name, detail in self._runner.get_output_details().items()}

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        answers = [self._runner(image=photo[None].astype(self._type)) for photo in pixels]
        return {name: self._float(name, np.concatenate([answer[name] for answer in answers])) for name in self._quantization}

    def _float(self, name, values):
        scale, zero_point = self._quantization[name]
        return (values.astype("float32") - zero_point) * scale if scale else values


class KerasFile:
    """A `.keras` file, run by Keras."""

    def __init__(self, path: str | os.PathLike):
        import keras

        self._model = keras.models.load_model(path, compile=False)

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return self._model.predict_on_batch(pixels)


class SavedModel:
    """A folder in TensorFlow's SavedModel format, run by TensorFlow."""

    def __init__(self, folder: str | os.PathLike):
        import tensorflow as tf

        # The function is dead once the object that it came with is.
        self._loaded = tf.saved_model.load(os.fspath(folder))
        self._function = self._loaded.signatures["serving_default"]

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return {name: values.numpy() for name, values in self._function(image=pixels.astype("float32")).items()}


class GraphModel:
    """A folder with a TF.js graph model, run by TensorFlow: what the files say, not how a browser computes it."""

    def __init__(self, folder: str | os.PathLike):
        from mpox_keras.export.tfjs import read_tfjs

        self._function = read_tfjs(folder)

    def __call__(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        import tensorflow as tf

        return {name: values.numpy() for name, values in self._function(tf.constant(pixels, tf.float32)).items()}
