"""Files written whole or not at all, and folders that one run at a time writes to."""

import contextlib
import csv
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from mpox_keras.utils.errors import MpoxKerasError

PRESETS_FOLDER = Path(__file__).parent.parent / "models" / "presets"
"""The trained networks that come with the package, a folder each."""

_TEMPORARY = re.compile(r"\.\d+\.")  # of `replacing`


class FolderInUseError(MpoxKerasError, RuntimeError):
    """Another run works in the folder."""


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
    # Not by the number of the process, which two machines that share a folder may have in common.
    temporary = path.with_name(f".{secrets.randbelow(10**12)}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | os.PathLike, value: object) -> None:
    """Write a value as indented JSON, whole or not at all; NaN, which JSON does not have, is a ValueError."""
    text = json.dumps(value, indent=2, allow_nan=False) + "\n"
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_table(path: str | os.PathLike, columns: Sequence[str], rows: Iterable[Sequence]) -> None:
    """Write a CSV table in UTF-8, whole or not at all."""
    with replacing(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


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


@contextlib.contextmanager
def locked(folder: str | os.PathLike) -> Iterator[None]:
    """Hold a folder, made if missing, for one run, and clear away what runs and workers that were cut off left half written.

    The operating system frees the folder when the process ends, however it ends. Held by another, it is a FolderInUseError.

    Example:
        >>> with locked("runs/fit"):
        ...     train(config, photos, labels, "runs/fit")
    """
    # Imported here, because whoever only predicts has no need of it.
    import fasteners

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = fasteners.InterProcessLock(folder / ".lock")
    if not lock.acquire(blocking=False):
        raise FolderInUseError(f"another run works in {folder} at this moment. Wait for it, or give another folder.")
    try:
        _clear_temporary(folder)
        yield
        _clear_temporary(folder)
    finally:
        lock.release()


def _clear_temporary(folder):
    for path in folder.rglob(".*"):
        if _TEMPORARY.match(path.name):
            path.unlink(missing_ok=True)
