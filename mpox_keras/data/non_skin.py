"""Pictures that show no skin, for a network to learn what to refuse."""

import functools
import os
from pathlib import Path

import numpy as np
import skimage.data
import skimage.util
import sklearn.datasets
from PIL import Image

from mpox_keras.data.decode import decode_photo, resize_photo
from mpox_keras.data.folder import DataError, walk_photos

_NAMES = (
    *("brick", "camera", "cat", "cell", "checkerboard", "clock", "coffee", "coins", "colorwheel", "grass", "gravel", "horse"),
    *("hubble_deep_field", "immunohistochemistry", "logo", "moon", "page", "retina", "rocket", "shepp_logan_phantom", "text"),
)
_MOST = 500
_SIZE = 512  # a crop of a tenth must still be as sharp as a photo


def non_skin_pictures(folder: str | os.PathLike | None = None) -> np.ndarray:
    """`carried_pictures`, a dozen of `synthetic_pictures`, and at most 500 of a folder: `(pictures, 512, 512, 3)`, uint8.

    DataError if the folder holds no pictures, PhotoError if one can't be read.
    """
    if folder is None:
        return _of_every_network()
    return np.concatenate([_of_every_network(), [resize_photo(decode_photo(path), _SIZE) for path in find_pictures(folder)]])


@functools.cache
def _of_every_network():
    return np.concatenate([carried_pictures(), synthetic_pictures(np.random.default_rng(0), 4, _SIZE)])


def find_pictures(folder: str | os.PathLike) -> list[Path]:
    """Paths of at most 500 pictures in a folder; of more, every second, third and so on. DataError if there are none."""
    paths = list(walk_photos(folder)) if Path(folder).is_dir() else []
    if not paths:
        raise DataError(f"{folder} holds no pictures. Name another folder in data.non_skin, or null.")
    return paths[:: -(-len(paths) // _MOST)]


def carried_pictures() -> np.ndarray:
    """Things, animals, textures and text that scikit-image and scikit-learn carry, no people: `(24, 512, 512, 3)`, uint8."""
    loaded = [getattr(skimage.data, name)() for name in _NAMES]
    loaded += [skimage.data.stereo_motorcycle()[0], *sklearn.datasets.load_sample_images().images]
    pictures = [Image.fromarray(skimage.util.img_as_ubyte(picture)).convert("RGB") for picture in loaded]
    return np.stack([resize_photo(np.asarray(picture), _SIZE) for picture in pictures])


def synthetic_pictures(random: np.random.Generator, each: int, size: int) -> np.ndarray:
    """Noise, plain colours, as of a covered camera, and coloured blots, each so often: `(3 * each, size, size, 3)`, uint8."""
    noise = [random.normal(random.uniform(0, 255, 3), random.uniform(5, 90), (size, size, 3)) for _ in range(each)]
    plain = [np.broadcast_to(random.uniform(0, 255, 3), (size, size, 3)) for _ in range(each)]
    cells = np.linspace(2, 21, each).round().astype(int)
    blots = [Image.fromarray(random.integers(0, 256, (count, count, 3), dtype="uint8")) for count in cells]
    blots = [np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR)) for picture in blots]
    return np.clip(np.stack([*noise, *plain, *blots]), 0, 255).astype("uint8")
