"""Build the wheel so that equal sources give equal bytes, wherever they lie and whoever may write them.

    python tools/build_wheel.py dist

Takes the time of the last commit, or SOURCE_DATE_EPOCH. Needs setuptools (pyproject.toml says from which version on); the bytes
also depend on its version and on Python's.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import click

ROOT = Path(__file__).parent.parent
_NEEDED = ("pyproject.toml", "setup.cfg", "MANIFEST.in", "README.md", "LICENSE", "NOTICE", "configs", "datasets", "mpox_keras")
_TESTS = shutil.ignore_patterns("*_test.py", "dummy_data", "__pycache__")


@click.command()
@click.argument("out", type=click.Path(file_okay=False, resolve_path=True))
def main(out):
    """Build the wheel into the folder OUT."""
    environment = dict(os.environ)
    if "SOURCE_DATE_EPOCH" not in environment:
        command = ["git", "log", "-1", "--format=%ct"]
        environment["SOURCE_DATE_EPOCH"] = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source"
        source.mkdir()
        for name in _NEEDED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, source / name, ignore=_TESTS)
            else:
                shutil.copy(ROOT / name, source / name)
        for path in source.rglob("*"):
            # A wheel keeps who may read and write a file, which depends on who checked it out.
            path.chmod(0o755 if path.is_dir() else 0o644)
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
        subprocess.run([*command, "--wheel-dir", out, source], env=environment, check=True)


if __name__ == "__main__":
    main()
