"""Bundles are made here; `mpox_keras.inference.bundle` reads them."""

from __future__ import annotations

import importlib.resources
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np

from mpox_keras._version import __version__
from mpox_keras.data.folder import Photo
from mpox_keras.data.loading import load_photos
from mpox_keras.export import tfjs, tflite
from mpox_keras.export.card import model_card
from mpox_keras.export.folding import exportable
from mpox_keras.inference.bundle import CARD_FILE, LABELS_FILE, RUNTIMES
from mpox_keras.inference.classifier import MODEL_FILE, load_classifier
from mpox_keras.inference.metadata import METADATA_FILE, write_metadata
from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.files import replacing_folder
from mpox_keras.utils.stderr import silenced_stderr

PRECISIONS = {"tflite": tflite.PRECISIONS, "tfjs": tfjs.PRECISIONS, "keras": ("float32",), "saved_model": ("float32",)}
"""Format -> the precisions it is to be had in."""

CALIBRATION_PHOTOS = 300
"""How many photos show the activations to expect, for integers."""

_EXAMPLES = {
    "tflite": "example_tflite.py",
    "tfjs": "example.html",
    "keras": "example_keras.py",
    "saved_model": "example_saved_model.py",
}
_OF_TRAINING_ONLY = {"config", "environment", "validation", "sha256"}


class ExportError(MpoxKerasError, ValueError):
    """An export that was asked for makes no sense; the message says what does."""


def export_bundle(
    source: str | os.PathLike,
    folder: str | os.PathLike,
    format: str = "tflite",
    precision: str = "float32",
    calibration: Sequence[Photo] = (),
) -> dict:
    """Export a preset or a trained network as a bundle.

    Args:
        source: as `load_classifier` takes it.
        folder: of the bundle; a bundle that is there already is replaced once the new one is whole.
        format: `tflite`, `tfjs`, `keras` or `saved_model`.
        precision: `float32`; for `tflite` also `float16`, `dynamic` and `int8`; for `tfjs` also `float16`, `uint16` and
            `uint8`. See `convert_to_tflite` and `write_tfjs`.
        calibration: photos that show which activations to expect, for `int8`; at most 300 are used, evenly of every class.

    Returns:
        The bundle's metadata.

    Raises:
        ExportError: there is no such format or precision, `int8` has no photos, or the folder holds something else.
        ClassifierError: the source can't be loaded.

    Example:
        >>> export_bundle("fast_mpoxnet_msid", "mpox-tflite", "tflite", "float16")["precision"]
        'float16'
    """
    folder = Path(folder)
    if precision not in PRECISIONS.get(format, ()):
        known = "; ".join(f"{name}: {', '.join(values)}" for name, values in PRECISIONS.items())
        raise ExportError(f"there is no {format} export in {precision}. To be had are {known}.")
    if precision == "int8" and not calibration:
        raise ExportError("int8 needs photos that show which activations to expect: give a folder with some hundred.")
    if folder.exists() and not _may_be_replaced(folder):
        raise ExportError(f"{folder} exists and is no bundle. Give a new folder.")
    classifier = load_classifier(source)
    chosen = (
        load_photos(stratified_sample(calibration, CALIBRATION_PHOTOS), classifier.image_size) if precision == "int8" else None
    )
    metadata = {key: value for key, value in classifier.metadata.items() if key not in _OF_TRAINING_ONLY}
    metadata.setdefault("name", Path(source).name)
    metadata |= {
        "format": format,
        "precision": precision,
        "input": {"name": "image", "dtype": "uint8" if precision == "int8" else "float32", "range": [0, 255]},
        "calibration_photos": 0 if chosen is None else len(chosen),
        "made_from": {"source": str(source), "sha256": classifier.metadata["sha256"][MODEL_FILE]},
        "made_by": f"mpox-keras {__version__}",
    }
    with replacing_folder(folder) as temporary:
        _WRITERS[format](temporary / RUNTIMES[format][0], classifier.trained, metadata["temperature"], precision, chosen)
        (temporary / LABELS_FILE).write_text("\n".join(classifier.classes) + "\n", encoding="utf-8")
        (temporary / CARD_FILE).write_text(model_card(metadata), encoding="utf-8")
        examples = importlib.resources.files("mpox_keras.export") / "examples"
        example = _EXAMPLES[format]
        (temporary / f"example{Path(example).suffix}").write_bytes((examples / example).read_bytes())
        files = sorted(path.relative_to(temporary).as_posix() for path in temporary.rglob("*") if path.is_file())
        write_metadata(temporary, metadata, files)
    return metadata


def _may_be_replaced(folder):
    """Whether a folder is empty or a bundle; the folder of a fit has metadata too, but no labels."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {"a file"}
    return not names or {METADATA_FILE, LABELS_FILE, CARD_FILE} <= names


def stratified_sample(photos: Sequence[Photo], count: int) -> list[Photo]:
    """At most `count` photos, of every class in turn, each class in an order that is random and always the same."""
    random = np.random.default_rng(0)
    classes = {}
    for index in random.permutation(len(photos)):
        classes.setdefault(photos[index].label, []).append(photos[index])
    turns = [(turn, label, photo) for label, members in classes.items() for turn, photo in enumerate(members)]
    return [photo for _, _, photo in sorted(turns, key=lambda entry: entry[:2])[:count]]


def _write_tflite(path, model, temperature, precision, photos):
    path.write_bytes(tflite.convert_to_tflite(model, temperature, precision, photos))


def _write_tfjs(path, model, temperature, precision, photos):
    tfjs.write_tfjs(path, model, temperature, precision)


def _write_keras(path, model, temperature, precision, photos):
    exportable(model, temperature).save(path)


def _write_saved_model(path, model, temperature, precision, photos):
    signature = keras.InputSpec(shape=(None, *model.inputs[0].shape[1:]), dtype="float32", name="image")
    with silenced_stderr():
        exportable(model, temperature).export(path, format="tf_saved_model", input_signature=[signature], verbose=False)
    # Says only when it was made, by which the hashes of two equal exports would differ.
    (path / "fingerprint.pb").unlink(missing_ok=True)
    shutil.rmtree(path / "assets", ignore_errors=True)


_WRITERS: dict[str, Callable] = {
    "tflite": _write_tflite,
    "tfjs": _write_tfjs,
    "keras": _write_keras,
    "saved_model": _write_saved_model,
}
