"""A trained Keras network with what is needed to use it."""

from __future__ import annotations

import os
from pathlib import Path

import keras
import numpy as np

from mpox_keras.inference.metadata import METADATA_FILE, ClassifierError, cannot_be_used, read_metadata
from mpox_keras.inference.prediction import Predictor
from mpox_keras.models.deploy import deploy

PRESETS_FOLDER = Path(__file__).parent.parent / "models" / "presets"
DEFAULT_PRESET = "fast_mpoxnet_msid"
MODEL_FILE = "model.keras"


class Classifier(Predictor):
    """A trained network, its classes and its metadata.

    Args:
        model: in the training form, as saved by `mpox-keras fit`.
        metadata: as `Predictor` takes it.

    Example:
        >>> classifier = load_classifier()
        >>> for prediction in classifier.predict(["arm.jpg", "hand.jpg"]):
        ...     print(prediction.file, prediction.answer, prediction.probabilities)
    """

    def __init__(self, model: keras.Model, metadata: dict):
        super().__init__(metadata)
        self.trained = model
        self.model = deploy(model, class_activation_map=True, temperature=metadata["temperature"])

    def predict_pixels(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        return self.model.predict_on_batch(pixels)


def preset_names() -> list[str]:
    """Names of the trained networks that come with the package."""
    return sorted(path.parent.name for path in PRESETS_FOLDER.glob(f"*/{METADATA_FILE}"))


def load_classifier(source: str | os.PathLike = DEFAULT_PRESET) -> Classifier:
    """Load a preset that comes with the package, or the network of a run folder.

    Args:
        source: a preset's name, or a folder with `model.keras` and `metadata.json`, as `mpox-keras fit` makes it.

    Raises:
        ClassifierError: there is no such preset or folder, or a file in it is missing, damaged or another one than
            `metadata.json` names, or the network would run Python code or has other classes.

    Example:
        >>> load_classifier("fast_mpoxnet_msid").classes
        ('mpox', 'chickenpox', 'measles', 'normal')
    """
    folder = PRESETS_FOLDER / source if str(source) in preset_names() else Path(source)
    if not (folder / METADATA_FILE).is_file() or not (folder / MODEL_FILE).is_file():
        raise ClassifierError(
            f"{str(source)!r} is neither a preset ({', '.join(preset_names()) or 'none installed'}) nor a folder with "
            f"{MODEL_FILE} and {METADATA_FILE}. Give one that `mpox-keras fit` has finished."
        )
    metadata = read_metadata(folder, [MODEL_FILE])
    try:
        classifier = Classifier(keras.models.load_model(folder / MODEL_FILE, compile=False), metadata)
        shapes = classifier.model.inputs[0].shape[1:], classifier.model.output["probabilities"].shape[1:]
    except Exception as error:  # Keras and HDF5 answer a damaged or hostile file with exceptions of any kind.
        raise cannot_be_used(folder / MODEL_FILE, error) from None
    size, classes = classifier.image_size, classifier.classes
    if shapes != ((size, size, 3), (len(classes),)):
        raise ClassifierError(f"{folder / MODEL_FILE} is no network for {len(classes)} classes and photos of {size} pixels.")
    return classifier
