"""Errors whose message is meant for the user: what was given, what was expected, what to do."""

from __future__ import annotations

import importlib
import types


class MpoxKerasError(Exception):
    """Base of every error that the user can mend; the command line prints its message and exits with 2."""


class MissingExtraError(MpoxKerasError, ImportError):
    """A package of an optional extra is not installed."""


def require(module: str, extra: str, purpose: str) -> types.ModuleType:
    """Import a module that an optional extra brings.

    Raises:
        MissingExtraError: the module is not installed; the message names the extra.

    Example:
        >>> torch = require("torch", "convert", "converting PyTorch weights")
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        raise MissingExtraError(f'{purpose} needs the package {module}: pip install "mpox-keras[{extra}]"') from None
