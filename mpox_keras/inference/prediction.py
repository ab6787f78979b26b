"""What a trained network says of photos, however it is run. Nothing here needs TensorFlow."""

from __future__ import annotations

import abc
import dataclasses
import itertools
import os
from collections.abc import Iterable, Iterator

import numpy as np

from mpox_keras.data.decode import PhotoError, decode_photo, resize_photo
from mpox_keras.data.loading import map_in_order

NOT_SURE = "not sure"
DISCLAIMER = "Screening aid for research, not a diagnosis."


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a classifier says of one photo. A screening aid for research, not a diagnosis.

    Attributes:
        file: the photo's path, or the name given to it.
        label: class with the largest probability; None if the photo could not be read.
        probabilities: class name -> calibrated probability, 0 to 1.
        ood_score: how much the photo looks like one of anything but skin, 0 to 1.
        mpox_suspected: whether p(mpox) reaches the operating point, which is set for recall and lies well under one half.
        abstention_reason: why `answer` is "not sure": "out_of_distribution" (unlike the training photos, perhaps no skin at all), "uncertain" (no
            probability is large enough), or None.
        error: why the photo could not be read, else None.
    """

    file: str
    label: str | None
    probabilities: dict[str, float]
    ood_score: float | None = None
    mpox_suspected: bool | None = None
    abstention_reason: str | None = None
    error: str | None = None

    @property
    def answer(self) -> str | None:
        """The label, or "not sure"."""
        return NOT_SURE if self.abstention_reason else self.label


class Predictor(abc.ABC):
    """A trained network with its metadata: photos in, predictions out.

    Args:
        metadata: what `metadata.json` holds: `classes`, `image_size`, `temperature`, `thresholds` (of `mpox`, `confidence`
            and `ood_score`; None for a network that always answers), and where the network comes from.
    """

    def __init__(self, metadata: dict):
        self.metadata = metadata
        self.classes = tuple(metadata["classes"])
        self.image_size = metadata["image_size"]

    @abc.abstractmethod
    def predict_pixels(self, pixels: np.ndarray) -> dict[str, np.ndarray]:
        """Outputs for a batch of decoded photos.

        Args:
            pixels: `(photos, image_size, image_size, 3)`, 0 to 255.

        Returns:
            `probabilities`, `(photos, classes)`, calibrated; `class_activation_map`, `(photos, image_size / 32,
            image_size / 32, classes)`; and, unless the network is of a script that left it out, `ood_score`,
            `(photos, 1)`; all float32. See `mpox_keras.deploy`.
        """

    def decide(self, file: str, probabilities: np.ndarray, ood_score: float | None) -> Prediction:
        """The prediction that goes with a network's outputs for one photo.

        Args:
            file: what the photo is called.
            probabilities: `(classes,)`, calibrated.
            ood_score: 0 to 1, or None where the network has no such output.
        """
        named = {name: float(value) for name, value in zip(self.classes, probabilities, strict=True)}
        label = self.classes[int(np.argmax(probabilities))]
        thresholds = self.metadata["thresholds"]
        if thresholds is None:
            return Prediction(file, label, named, ood_score)
        abstention_reason = None
        if ood_score > thresholds["ood_score"]:
            abstention_reason = "out_of_distribution"
        elif named[label] < thresholds["confidence"]:
            abstention_reason = "uncertain"
        return Prediction(file, label, named, ood_score, named["mpox"] >= thresholds["mpox"], abstention_reason)

    def predict(self, photos: Iterable[str | os.PathLike | bytes], batch_size: int = 32) -> Iterator[Prediction]:
        """Predict photos, in order and in constant memory however many there are.

        A photo that can't be read gives a prediction with its `error`, and the others go on.

        Args:
            photos: paths, or encoded photos as bytes.
            batch_size: photos per step.

        Returns:
            One prediction per photo.
        """
        return (prediction for prediction, _ in self.predict_and_show(photos, batch_size))

    def predict_and_show(
        self, photos: Iterable[str | os.PathLike | bytes], batch_size: int = 32
    ) -> Iterator[tuple[Prediction, np.ndarray | None]]:
        """Like `predict`, and shows what the network saw of each photo.

        Returns:
            One prediction per photo, with uint8 `(image_size, image_size, 3)`, or None if the photo could not be read.
        """
        loaded = map_in_order(self._load, photos)
        while batch := list(itertools.islice(loaded, batch_size)):
            pixels = [pixels for _, pixels, _ in batch if pixels is not None]
            rows = iter(self._decidable(np.stack(pixels)) if pixels else ())
            for file, decoded, error in batch:
                if decoded is None:
                    yield Prediction(file, None, {}, error=error), None
                else:
                    yield self.decide(file, *next(rows)), decoded

    def _decidable(self, pixels):
        outputs = self.predict_pixels(pixels)
        ood_score = outputs["ood_score"][:, 0].tolist() if "ood_score" in outputs else [None] * len(pixels)
        return zip(outputs["probabilities"], ood_score, strict=True)

    def _load(self, photo):
        file = "photo" if isinstance(photo, bytes) else os.fspath(photo)
        try:
            return file, resize_photo(decode_photo(photo), self.image_size), None
        except PhotoError as error:
            return file, None, str(error)
