"""Lets the tests find `mpox_keras.datasets` in a checkout, where that folder is named `datasets`."""

import importlib.util
import sys
from pathlib import Path

ROOT = str(Path(__file__).parent)

# Where pytest has put it, for this file's sake. What is installed is tested before what lies here.
if sys.path[0] == ROOT:
    del sys.path[0]

import mpox_keras  # noqa: E402

if importlib.util.find_spec("mpox_keras.datasets") is None:
    mpox_keras.__path__.append(ROOT)
