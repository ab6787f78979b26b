"""Errors whose message is meant for the user: what was given, what was expected, what to do."""

from __future__ import annotations

import importlib
import types


class MpoxKerasError(Exception):
    """Base of every error that the user can mend; the command line prints its message and exits with 2."""


class MissingExtraError(MpoxKerasError, ImportError):
    """A package of an optional extra is not installed."""


_DISTRIBUTIONS = {
    "ai_edge_litert": "ai-edge-litert",
    "cv2": "opencv-python-headless",
    "sklearn": "scikit-learn",
    "tf_keras_vis": "tf-keras-vis",
}
"""Name in an import -> name to install by, where they differ."""


def require(module: str, extra: str, purpose: str) -> types.ModuleType:
    """Import a module that an optional extra brings.

    Raises:
        MissingExtraError: the module is not installed; the message names the extra.

    Example:
        >>> optuna = require("optuna", "search", "the search")
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        package = _DISTRIBUTIONS.get(name, name)
        raise MissingExtraError(f'{purpose} needs the package {package}: pip install "mpox-keras[{extra}]"') from None
