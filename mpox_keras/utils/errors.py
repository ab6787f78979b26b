"""Errors whose message is meant for the user: what was given, what was expected, what to do."""

import importlib
import types


class MpoxKerasError(Exception):
    """Base of every error that the user can mend; the command line prints its message and exits with 2."""


class MissingExtraError(MpoxKerasError, ImportError):
    """A package of an optional extra is not installed."""


def require(module: str, extra: str, purpose: str) -> types.ModuleType:
    """Import a module that an optional extra brings, or raise MissingExtraError, which names the extra.

    Example:
        >>> cv2 = require("cv2", "duplicates", "finding duplicates")
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        name = module.partition(".")[0]
        package = "opencv-python-headless" if name == "cv2" else name.replace("_", "-")
        raise MissingExtraError(f'{purpose} needs the package {package}: pip install "mpox-keras[{extra}]"') from None
