"""A trained network that answers for photos, and the one way to load it, whatever its form."""

import dataclasses
import functools
import itertools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mpox_keras.data.decode import PhotoError, Picture, read_photo, resize_photo
from mpox_keras.data.loading import map_in_order
from mpox_keras.inference.metadata import (
    METADATA_FILE,
    MODEL_FILE,
    MODEL_PLACES,
    ClassifierError,
    file_sha256,
    read_checksums,
    read_metadata,
)
from mpox_keras.inference.prediction import Prediction, decide
from mpox_keras.inference.runtimes import RUNTIMES
from mpox_keras.utils.classes import MPOX
from mpox_keras.utils.errors import MpoxKerasError, require
from mpox_keras.utils.files import PRESETS_FOLDER
from mpox_keras.utils.stderr import silenced_stderr

if TYPE_CHECKING:
    import keras

DEFAULT_PRESET = "fast_mpoxnet"


@dataclasses.dataclass(eq=False, repr=False)
class Classifier:
    """A trained network with its metadata: photos in, predictions out.

    A network that has both forms answers by TFLite, and Keras and TensorFlow are imported once `trained` is asked for.

    Attributes:
        metadata: what `metadata.json` holds: `classes`, `image_size`, `temperature`, `thresholds` (of `mpox`, `confidence`
            and `ood_score`; None: an answer for every photo), and where the network comes from.
        predict_pixels: from decoded photos `(photos, image_size, image_size, 3)`, 0 to 255, to float32 outputs by name:
            `probabilities`, `(photos, classes)`, calibrated; `class_activation_map`, `(photos, height, width, classes)`; and,
            if the network has it, `ood_score`, `(photos, 1)`. See `mpox_keras.deploy`.
        load_trained: gives the Keras model in its training form; None for an exported network.
        source: what the network was loaded from.
        checksums: SHA-256 of its files by name.

    Example:
        >>> classifier = load_classifier()
        >>> classifier.predict("arm.jpg").answer
        'other'
        >>> [prediction.answer for prediction in classifier.predict(["arm.jpg", "hand.jpg"])]
        ['other', 'not sure']
    """

    metadata: Mapping
    predict_pixels: Callable[[np.ndarray], dict[str, np.ndarray]]
    load_trained: "Callable[[], keras.Model] | None" = None
    source: str = ""
    checksums: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        self.classes: tuple[str, ...] = tuple(self.metadata["classes"])
        self.image_size: int = self.metadata["image_size"]

    @functools.cached_property
    def trained(self) -> "keras.Model | None":
        """The Keras model in its training form, for fine-tuning, export and explanations; None for an exported network."""
        return self.load_trained and self.load_trained()

    def decide_batch(self, outputs: Mapping[str, np.ndarray], files: Sequence[str]) -> list[Prediction]:
        """Predictions that go with the outputs of `predict_pixels` for as many photos, called `files`."""
        scores = outputs["ood_score"][:, 0].tolist() if "ood_score" in outputs else [None] * len(files)
        maps = outputs.get("class_activation_map", [None] * len(files))
        decided = (decide(self.metadata, *row) for row in zip(files, outputs["probabilities"], scores, strict=True))
        return [dataclasses.replace(one, class_activation_map=each) for one, each in zip(decided, maps, strict=True)]

    def predict(
        self, photos: Picture | Iterable[Picture], batch_size: int = 8
    ) -> Prediction | list[Prediction] | Iterator[Prediction]:
        """One prediction per photo, in order.

        A photo that can't be read gives a prediction with its `error`, and the others go on.

        Args:
            photos: one photo: a path, URL, encoded photo as bytes, open file, PIL image or array `(height, width, 3)` of uint8;
                or any number of them.
            batch_size: photos per step; while the network runs, no more than the next eight are decoded.

        Returns:
            A prediction for one photo; a list for a list or tuple; and for any other iterable an iterator, in constant memory
            however many there are.

        Raises:
            TypeError: something is no photo.
        """
        if isinstance(photos, Picture) or hasattr(photos, "read"):
            return next(self.predict(iter([photos])))
        if not isinstance(photos, Iterable):
            raise TypeError(f"predict takes a photo or several; got {type(photos).__name__}.")
        predictions = (prediction for prediction, _ in self.predict_and_show(photos, batch_size))
        return list(predictions) if isinstance(photos, list | tuple) else predictions

    def predict_and_show(
        self, photos: Iterable[Picture], batch_size: int = 8
    ) -> Iterator[tuple[Prediction, np.ndarray | None]]:
        """Predictions as of `predict`, each with what the network saw: uint8 `(image_size, image_size, 3)`, or None."""
        loaded = map_in_order(self._load, photos)
        while batch := list(itertools.islice(loaded, batch_size)):
            read = [(file, pixels) for file, pixels, _ in batch if pixels is not None]
            predictions = iter(())
            if read:
                outputs = self.predict_pixels(np.stack([pixels for _, pixels in read]))
                predictions = iter(self.decide_batch(outputs, [file for file, _ in read]))
            for file, pixels, error in batch:
                yield (Prediction(file, None, {}, error=error) if pixels is None else next(predictions)), pixels

    def _load(self, photo):
        file = os.fspath(photo) if isinstance(photo, str | os.PathLike) else "photo"
        try:
            return file, resize_photo(read_photo(photo), self.image_size), None
        except PhotoError as error:
            return file, None, str(error)


def preset_names() -> list[str]:
    """Names of the trained networks that come with the package."""
    return sorted(path.parent.name for path in PRESETS_FOLDER.glob(f"*/{METADATA_FILE}"))


def load_classifier(
    source: str | os.PathLike = DEFAULT_PRESET,
    classes: Sequence[str] | None = None,
    recall: float | None = None,
    prevalence: float | None = None,
) -> Classifier:
    """Load a trained network. Imports the runtime that its format needs, and no other.

    Args:
        source: a preset's name; the folder of a finished `mpox-keras fit`; a bundle that `mpox-keras export` made; one in a
            repository of the Hugging Face Hub, `hf://owner/name`; or a `.keras` file. A `.keras` file that is not `model.keras`
            of such a folder has no metadata: its probabilities are not calibrated, and there is an answer for every photo.
        classes: names of the classes, in order, for a `.keras` file without metadata; others must have the same ones.
        recall: of mpox, at which the threshold for suspecting it was chosen; one of those that the network has. The first is in
            force if left out.
        prevalence: share of the photos that show mpox where the network is used, over 0 and under 1, see `at_prevalence`.

    Raises:
        ClassifierError: there is no such network; a file of it is missing, damaged or changed; it would run Python code; it
            has other classes; it has thresholds but no out-of-distribution score; or it has no threshold for this recall.
        MissingExtraError: it comes from the Hub, or is an ONNX file, and the package for it is not installed.

    Example:
        >>> load_classifier("fast_mpoxnet", recall=0.95).classes
        ('mpox', 'chickenpox', 'measles', 'other', 'normal')
    """
    if str(source).startswith("hf://"):
        path = _download(str(source))
    else:
        path = PRESETS_FOLDER / source if str(source) in preset_names() else Path(source)
    if path.name == MODEL_FILE and path.is_file() and (path.parent / METADATA_FILE).is_file():
        path = path.parent
    if path.suffix == ".keras" and path.is_file():
        if not classes:
            raise ClassifierError(f"{path} has no {METADATA_FILE} beside it. Name its classes, in order (--classes a,b,c).")
        metadata = {"format": "keras", "classes": list(classes), "image_size": None, "temperature": 1.0, "thresholds": None}
        checksums = {MODEL_FILE: file_sha256(path)}
    elif not (path / METADATA_FILE).is_file():
        raise ClassifierError(
            f"{str(source)!r} is neither a preset ({', '.join(preset_names()) or 'none installed'}), nor the folder of a "
            f"finished `mpox-keras fit` or of a bundle, with {METADATA_FILE}, nor a .keras file. Check the name."
        )
    else:
        metadata, checksums = read_metadata(path), read_checksums(path)
    if classes and list(classes) != metadata["classes"]:
        raise ClassifierError(f"{source} has the classes {', '.join(metadata['classes'])}, not {', '.join(classes)}.")
    _set_in_force(metadata, source, recall, prevalence)
    return _load(path, metadata, source, checksums)


def _download(source):
    hub = require("huggingface_hub", "hub", "a network of the Hugging Face Hub")
    from huggingface_hub import constants, errors

    name = source.removeprefix("hf://")
    # In the Hub's own cache files are links, which lead out of a bundle's folder.
    folder = Path(constants.HF_HUB_CACHE) / "mpox-keras" / name
    try:
        hub.snapshot_download(name, local_dir=folder)
    except (errors.RepositoryNotFoundError, errors.HFValidationError):
        raise ClassifierError(
            f"the Hugging Face Hub has no repository {name!r}, or not for you. Check it: hf://owner/name."
        ) from None
    except Exception as error:  # of the Hub, of the network below it and of the disk
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise ClassifierError(f"{source} can't be downloaded ({reason}). Check the connection.") from None
    if not (folder / METADATA_FILE).is_file():
        raise ClassifierError(f"{source} holds no {METADATA_FILE}, so it is no bundle of `mpox-keras export`.")
    return folder


def _set_in_force(metadata, source, recall, prevalence):
    if recall is not None:
        points = {float(name): point["threshold"] for name, point in metadata.get("operating_points", {}).items()}
        if recall not in points:
            known = ", ".join(map(str, points)) or "no recall"
            raise ClassifierError(f"{source} has no threshold for a recall of {recall}; it has thresholds for {known}.")
        metadata["thresholds"]["mpox"] = points[recall]
    if prevalence is not None:
        if MPOX not in metadata["classes"]:
            raise ClassifierError(f"a prevalence is for networks with the class {MPOX}, which {source} does not have.")
        if not 0 < prevalence < 1:
            raise ClassifierError(
                f"a prevalence of {prevalence} makes no sense: give a share over 0 and under 1, such as 0.02."
            )
        metadata["prevalence"] = prevalence


def _load(folder, metadata, source, checksums):
    path = folder if folder.is_file() else folder / MODEL_PLACES[metadata["format"]]
    side, load_trained, form = metadata["image_size"], None, metadata["format"]
    size = (side, side, 3)
    try:
        with silenced_stderr():
            if form == "keras" and (folder / MODEL_PLACES["tflite"]).is_file():
                form, load_trained = "tflite", functools.partial(_load_trained, path)
                path = folder / MODEL_PLACES["tflite"]
            if form == "keras":
                trained, deployed = _load_keras(path, metadata["temperature"])
                size, run, outputs = deployed.inputs[0].shape[1:], deployed.predict_on_batch, deployed.output
                metadata["image_size"] = side = side or size[0] or 0
                load_trained = trained and (lambda: trained)
            else:
                run = RUNTIMES[form](path)
                outputs = run(np.zeros((1, *size), np.uint8))
            found = size, outputs["probabilities"].shape[1:]
    except (MpoxKerasError, ImportError):
        raise
    except Exception as error:  # Each runtime answers a damaged or hostile file with exceptions of its own.
        reason = str(error).strip().split("\n")[0].split(". ")[0] or type(error).__name__
        raise ClassifierError(f"{path} cannot be used ({reason}). Copy or make the folder again.") from None
    classes = len(metadata["classes"])
    if found != ((side, side, 3), (classes,)):
        raise ClassifierError(
            f"{path} is no network for {classes} classes and photos of {side} pixels: it takes {found[0]} and gives "
            f"{found[1]}. Name other classes, or copy or make it again."
        )
    if metadata["thresholds"] is not None and "ood_score" not in outputs:
        raise ClassifierError(
            f"{path} has no output ood_score, but {METADATA_FILE} has a threshold for it, so no photo would be refused. Make "
            "the network again with `mpox-keras fit`, or set thresholds to null."
        )
    return Classifier(metadata, run, load_trained, str(source), checksums)


def _load_trained(path):
    with silenced_stderr():
        import keras

        return keras.models.load_model(path, compile=False)


def _load_keras(path, temperature):
    """A Keras model in its training form, or None, and in its deployed form."""
    model = _load_trained(path)
    # A nested model's name would hide those of its outputs in `output_names`.
    names = list(model.output) if isinstance(model.output, dict) else model.output_names
    if "probabilities" in names:
        return None, model
    if "diagnosis" not in names:
        raise ValueError(f"it has the outputs {', '.join(names)}; expected diagnosis or probabilities")
    from mpox_keras.models.deploy import deploy

    return model, deploy(model, class_activation_map=True, temperature=temperature)
