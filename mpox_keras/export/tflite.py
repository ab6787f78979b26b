"""TFLite files, from float32 to integers only."""

import re
import tempfile

import flatbuffers
import keras
import numpy as np
import tensorflow as tf
from tensorflow.lite.python.convert import ConverterError
from tensorflow.lite.tools import flatbuffer_utils
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from mpox_keras.export.formats import ExportError
from mpox_keras.inference.runtimes import LiteRT
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.deploy import deploy
from mpox_keras.utils.stderr import silenced_stderr


def convert_to_tflite(
    model: keras.Model, temperature: float = 1.0, precision: str = "float32", photos: np.ndarray | None = None
) -> bytes:
    """A trained network as a TFLite file of builtin operators.

    The signature `serving_default` takes `image`, `(1, height, width, 3)`, 0 to 255, one photo a call (XNNPACK, which runs it
    on CPUs, does not resize slices to another batch), and gives what `deploy` says.

    With `int8` the backbone is computed with integers where its maps are at most a sixteenth of the photo. Before, few channels
    spread too far for eight bits, and every error there goes through the whole network; what follows it takes longer with
    integers, and products of channels spread too far as well.

    Args:
        model, temperature: as `deploy` takes them.
        precision: `float32`; `float16` (weights, computed in float32); `dynamic` (8-bit weights, activations quantised as
            they come); `int8`.
        photos: for `int8`: `(photos, height, width, 3)`, 0 to 255, that show what activations to expect.

    Raises:
        ExportError: the converter can't do what was asked for.

    Example:
        >>> Path("model.tflite").write_bytes(convert_to_tflite(model, precision="float16"))
    """
    deployed = deploy(model, class_activation_map=True, temperature=temperature)
    converted = to_tflite(deployed, precision, photos)
    if precision != "int8":
        return converted
    try:
        LiteRT(converted)(photos[:1])
    except RuntimeError as error:  # of an untrained network, say, whose scales lie too far apart
        raise ExportError(f"the integers that come out can't be run ({error}); use another precision.") from None
    return compact(converted)


def to_tflite(model: keras.Model, precision: str, photos: np.ndarray | None = None) -> bytes:
    """Any Keras model with one input as a TFLite file, as it is; arguments as in `convert_to_tflite`."""
    with tempfile.TemporaryDirectory() as folder, silenced_stderr():
        tf.saved_model.save(tf.Module(), folder, _frozen(model))
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]
        if precision != "float32":
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if precision == "float16":
            converter.target_spec.supported_types = [tf.float16]
        try:
            return _with_integers(converter, photos, model) if precision == "int8" else converter.convert()
        except ConverterError as error:
            raise ExportError(f"TensorFlow can't convert the network to TFLite in {precision}: {error}") from None


def _frozen(model):
    """A function with the weights as constants, because to find them among variables takes the converter most of its time."""
    image = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32, name="image")
    traced = tf.function(lambda image: model(image, training=False)).get_concrete_function(image)
    constant, names = convert_variables_to_constants_v2(traced), traced.structured_outputs
    return tf.function(lambda image: tf.nest.pack_sequence_as(names, tf.nest.flatten(constant(image))), [image])


def _with_integers(converter, photos, model):
    converter.representative_dataset = lambda: ([photo[None].astype("float32")] for photo in photos)
    # Of TensorFlow's converters the one for finding what integers spoil can spare operators from them.
    debugger = tf.lite.experimental.QuantizationDebugger(converter=converter, debug_dataset=converter.representative_dataset)
    graph = flatbuffer_utils.convert_bytearray_to_object(bytearray(debugger.calibrated_model)).subgraphs[0]
    made = [graph.tensors[operator.outputs[0]] for operator in graph.operators]
    backbone = next(layer.name for layer in model.layers if isinstance(layer, Backbone))
    inside, most = re.compile(rf"/{re.escape(backbone)}(_\d+)?/"), photos.shape[1] / 16
    names = [(tensor.name.decode(), tensor.shape) for tensor in made]
    spared = [name for name, shape in names if not inside.search(name) or (len(shape) == 4 and shape[1] > most)]
    debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=spared)
    return debugger.get_nondebug_quantized_model()


def compact(content: bytes) -> bytes:
    """The same TFLite file without the names inside, without empty buffers, and with equal vectors stored once.

    In a small network quantised per channel these are a good part of the file.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    # By the format's definition buffer 0 is the empty one.
    filled = [number for number, buffer in enumerate(model.buffers) if buffer.data is not None and len(buffer.data)]
    places = {number: place for place, number in enumerate(filled, start=1)}
    model.buffers = [model.buffers[0], *(model.buffers[number] for number in filled)]
    for entry in model.metadata or ():
        entry.buffer = places[entry.buffer]
    for graph in model.subgraphs:
        for number, tensor in enumerate(graph.tensors):
            tensor.name = str(number)
            tensor.buffer = places.get(tensor.buffer, 0)
            tensor.shapeSignature = None
            if tensor.quantization is not None:
                tensor.quantization.min = tensor.quantization.max = None
    builder = _SharingBuilder(len(content))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _SharingBuilder(flatbuffers.Builder):
    """Stores equal vectors of numbers once."""

    def __init__(self, size):
        super().__init__(size)
        self.vectors = {}

    def StartVector(self, size, count, alignment):
        self.start, self.kind = self.Offset(), (size, count, alignment)
        return super().StartVector(size, count, alignment)

    def PrependUOffsetTRelative(self, offset):
        self.kind = None  # A vector of offsets means something else in every place.
        super().PrependUOffsetTRelative(offset)

    def EndVector(self):
        end = super().EndVector()
        if self.kind is None:
            return end
        size, count, _ = self.kind
        first = self.vectors.setdefault((self.kind, bytes(self.Bytes[self.Head() : self.Head() + 4 + size * count])), end)
        if first != end:
            self.head = len(self.Bytes) - self.start
        return first
