"""Screening of mpox, chickenpox, measles and normal skin from photos. For research; not a diagnosis."""

import importlib
import sys

from mpox_keras._version import __version__

_HOMES = {
    "ABLGFM": "mpox_keras.layers",
    "ShuffleUnit": "mpox_keras.layers",
    "FastMpoxNet": "mpox_keras.models",
    "deploy": "mpox_keras.models",
    "Classifier": "mpox_keras.classifier",
    "Prediction": "mpox_keras.prediction",
    "load_classifier": "mpox_keras.classifier",
    "export_bundle": "mpox_keras.export.exporter",
    "load_bundle": "mpox_keras.export.bundle",
    "verify_bundle": "mpox_keras.export.parity",
}

__all__ = [*_HOMES, "__version__"]

# TensorFlow takes seconds to import, and tools that only read files should not wait for it. A script that has imported
# Keras already expects `keras.models.load_model` to know our layers from here on.
if "keras" in sys.modules:
    importlib.import_module("mpox_keras.layers")


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'mpox_keras' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    return sorted(__all__)
