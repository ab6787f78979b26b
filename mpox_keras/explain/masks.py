"""Heat maps against lesions that people have outlined."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from mpox_keras.data.decode import decode_photo
from mpox_keras.data.folder import PHOTO_SUFFIXES
from mpox_keras.utils.errors import MpoxKerasError


class MaskError(MpoxKerasError, ValueError):
    """A lesion mask is of no use; the message names the file and says why."""


def find_mask(folder: str | os.PathLike, file: str) -> Path | None:
    """The mask of a photo, or None: the file of the same path, relative to the folder of the photos, whatever its suffix.

    MaskError if the folder is missing, or several files could be meant.

    Example:
        >>> find_mask("masks", "mpox/arm.jpg")
        PosixPath('masks/mpox/arm.png')
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise MaskError(f"{folder} is not a folder. Expected masks at the same relative paths as the photos.")
    place = folder / file
    if place.is_file():
        return place
    found = sorted(path for path in place.parent.glob("*") if path.stem == place.stem and path.suffix.lower() in PHOTO_SUFFIXES)
    if len(found) > 1:
        raise MaskError(f"{', '.join(map(str, found))} could each be the mask of {file}. Keep one of them.")
    return found[0] if found else None


def read_mask(path: str | os.PathLike, shape: tuple[int, int], size: int) -> np.ndarray:
    """A lesion mask at the size in which the network sees the photo: bool `(size, size)`, true on lesions.

    What is not black is lesion; in JPEG and WebP, which smear edges, what is brighter than half. The mask must fit the photo
    as viewers show it, with its EXIF turn applied (`shape`: height and width); it may be smaller or larger. A pixel of the
    result is lesion where at least half of it is, or, if the lesions are too small for that, where any of it is.

    Raises:
        MaskError: the mask marks nothing or everything, or has other proportions than the photo.
        PhotoError: it can't be read.

    Example:
        >>> mask = read_mask("masks/mpox/arm.png", decode_photo("photos/mpox/arm.jpg").shape[:2], 224)
    """
    marked = decode_photo(path).max(axis=-1)
    lesion = marked > (127 if Path(path).suffix.lower() in (".jpg", ".jpeg", ".webp") else 0)
    (height, width), (mask_height, mask_width) = shape, lesion.shape
    # Resizing may have rounded a side by a pixel.
    if min(abs(mask_width - width * mask_height / height), abs(mask_height - height * mask_width / width)) > 1:
        raise MaskError(
            f"{path} has {mask_width} x {mask_height} pixels, its photo {width} x {height}, as it is shown. Expected the same "
            "proportions: save the mask for the photo as viewers show it, turned and uncropped."
        )
    if not lesion.any():
        raise MaskError(f"{path} marks no lesion; expected values other than 0 on lesions. Remove it if the photo shows none.")
    if lesion.all():
        raise MaskError(f"{path} marks the whole photo; expected 0, black and not transparent, where there is no lesion.")
    share = np.asarray(Image.fromarray(lesion.astype("float32")).resize((size, size), Image.Resampling.BOX))
    return share >= 0.5 if (share >= 0.5).any() else share > 0


def pointing_game(heat: np.ndarray, mask: np.ndarray) -> float:
    """Whether the hottest place of a heat map lies on a lesion (Zhang et al. 2016, arXiv 1608.00507, section 4.1).

    Heat, 0 or more, and mask, bool and true on lesions, are `(height, width)`. There is no margin around the lesion. Where many
    places are equally hot, the result is the share of these on lesions; it is 0 for a map that is zero everywhere. A random
    map reaches the lesions' share of the photo.

    Example:
        >>> pointing_game(np.array([[0.2, 1.0]]), np.array([[False, True]]))
        1.0
    """
    return energy_in_lesion((heat == heat.max()) & (heat > 0), mask)


def energy_in_lesion(heat: np.ndarray, mask: np.ndarray) -> float:
    """How much of a heat map's sum lies on lesions: the energy-based pointing game (Wang et al. 2020, arXiv 1910.01279, 4.3).

    Arguments and extremes are those of `pointing_game`.

    Example:
        >>> energy_in_lesion(np.array([[0.5, 1.5]]), np.array([[False, True]]))
        0.75
    """
    return float(heat[mask].sum() / heat.sum()) if heat.any() else 0.0
