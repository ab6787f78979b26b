"""A trained network with what is needed to use it: photos in, predictions out."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import keras
import numpy as np

from mpox_keras.data.loading import map_in_order
from mpox_keras.data.photos import PhotoError, decode_photo, resize_photo
from mpox_keras.errors import MpoxKerasError
from mpox_keras.files import replacing
from mpox_keras.models import deploy

PRESETS_FOLDER = Path(__file__).parent / "models" / "presets"
DEFAULT_PRESET = "fast_mpoxnet_msid"
MODEL_FILE = "model.keras"
METADATA_FILE = "metadata.json"
NOT_SURE = "not sure"
DISCLAIMER = "Screening aid for research, not a diagnosis."


class ClassifierError(MpoxKerasError, ValueError):
    """A classifier's files are missing or not what they should be; the message names them."""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a classifier says of one photo. A screening aid for research, not a diagnosis.

    Attributes:
        file: the photo's path, or the name given to it.
        label: class with the largest probability; None if the photo could not be read.
        probabilities: class name -> calibrated probability, 0 to 1.
        unfamiliarity: how unlike the training photos the photo is; about 1 for photos like those.
        mpox_suspected: whether p(mpox) reaches the operating point, which is set for recall and lies well under one half.
        doubt: why `answer` is "not sure": "unfamiliar" (unlike the training photos, perhaps no skin at all), "uncertain" (no
            probability is large enough), or None.
        error: why the photo could not be read, else None.
    """

    file: str
    label: str | None
    probabilities: dict[str, float]
    unfamiliarity: float | None = None
    mpox_suspected: bool | None = None
    doubt: str | None = None
    error: str | None = None

    @property
    def answer(self) -> str | None:
        """The label, or "not sure"."""
        return NOT_SURE if self.doubt else self.label


class Classifier:
    """A trained network, its classes and its metadata.

    Args:
        model: in the training form, as saved by `mpox-keras fit`.
        metadata: what `metadata.json` holds: `classes`, `image_size`, `temperature`, `thresholds` (of `mpox`, `confidence`
            and `unfamiliarity`; None for a network that always answers), and where the network comes from.

    Example:
        >>> classifier = load_classifier()
        >>> for prediction in classifier.predict(["arm.jpg", "hand.jpg"]):
        ...     print(prediction.file, prediction.answer, prediction.probabilities)
    """

    def __init__(self, model: keras.Model, metadata: dict):
        self.metadata = metadata
        self.classes = tuple(metadata["classes"])
        self.image_size = metadata["image_size"]
        self.model = deploy(model, class_activation_map=True, temperature=metadata["temperature"])

    def predict_pixels(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs for a batch of decoded photos.

        Args:
            pixels: `(photos, image_size, image_size, 3)`, 0 to 255.

        Returns:
            What `deploy` says: `probabilities`, `(photos, classes)`, `class_activation_map`, and, unless the network is of
            a script that left it out, `unfamiliarity`, `(photos, 1)`.
        """
        return self.model.predict_on_batch(pixels)

    def decide(self, file: str, probabilities: np.ndarray, unfamiliarity: float | None) -> Prediction:
        """The prediction that goes with a network's outputs for one photo.

        Args:
            file: what the photo is called.
            probabilities: `(classes,)`, calibrated.
            unfamiliarity: 0 or more, or None where the network has no such output.
        """
        named = {name: float(value) for name, value in zip(self.classes, probabilities, strict=True)}
        label = self.classes[int(np.argmax(probabilities))]
        thresholds = self.metadata["thresholds"]
        if thresholds is None:
            return Prediction(file, label, named, unfamiliarity)
        doubt = None
        if unfamiliarity > thresholds["unfamiliarity"]:
            doubt = "unfamiliar"
        elif named[label] < thresholds["confidence"]:
            doubt = "uncertain"
        return Prediction(file, label, named, unfamiliarity, named["mpox"] >= thresholds["mpox"], doubt)

    def predict(self, photos: Iterable[str | os.PathLike | bytes], batch_size: int = 32) -> Iterator[Prediction]:
        """Predict photos, in order and in constant memory however many there are.

        A photo that can't be read gives a prediction with its `error`, and the others go on.

        Args:
            photos: paths, or encoded photos as bytes.
            batch_size: photos per step.

        Returns:
            One prediction per photo.
        """
        loaded = map_in_order(self._load, photos)
        while batch := list(itertools.islice(loaded, batch_size)):
            pixels = [pixels for _, pixels, _ in batch if pixels is not None]
            rows = iter(self._decidable(np.stack(pixels)) if pixels else ())
            for file, decoded, error in batch:
                if decoded is None:
                    yield Prediction(file, None, {}, error=error)
                else:
                    yield self.decide(file, *next(rows))

    def _decidable(self, pixels):
        outputs = self.predict_pixels(pixels)
        unfamiliarity = outputs["unfamiliarity"][:, 0].tolist() if "unfamiliarity" in outputs else [None] * len(pixels)
        return zip(outputs["probabilities"], unfamiliarity, strict=True)

    def _load(self, photo):
        file = "photo" if isinstance(photo, bytes) else os.fspath(photo)
        try:
            return file, resize_photo(decode_photo(photo), self.image_size), None
        except PhotoError as error:
            return file, None, str(error)


def preset_names() -> list[str]:
    """Names of the trained networks that come with the package."""
    return sorted(path.parent.name for path in PRESETS_FOLDER.glob(f"*/{METADATA_FILE}"))


def load_classifier(source: str | os.PathLike = DEFAULT_PRESET) -> Classifier:
    """Load a preset that comes with the package, or the network of a run folder.

    Args:
        source: a preset's name, or a folder with `model.keras` and `metadata.json`, as `mpox-keras fit` makes it.

    Raises:
        ClassifierError: there is no such preset or folder, or a file in it is missing, damaged or another one than
            `metadata.json` names.

    Example:
        >>> load_classifier("fast_mpoxnet_msid").classes
        ('mpox', 'chickenpox', 'measles', 'normal')
    """
    folder = PRESETS_FOLDER / source if str(source) in preset_names() else Path(source)
    metadata_path, model_path = folder / METADATA_FILE, folder / MODEL_FILE
    if not metadata_path.is_file() or not model_path.is_file():
        raise ClassifierError(
            f"{str(source)!r} is neither a preset ({', '.join(preset_names()) or 'none installed'}) nor a folder with "
            f"{MODEL_FILE} and {METADATA_FILE}. Give one that `mpox-keras fit` has finished."
        )
    try:
        metadata = json.loads(metadata_path.read_text(encoding="utf-8"))
        expected = metadata["sha256"][MODEL_FILE]
        missing = {"classes", "image_size", "temperature", "thresholds"}.difference(metadata)
    except (ValueError, KeyError, TypeError) as error:
        raise ClassifierError(f"{metadata_path} is damaged ({error!r}). Copy or make the folder again.") from None
    if missing:
        raise ClassifierError(f"{metadata_path} lacks {', '.join(sorted(missing))}. Copy or make the folder again.")
    if file_sha256(model_path) != expected:
        raise ClassifierError(
            f"{model_path} is not the file that {metadata_path} describes: its SHA-256 differs. Copy or make the folder again."
        )
    return Classifier(keras.models.load_model(model_path, compile=False), metadata)


def write_metadata(folder: str | os.PathLike, metadata: dict) -> None:
    """Write `metadata.json` beside a `model.keras`, with the model's hash."""
    folder = Path(folder)
    metadata = {**metadata, "sha256": {MODEL_FILE: file_sha256(folder / MODEL_FILE)}}
    with replacing(folder / METADATA_FILE) as temporary:
        temporary.write_text(json.dumps(metadata, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def file_sha256(path: str | os.PathLike) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
