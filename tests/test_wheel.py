"""The wheel depends on the sources alone: not on where they lie, on their times, or on who may write them."""

import importlib.metadata
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__", "tests", "docs", "runs", "fuzz_failures")


def test_two_copies_give_the_same_bytes(tmp_path):
    if int(importlib.metadata.version("setuptools").split(".")[0]) < 77:
        pytest.skip("needs setuptools 77, which builds the wheel")
    copies = [tmp_path / "one", tmp_path / "outside" / "two"]
    builds = []
    for number, copy in enumerate(copies):
        shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
        for path in copy.rglob("*"):
            os.utime(path, (0, 1_600_000_000 + 1000 * number))
            path.chmod(path.stat().st_mode | (0o020 * number))
        command = [sys.executable, "tools/build_wheel.py", "dist"]
        builds.append(subprocess.Popen(command, cwd=copy, env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"}))
    assert [build.wait() for build in builds] == [0, 0]
    wheels = [next((copy / "dist").glob("*.whl")) for copy in copies]
    assert wheels[0].read_bytes() == wheels[1].read_bytes()
    with zipfile.ZipFile(wheels[0]) as wheel:
        names = wheel.namelist()
    assert "mpox_keras/models/presets/fast_mpoxnet/model.keras" in names
    assert "mpox_keras/datasets/mpox/mpox_dataset_builder.py" in names
    assert not [name for name in names if not name.startswith(("mpox_keras/", "mpox_keras-"))]
    assert not [name for name in names if name.endswith("_test.py") or "dummy_data" in name]
