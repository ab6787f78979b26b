"""What the folder of a trained network says of itself: `metadata.json`, and `SHA256SUMS` over every other file."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from pathlib import Path

from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.files import replacing, write_json

FORMAT_VERSION = 2
METADATA_FILE = "metadata.json"
CHECKSUMS_FILE = "SHA256SUMS"
MODEL_FILE = "model.keras"

MODEL_PLACES = {
    "keras": MODEL_FILE,
    "tflite": "model.tflite",
    "tfjs": "tfjs",
    "onnx": "model.onnx",
    "saved_model": "saved_model",
}
"""Format -> the file or folder that holds the network."""

_MAX_BYTES = 10_000_000
_AGAIN = "Copy or make the folder again."


class ClassifierError(MpoxKerasError, ValueError):
    """A trained network's files are missing or not what they should be; the message names them."""


def read_metadata(folder: str | os.PathLike) -> dict:
    """Read `metadata.json` of a trained network, and check every file that `SHA256SUMS` lists.

    Raises:
        ClassifierError: the folder was made by another release, or something in it is missing, damaged or changed.

    Example:
        >>> read_metadata("mpox-tflite")["format"]
        'tflite'
    """
    folder = Path(folder)
    path = file_inside(folder, METADATA_FILE)
    try:
        metadata = json.loads(_read_text(path), parse_constant=_refuse_constant)
        if not isinstance(metadata, dict):
            raise ValueError("no JSON object")
    except (OSError, ValueError, RecursionError) as error:
        raise ClassifierError(f"{path} is damaged ({error!r}). {_AGAIN}") from None
    if (version := metadata.get("format_version")) != FORMAT_VERSION:
        raise ClassifierError(
            f"{path} has the format_version {str(version)[:80]!r}; this release of mpox-keras reads {FORMAT_VERSION}. Make the "
            "folder again with this release (`mpox-keras fit`, `mpox-keras export`), or install the release that made it."
        )
    checksums = read_checksums(folder)
    for name, expected in checksums.items():
        if file_sha256(file := file_inside(folder, name)) != expected:
            raise ClassifierError(f"{file} is not the file that {CHECKSUMS_FILE} lists: its SHA-256 differs. {_AGAIN}")
    for key, (expected, fits) in _KINDS.items():
        if key not in metadata and key not in _OPTIONAL:
            raise ClassifierError(f"{path} lacks {key}. {_AGAIN}")
        if key in metadata and not fits(metadata[key]):
            raise ClassifierError(f"{path} has {str(metadata[key])[:80]!r} for {key}; expected {expected}.")
    thresholds, has_mpox = metadata["thresholds"], "mpox" in metadata["classes"]
    if thresholds is not None and has_mpox != ("mpox" in thresholds):
        reason = "no threshold for its class mpox" if has_mpox else "a threshold for mpox, but no class of this name"
        raise ClassifierError(f"{path} has {reason}. {_AGAIN}")
    if thresholds is None and "operating_points" in metadata:
        raise ClassifierError(f"{path} has operating_points, but no thresholds. {_AGAIN}")
    # A runtime reads what it finds, so everything that it may find must have been checked.
    places = [folder / name for name in MODEL_PLACES.values() if os.path.lexists(folder / name)]
    parts = (part for place in places for part in place.rglob("*"))
    for part in (folder / MODEL_PLACES[metadata["format"]], *places, *parts):
        if (part.is_symlink() or not part.is_dir()) and part.relative_to(folder).as_posix() not in checksums:
            raise ClassifierError(f"{part} is not listed in {CHECKSUMS_FILE}. {_AGAIN}")
    return metadata


def write_metadata(folder: str | os.PathLike, metadata: Mapping) -> None:
    """Write `metadata.json`, and `SHA256SUMS` over every file that lies in the folder by then.

    To what `Classifier` takes, `format_version` is added, and `format`, "keras" unless given.

    Example:
        >>> write_metadata("run", {"classes": ["a", "b"], "image_size": 224, "temperature": 1.0, "thresholds": None})
    """
    metadata = {"format_version": FORMAT_VERSION, "format": "keras", **metadata}
    write_json(Path(folder) / METADATA_FILE, metadata)
    write_checksums(folder)


def read_checksums(folder: str | os.PathLike) -> dict[str, str]:
    """What `SHA256SUMS` lists, file -> hash, without a look at the files; ClassifierError if it is missing or damaged."""
    path = file_inside(folder, CHECKSUMS_FILE)
    try:
        lines = [re.fullmatch(r"([0-9a-f]{64})  (.+)", line) for line in _read_text(path).splitlines()]
        checksums = {line[2]: line[1] for line in lines}
    except (OSError, ValueError, TypeError) as error:
        raise ClassifierError(f"{path} is damaged ({error!r}). {_AGAIN}") from None
    if METADATA_FILE not in checksums:
        raise ClassifierError(f"{path} does not list {METADATA_FILE}. {_AGAIN}")
    return checksums


def write_checksums(folder: str | os.PathLike) -> None:
    """Write `SHA256SUMS` over every file of a folder but itself and those whose name begins with a dot."""
    folder = Path(folder)
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    names = (file.as_posix() for file in files if not any(part.startswith(".") for part in file.parts))
    checksums = {name: file_sha256(folder / name) for name in names if name != CHECKSUMS_FILE}
    with replacing(folder / CHECKSUMS_FILE) as temporary:
        temporary.write_text(format_checksums(checksums), encoding="utf-8", newline="\n")


def format_checksums(checksums: Mapping[str, str]) -> str:
    """File -> hash in the form of `sha256sum`, which checks it by `sha256sum --check SHA256SUMS`."""
    return "".join(f"{checksum}  {name}\n" for name, checksum in sorted(checksums.items()))


def file_inside(folder: str | os.PathLike, name: str) -> Path:
    """Path of a file in a trained network's folder; ClassifierError if it is missing, or its name or a link leads out."""
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
        raise ClassifierError(f"{str(path)!r} is missing. {_AGAIN}")
    return path


def file_sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read_text(path):
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError(f"more than {_MAX_BYTES} bytes")
    return path.read_text(encoding="utf-8")


def _refuse_constant(name):
    # Every comparison with a threshold that is not a number is false, so no photo would ever be refused.
    raise ValueError(f"{name} is no number")


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and -1e9 < value < 1e9


def _is_text(value):
    return isinstance(value, str)


def _has(value, fits, *names):
    return isinstance(value, dict) and all(fits(value.get(name)) for name in names)


_KINDS = {
    "format": (f"one of {', '.join(MODEL_PLACES)}", lambda value: _is_text(value) and value in MODEL_PLACES),
    "classes": (
        "a list of two or more different names",
        lambda value: (
            isinstance(value, list) and all(_is_text(each) and each for each in value) and 1 < len(value) == len({*value})
        ),
    ),
    "image_size": ("pixels, 1 to 4096", lambda value: type(value) is int and 1 <= value <= 4096),
    "temperature": ("a number above 0", lambda value: _is_number(value) and value > 0),
    "thresholds": (
        "null, or numbers for confidence, ood_score and, if it is a class, mpox",
        lambda value: (
            value is None or (_has(value, _is_number, "confidence", "ood_score") and _is_number(value.get("mpox", 0)))
        ),
    ),
    "operating_points": (
        "an object with recall: object with the numbers threshold, recall and specificity",
        lambda value: (
            isinstance(value, dict)
            and value
            and all(re.fullmatch(r"0\.\d+|1\.0", recall) for recall in value)
            and all(_has(point, _is_number, "threshold", "recall", "specificity") for point in value.values())
        ),
    ),
    "prevalence": ("a number over 0 and under 1", lambda value: _is_number(value) and 0 < value < 1),
    "precision": ("text", _is_text),
    "made_from": ("an object with source and sha256", lambda value: _has(value, _is_text, "source", "sha256")),
}
"""Key of the metadata -> what it must be, in words and as a check."""

_OPTIONAL = {"operating_points", "prevalence", "precision", "made_from"}
