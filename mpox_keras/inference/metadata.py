"""`metadata.json`: what a trained network's folder says of itself, with the hash of every file it speaks for."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.files import replacing

METADATA_FILE = "metadata.json"

_REQUIRED = {"classes", "image_size", "temperature", "thresholds", "sha256"}
_MAX_BYTES = 10_000_000


class ClassifierError(MpoxKerasError, ValueError):
    """A trained network's files are missing or not what they should be; the message names them."""


def cannot_be_used(path: str | os.PathLike, error: Exception) -> ClassifierError:
    """The error of a model that its runtime refuses; of the runtime's message the first sentence."""
    reason = str(error).strip().split("\n")[0].split(". ")[0] or type(error).__name__
    return ClassifierError(f"{path} cannot be used ({reason}). Copy or make the folder again.")


def read_metadata(folder: str | os.PathLike, files: Sequence[str] = (), keys: Sequence[str] = ()) -> dict:
    """Read `metadata.json` and check every file that it names.

    Args:
        folder: of a trained network.
        files: names that must be among those that the metadata speaks for.
        keys: what the metadata must hold beside what every network needs.

    Raises:
        ClassifierError: the metadata is damaged or lacks something, or a file is missing, damaged or another one.
    """
    path = file_inside(folder, METADATA_FILE)
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise ValueError(f"more than {_MAX_BYTES} bytes")
        metadata = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse_constant)
        missing = sorted(_REQUIRED.union(keys).difference(metadata))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise ClassifierError(f"{path} is damaged ({error!r}). Copy or make the folder again.") from None
    if not isinstance(metadata, dict):
        raise ClassifierError(f"{path} is damaged (no JSON object). Copy or make the folder again.")
    wrong = [] if missing else [key for key, (_, fits) in _KINDS.items() if key in metadata and not fits(metadata[key])]
    for key in wrong:
        raise ClassifierError(f"{path} has {str(metadata[key])[:80]!r} for {key}; expected {_KINDS[key][0]}.")
    missing = missing or [f"the SHA-256 of {name}" for name in files if name not in metadata["sha256"]]
    if missing:
        raise ClassifierError(f"{path} lacks {', '.join(missing)}. Copy or make the folder again.")
    if metadata["thresholds"] is not None and "mpox" not in metadata["classes"]:
        raise ClassifierError(f"{path} has a threshold for mpox, but no class of this name. Copy or make the folder again.")
    for name, expected in metadata["sha256"].items():
        file = file_inside(folder, name)
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


def file_inside(folder: str | os.PathLike, name: str) -> Path:
    """Path of a file that a trained network's folder must hold itself.

    Raises:
        ClassifierError: there is no such file, or its name or a link leads out of the folder.
    """
    path = Path(folder) / name
    try:
        is_inside = path.resolve().is_relative_to(Path(folder).resolve()) and ".." not in Path(name).parts
        is_there = path.is_file()
    except (OSError, ValueError, RuntimeError):  # A name that is too long or holds a zero byte, or links in a circle.
        is_inside, is_there = True, False
    # A name that led out of the folder would have other files read, and their hash told to whoever made the metadata.
    if not is_inside:
        raise ClassifierError(f"{folder} names {name!r}, which is not in the folder. Do not use it.")
    if not is_there:
        raise ClassifierError(f"{str(path)!r} is missing. Copy or make the folder again.")
    return path


def file_sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _refuse_constant(name):
    # Of a threshold that is not a number every comparison is false, so that nothing would ever be doubted.
    raise ValueError(f"{name} is no number")


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9


def _are_names(value):
    return isinstance(value, list) and all(isinstance(name, str) and name for name in value) and len(set(value)) == len(value)


def _are_thresholds(value):
    names = ("mpox", "confidence", "ood_score")
    return value is None or (isinstance(value, dict) and all(_is_number(value.get(name)) for name in names))


def _is_text(value):
    return isinstance(value, str)


_KINDS = {
    "classes": ("a list of two or more different names", lambda value: _are_names(value) and len(value) > 1),
    "image_size": ("pixels, 1 to 4096", lambda value: type(value) is int and 1 <= value <= 4096),
    "temperature": ("a number above 0", lambda value: _is_number(value) and value > 0),
    "thresholds": ("null, or numbers for mpox, confidence and ood_score", _are_thresholds),
    "sha256": ("an object of names and hashes", lambda value: isinstance(value, dict) and all(map(_is_text, value.values()))),
    "format": ("text", _is_text),
    "precision": ("text", _is_text),
    "made_from": (
        "an object with source and sha256",
        lambda value: isinstance(value, dict) and _is_text(value.get("source")) and _is_text(value.get("sha256")),
    ),
}
"""Key of the metadata -> what it must be, in words and as a check."""
