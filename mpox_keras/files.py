"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def replacing(path: str | os.PathLike) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; it takes the place of `path` only if nothing fails.

    The temporary name keeps the suffix, by which some writers choose their format.

    Example:
        >>> with replacing("results.json") as temporary:
        ...     temporary.write_text("{}")
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: str | os.PathLike) -> Iterator[Path]:
    """Like `replacing`, for a folder: what was in `path` before is gone once the new folder is whole.

    Example:
        >>> with replacing_folder("bundle") as temporary:
        ...     (temporary / "labels.txt").write_text("mpox")
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as scratch:
        temporary = Path(scratch) / "new"
        temporary.mkdir()
        yield temporary
        if path.exists():
            os.replace(path, Path(scratch) / "old")
        os.replace(temporary, path)
