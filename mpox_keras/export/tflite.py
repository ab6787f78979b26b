"""TFLite files, from float32 to integers only."""

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
from mpox_keras.models.deploy import deploy
from mpox_keras.utils.stderr import silenced_stderr

_WIDE = ("second_moments", "class_activation_map")  # in the names of operators on numbers that spread too far for eight bits


def convert_to_tflite(
    model: keras.Model, temperature: float = 1.0, precision: str = "float32", photos: np.ndarray | None = None
) -> bytes:
    """A trained network as a TFLite file of builtin operators.

    The signature `serving_default` takes `image`, `(1, height, width, 3)`, 0 to 255, one photo a call (XNNPACK, which runs it
    on CPUs, does not resize slices to another batch), and gives what `deploy` says.

    With `int8` all is computed with integers but for the first layers, whose maps are larger than an eighth of the photo: their
    few channels spread too far for eight bits, and every error there goes through the whole network. So do products of channels
    and the last layer. Both ends are float32. The mean error of each class's logit over `photos` is taken off its bias (Nagel
    et al. 2019, arXiv 1906.04721, section 4.2.2).

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
    if precision != "int8":
        return to_tflite(deployed, precision)
    converted = to_tflite(deployed, precision, photos)
    wanted = deployed.predict(photos, batch_size=32, verbose=0)["class_activation_map"]
    try:
        given = LiteRT(converted)(photos)["class_activation_map"]
    except RuntimeError as error:  # of an untrained network, say, whose scales lie too far apart
        raise ExportError(f"the integers that come out can't be run ({error}); use another precision.") from None
    deployed.get_layer("class_activation_map").bias.assign_add(np.mean(wanted - given, axis=(0, 1, 2)))
    return compact(to_tflite(deployed, precision, photos))


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
            return _with_integers(converter, photos) if precision == "int8" else converter.convert()
        except ConverterError as error:
            raise ExportError(f"TensorFlow can't convert the network to TFLite in {precision}: {error}") from None


def _frozen(model):
    """A function with the weights as constants, because to find them among variables takes the converter most of its time."""
    image = tf.TensorSpec((1, *model.inputs[0].shape[1:]), tf.float32, name="image")
    traced = tf.function(lambda image: model(image, training=False)).get_concrete_function(image)
    constant, names = convert_variables_to_constants_v2(traced), traced.structured_outputs
    return tf.function(lambda image: tf.nest.pack_sequence_as(names, tf.nest.flatten(constant(image))), [image])


def _with_integers(converter, photos):
    shown = np.concatenate([photos, _plain_pictures(photos.shape[1])])
    converter.representative_dataset = lambda: ([photo[None].astype("float32")] for photo in shown)
    # Of TensorFlow's converters the one for finding what integers spoil can spare operators from them.
    debugger = tf.lite.experimental.QuantizationDebugger(converter=converter, debug_dataset=converter.representative_dataset)
    graph = flatbuffer_utils.convert_bytearray_to_object(bytearray(debugger.calibrated_model)).subgraphs[0]
    made = [graph.tensors[operator.outputs[0]] for operator in graph.operators]
    large = [tensor.name.decode() for tensor in made if len(tensor.shape) == 4 and tensor.shape[1] > shown.shape[1] / 8]
    wide = [name for tensor in made if any(part in (name := tensor.name.decode()) for part in _WIDE)]
    debugger.options = tf.lite.experimental.QuantizationDebugOptions(denylisted_nodes=[*large, *wide])
    return debugger.get_nondebug_quantized_model()


def _plain_pictures(size):
    """White, black and a gradient, so that the integers reach to out-of-distribution scores over the threshold."""
    gradient = np.broadcast_to(np.linspace(0, 255, size)[:, None, None], (size, size, 3))
    return np.stack([np.full((size, size, 3), 255), np.zeros((size, size, 3)), gradient]).astype("uint8")


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
