"""What works without any extra."""

import subprocess
import sys

import pytest

EXTRAS = ("cv2", "tf_keras_vis", "keras_hub", "pyarrow", "fsspec", "dask", "distributed", "tensorboard")
EXPLAINED = ("mpox_keras.curation.build", "mpox_keras.curation.check", "mpox_keras.curation.duplicates")
"""Modules that say at once which extra they need."""

SCRIPT = f"""
import importlib, pkgutil, sys
sys.modules.update(dict.fromkeys({EXTRAS!r}))
import mpox_keras
from mpox_keras.utils.errors import MissingExtraError
names = [module.name for module in pkgutil.walk_packages(mpox_keras.__path__, "mpox_keras.")]
for name in names:
    if "examples" in name or name.endswith(("__main__", "_test")):
        continue
    try:
        importlib.import_module(name)
    except MissingExtraError as error:
        assert name in {EXPLAINED!r}, f"{{name}}: {{error}}"
"""


@pytest.mark.slow
def test_every_module_can_be_imported():
    result = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr[-2000:]
