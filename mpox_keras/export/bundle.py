"""Bundles: folders with all that another runtime needs to answer as the trained network does. `load_classifier` reads them."""

import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import jinja2
import keras
import numpy as np

from mpox_keras._version import __version__
from mpox_keras.data.folder import Photo
from mpox_keras.data.loading import load_photos
from mpox_keras.export import tfjs, tflite
from mpox_keras.export.formats import ExportError, check_precision
from mpox_keras.inference.classifier import Classifier, load_classifier
from mpox_keras.inference.metadata import METADATA_FILE, MODEL_FILE, MODEL_PLACES, write_metadata
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.models.deploy import deploy
from mpox_keras.models.image_classifier import Network
from mpox_keras.utils.errors import require
from mpox_keras.utils.files import replacing_folder
from mpox_keras.utils.stderr import silenced_stderr

CALIBRATION_PHOTOS = 300
"""At most so many photos show an int8 export which activations to expect."""

_LABELS_FILE = "labels.txt"
_CARD_FILE = "MODEL_CARD.md"
# Of the training alone; and a prevalence is chosen where a network is used, and unknown to other runtimes.
_NOT_EXPORTED = {"config", "environment", "validation", "prevalence"}


def export_bundle(
    source: str | os.PathLike | Classifier | Network,
    folder: str | os.PathLike,
    format: str = "tflite",
    precision: str = "float32",
    calibration: Sequence[Photo] = (),
    classes: Sequence[str] | None = None,
) -> dict:
    """Export a trained network as a bundle: the model, `labels.txt`, metadata, checksums, a model card and an example.

    Args:
        source: a classifier, what `load_classifier` takes, or a `FastMpoxNet` or `ImageClassifier` from a script.
        folder: a bundle that is there already is replaced once the new one is whole.
        format, precision: of `PRECISIONS`; see `convert_to_tflite` and `write_tfjs`.
        calibration: for `int8`, photos that show which activations to expect; a stratified sample of 300 is used.
        classes: names of the classes, in order, for a network from a script; else as `load_classifier` takes them.

    Returns:
        The bundle's metadata.

    Raises:
        ExportError: no such format or precision; `int8` without photos; a folder of something else; or an exported source.
        ClassifierError: the source can't be loaded.
        MissingExtraError: `onnx` without its extra.

    Example:
        >>> export_bundle("fast_mpoxnet", "mpox-tflite", "tflite", "float16")["precision"]
        'float16'
        >>> export_bundle(model, "own-tflite", classes=["eczema", "mpox", "normal"])
    """
    folder = Path(folder)
    check_precision(format, precision)
    if precision == "int8" and not calibration:
        raise ExportError("int8 needs photos that show which activations to expect: give some hundred as `calibration`.")
    if folder.exists() and not _may_be_replaced(folder):
        raise ExportError(f"{folder} exists and is no bundle. Give a new folder.")
    if isinstance(source, Network):
        classifier = _of_script(source, classes)
    else:
        classifier = source if isinstance(source, Classifier) else load_classifier(source, classes)
    if classifier.trained is None:
        form = classifier.metadata["format"]
        raise ExportError(f"{classifier.source} is exported already, as {form}. Give the trained network it was made from.")
    sample = stratified_sample(calibration, CALIBRATION_PHOTOS) if precision == "int8" else []
    metadata = {key: value for key, value in classifier.metadata.items() if key not in _NOT_EXPORTED}
    metadata.setdefault("name", Path(classifier.source).name)
    metadata |= {
        "format": format,
        "precision": precision,
        "input": {"name": "image", "dtype": "float32", "range": [0, 255]},
        "calibration_photos": len(sample),
        "made_from": {"source": classifier.source, "sha256": classifier.checksums.get(MODEL_FILE, "")},
        "made_by": f"mpox-keras {__version__}",
    }
    example = "example.html" if format == "tfjs" else "example.py"
    with replacing_folder(folder) as temporary:
        pixels = load_photos(sample, classifier.image_size) if sample else None
        _write_model(temporary / MODEL_PLACES[format], classifier.trained, metadata, pixels)
        (temporary / _LABELS_FILE).write_text("\n".join(classifier.classes) + "\n", encoding="utf-8")
        (temporary / _CARD_FILE).write_text(model_card(metadata), encoding="utf-8")
        shutil.copyfile(Path(__file__).parent / "examples" / example, temporary / example)
        write_metadata(temporary, metadata)
    return metadata


def _of_script(model, classes):
    """A classifier of a network that was trained in a script: not calibrated, and with an answer for every photo."""
    if not classes or len(classes) != model.classes:
        raise ExportError(f"the network has {model.classes} classes; give as many names, in their order, as classes=[...].")
    metadata = {"format": "keras", "classes": list(classes), "image_size": model.inputs[0].shape[1], "value_range": [0, 255]}
    return Classifier(
        {**metadata, "temperature": 1.0, "thresholds": None}, deploy(model).predict_on_batch, lambda: model, model.name
    )


def _may_be_replaced(folder):
    """Whether a folder is empty or a bundle; the folder of a fit has metadata too, but no labels."""
    names = {path.name for path in folder.iterdir()} if folder.is_dir() else {"a file"}
    return not names or {METADATA_FILE, _LABELS_FILE, _CARD_FILE} <= names


def stratified_sample(photos: Sequence[Photo], count: int) -> list[Photo]:
    """At most `count` photos, of every class in turn, each class in an order that is random and always the same."""
    random = np.random.default_rng(0)
    classes = {}
    for index in random.permutation(len(photos)):
        classes.setdefault(photos[index].label, []).append(photos[index])
    turns = [(turn, label, photo) for label, members in classes.items() for turn, photo in enumerate(members)]
    return [photo for _, _, photo in sorted(turns, key=lambda entry: entry[:2])[:count]]


def model_card(metadata: Mapping) -> str:
    """Markdown that says what a bundle is, what it was trained on, how well it did and what it must not be used for.

    What the metadata does not hold (a run's says less than a preset's) is said to be not recorded.
    """
    template = Path(__file__).with_name("model_card.md").read_text(encoding="utf-8")
    return jinja2.Template(template, trim_blocks=True, keep_trailing_newline=True).render(metadata, disclaimer=DISCLAIMER)


def _write_model(path, model, metadata, pixels):
    format, precision, temperature = metadata["format"], metadata["precision"], metadata["temperature"]
    if format == "tflite":
        path.write_bytes(tflite.convert_to_tflite(model, temperature, precision, pixels))
        return
    if format == "tfjs":
        tfjs.write_tfjs(path, model, temperature, precision)
        return
    deployed = deploy(model, class_activation_map=True, temperature=temperature)
    image = keras.InputSpec(shape=(None, *model.inputs[0].shape[1:]), dtype="float32", name="image")
    if format == "keras":
        deployed.save(path)
    elif format == "onnx":
        require("tf2onnx", "onnx", "the export to ONNX")
        with silenced_stderr(), warnings.catch_warnings(action="ignore"):
            deployed.export(path, format="onnx", input_signature=[image], verbose=False)
    else:
        with silenced_stderr():
            deployed.export(path, format="tf_saved_model", input_signature=[image], verbose=False)
        # Says only when it was made, by which the hashes of two equal exports would differ.
        (path / "fingerprint.pb").unlink(missing_ok=True)
        shutil.rmtree(path / "assets", ignore_errors=True)
