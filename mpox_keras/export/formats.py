"""What a network can be exported as; read by the command line too, which names a wrong one before TensorFlow is there."""

from mpox_keras.utils.errors import MpoxKerasError

PRECISIONS = {
    "tflite": ("float32", "float16", "dynamic", "int8"),
    "tfjs": ("float32", "float16", "uint16", "uint8"),
    "onnx": ("float32",),
    "keras": ("float32",),
    "saved_model": ("float32",),
}
"""Format -> the precisions it is to be had in."""


class ExportError(MpoxKerasError, ValueError):
    """An export that was asked for makes no sense, or can't be made; the message says why."""


def check_precision(format: str, precision: str) -> None:
    """ExportError if there is no such format, or not in this precision."""
    if precision not in PRECISIONS.get(format, ()):
        known = "; ".join(f"{name}: {', '.join(values)}" for name, values in PRECISIONS.items())
        raise ExportError(f"there is no {format} export in {precision}. To be had are {known}.")
