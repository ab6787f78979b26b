"""Makes `mpox_keras.datasets` importable in a checkout that is not installed, where the folder is named `datasets`."""

import importlib.util
from pathlib import Path

import mpox_keras

if importlib.util.find_spec("mpox_keras.datasets") is None:
    mpox_keras.__path__.append(str(Path(__file__).parents[2]))
