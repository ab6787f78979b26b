"""`metadata.json`: what a trained network's folder says of itself, with the hash of every file it speaks for."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from mpox_keras.errors import MpoxKerasError
from mpox_keras.files import replacing

METADATA_FILE = "metadata.json"

_REQUIRED = {"classes", "image_size", "temperature", "thresholds", "sha256"}


class ClassifierError(MpoxKerasError, ValueError):
    """A trained network's files are missing or not what they should be; the message names them."""


def read_metadata(folder: str | os.PathLike, files: Sequence[str] = (), keys: Sequence[str] = ()) -> dict:
    """Read `metadata.json` and check every file that it names.

    Args:
        folder: of a trained network.
        files: names that must be among those that the metadata speaks for.
        keys: what the metadata must hold beside what every network needs.

    Raises:
        ClassifierError: the metadata is damaged or lacks something, or a file is missing, damaged or another one.
    """
    path = Path(folder) / METADATA_FILE
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
        missing = _REQUIRED.union(keys).difference(metadata)
        hashes = {} if missing else dict(metadata["sha256"])
    except (OSError, ValueError, TypeError) as error:
        raise ClassifierError(f"{path} is missing or damaged ({error!r}). Copy or make the folder again.") from None
    missing = sorted(missing) or [f"the SHA-256 of {name}" for name in files if name not in hashes]
    if missing:
        raise ClassifierError(f"{path} lacks {', '.join(missing)}. Copy or make the folder again.")
    for name, expected in hashes.items():
        # A name that led out of the folder would have the hash of files elsewhere told to whoever made the metadata.
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise ClassifierError(f"{path} names {name!r}, which is not in its folder. Do not use the folder.")
        file = Path(folder) / name
        if not file.is_file():
            raise ClassifierError(f"{file} is missing, which {path} names. Copy or make the folder again.")
        if file_sha256(file) != expected:
            raise ClassifierError(
                f"{file} is not the file that {path} describes: its SHA-256 differs. Copy or make the folder again."
            )
    return metadata


def write_metadata(folder: str | os.PathLike, metadata: dict, files: Sequence[str]) -> None:
    """Write `metadata.json`, with the hash of each of the files, which lie in the folder already."""
    folder = Path(folder)
    metadata = {**metadata, "sha256": {name: file_sha256(folder / name) for name in files}}
    with replacing(folder / METADATA_FILE) as temporary:
        temporary.write_text(json.dumps(metadata, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def file_sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
