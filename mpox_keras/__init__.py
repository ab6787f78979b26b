"""Screening for mpox from photos of skin. For research; not a diagnosis."""

import importlib

import wrapt

from mpox_keras._version import __version__

_HOMES = {
    "ABLGFM": "mpox_keras.layers.ablgfm",
    "FastMpoxNet": "mpox_keras.models.fast_mpoxnet",
    "deploy": "mpox_keras.models.deploy",
    "Classifier": "mpox_keras.inference.classifier",
    "Prediction": "mpox_keras.inference.prediction",
    "load_classifier": "mpox_keras.inference.classifier",
    "export_bundle": "mpox_keras.export.bundle",
    "verify_bundle": "mpox_keras.export.parity",
}

__all__ = [*_HOMES, "__version__"]

# TensorFlow takes seconds to import, and tools that only read files should not wait for it. Where Keras is or will be
# imported, `keras.models.load_model` knows our classes.
wrapt.register_post_import_hook(lambda _: importlib.import_module("mpox_keras.models.registered"), "keras")


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module 'mpox_keras' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__():
    return sorted(__all__)
