"""A bundle: a folder with all that another runtime needs to answer as the trained network does.

It holds the model, `labels.txt`, `metadata.json` (with temperature, thresholds and the hash of every file), a model card and
an example. Nothing here needs TensorFlow, unless the bundle does.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from mpox_keras.inference.metadata import METADATA_FILE, ClassifierError, cannot_be_used, read_metadata
from mpox_keras.inference.prediction import Predictor
from mpox_keras.inference.runtimes import GraphModel, KerasFile, LiteRT, SavedModel
from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.stderr import silenced_stderr

LABELS_FILE = "labels.txt"
CARD_FILE = "MODEL_CARD.md"

RUNTIMES = {
    "tflite": ("model.tflite", LiteRT),
    "keras": ("model.keras", KerasFile),
    "saved_model": ("saved_model", SavedModel),
    "tfjs": ("tfjs", GraphModel),
}
"""Format -> where the model lies in the bundle, and what runs it."""


class Bundle(Predictor):
    """An exported network, which predicts as `Classifier` does.

    Args:
        folder: of a bundle.
        metadata: its `metadata.json`.
    """

    def __init__(self, folder: str | os.PathLike, metadata: dict):
        super().__init__(metadata)
        place, runtime = RUNTIMES[metadata["format"]]
        self._run = runtime(Path(folder) / place)

    def predict_pixels(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return self._run(pixels)


def load_bundle(folder: str | os.PathLike) -> Bundle:
    """Load a bundle that `export_bundle` made.

    Raises:
        ClassifierError: the folder is no bundle, or a file in it is missing, damaged or another one than `metadata.json`
            names, or the model does not answer for a photo.
        MissingExtraError: the bundle's runtime is not installed.

    Example:
        >>> for prediction in load_bundle("mpox-tflite").predict(["arm.jpg"]):
        ...     print(prediction.answer)
    """
    folder = Path(folder)
    if not (folder / METADATA_FILE).is_file():
        raise ClassifierError(f"{folder} is no bundle: it has no {METADATA_FILE}. Make one with `mpox-keras export`.")
    metadata = read_metadata(folder, [LABELS_FILE], ["format", "precision", "made_from"])
    if metadata["format"] not in RUNTIMES:
        raise ClassifierError(
            f"{folder / METADATA_FILE} has the format {metadata['format']!r}; expected one of {', '.join(RUNTIMES)}. "
            "The bundle may come from a newer version."
        )
    place = RUNTIMES[metadata["format"]][0]
    if not any(name.split("/")[0] == place for name in metadata["sha256"]):
        raise ClassifierError(f"{folder / METADATA_FILE} names no file of the model {place}. Copy or make the bundle again.")
    for path in (folder / place).rglob("*"):
        # A runtime reads what it finds, so what was not checked must not be there.
        name = path.relative_to(folder).as_posix()
        if (path.is_symlink() or not path.is_dir()) and name not in metadata["sha256"]:
            raise ClassifierError(f"{path} is not named by {folder / METADATA_FILE}. Copy or make the bundle again.")
    try:
        bundle = Bundle(folder, metadata)
        size = bundle.image_size
        with silenced_stderr():
            answer = bundle.predict_pixels(np.zeros((1, size, size, 3), np.uint8))["probabilities"]
    except (MpoxKerasError, ImportError):
        raise
    except Exception as error:  # Each runtime answers a damaged or hostile file with exceptions of its own.
        raise cannot_be_used(folder / place, error) from None
    if answer.shape != (1, len(bundle.classes)):
        raise ClassifierError(
            f"{folder / place} is no network for {len(bundle.classes)} classes. Copy or make the bundle again."
        )
    return bundle
