"""Photos as arrays."""

import collections
import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from mpox_keras.data.decode import decode_photo, resize_photo
from mpox_keras.data.folder import DataError, Photo
from mpox_keras.utils.classes import order_classes

if TYPE_CHECKING:
    # Predicting needs no config, nor the packages that check it.
    from mpox_keras.config import Config

_THREADS = 4


@dataclasses.dataclass(frozen=True)
class PhotoArrays:
    """Labelled photos in one order; `arrays[folds == 0]` has some of them."""

    pixels: np.ndarray  # (photos, size, size, 3), uint8, as a network is shown them to answer
    labels: np.ndarray  # (photos,), class numbers
    doubtful: np.ndarray | None = None  # (photos,), bool: whether the label may be wrong, so that it is not trained on
    larger: np.ndarray | None = None  # (photos, photo_size, photo_size, 3), uint8, to cut crops from, if not from `pixels`

    def __getitem__(self, chosen: np.ndarray) -> "PhotoArrays":
        arrays = (self.pixels, self.labels, self.doubtful, self.larger)
        return PhotoArrays(*(array if array is None else array[chosen] for array in arrays))


def load_arrays(photos: Sequence[Photo], config: "Config") -> PhotoArrays:
    """Decode photos at the sizes that a config asks for; PhotoError if one can't be read."""
    larger = config.training.photo_size
    return PhotoArrays(
        load_photos(photos, config.model.image_size),
        np.array([config.data.classes.index(photo.label) for photo in photos]),
        np.array(["doubt" in photo.metadata for photo in photos]),
        load_photos(photos, larger) if larger else None,
    )


def with_classes(config: "Config", photos: Sequence[Photo]) -> "Config":
    """A config with the classes of the photos, if it names none; DataError if one of its own has none, or all are of one."""
    found = {photo.label for photo in photos}
    classes = classes_of(config) or order_classes(found)
    if missing := [name for name in classes if name not in found]:
        raise DataError(f"there are no photos of {', '.join(missing)}. Add some, or leave the class out of data.classes.")
    if len(classes) < 2:
        raise DataError(f"all photos are of one class, {classes[0]}. Add photos of what it is to be told from.")
    return config.model_copy(update={"data": config.data.model_copy(update={"classes": classes})})


def classes_of(config: "Config") -> list[str] | None:
    """The classes that a config names, None if it names none."""
    return config.data.classes if "classes" in config.data.model_fields_set else None


def load_photos(photos: Sequence[Photo], size: int) -> np.ndarray:
    """Decode photos to `(photos, size, size, 3)`, uint8, 150 kB each at 224 pixels; PhotoError if one can't be read."""
    pixels = map_in_order(lambda photo: resize_photo(decode_photo(photo.encoded, photo.file), size), photos)
    return np.fromiter(pixels, np.dtype((np.uint8, (size, size, 3))), len(photos))


def map_in_order(function, items: Iterable) -> Iterator:
    """Like `map`, a few items ahead in threads, in constant memory however many items there are."""
    items = iter(items)
    with ThreadPoolExecutor(_THREADS) as pool:
        ahead = collections.deque(pool.submit(function, item) for item in itertools.islice(items, 2 * _THREADS))
        while ahead:
            result = ahead.popleft().result()
            ahead.extend(pool.submit(function, item) for item in itertools.islice(items, 1))
            yield result
