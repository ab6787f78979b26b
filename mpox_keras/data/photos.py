"""Encoded photos in, 8-bit RGB arrays out: the one way by which a photo enters the package."""

from __future__ import annotations

import io
import os

import numpy as np
from PIL import Image, UnidentifiedImageError

from mpox_keras.errors import MpoxKerasError, require

MAX_PIXELS = 50_000_000
"""Photos with more pixels are refused before they are decoded."""

MIN_SIDE = 8
"""Photos with fewer pixels on a side are refused."""

# Only these decoders are tried: Pillow knows dozens of formats, and some (EPS) run other programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")

_ORIENTATION_TAG = 0x0112
_TURN_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class PhotoError(MpoxKerasError, ValueError):
    """A photo that cannot be read; the message names the file and says why."""


def decode_photo(source: str | os.PathLike | bytes, name: str | None = None) -> np.ndarray:
    """Decode a PNG, JPEG, WebP, BMP, GIF or TIFF photo.

    The EXIF orientation is applied, transparent parts are laid over white, the first frame of an animation is
    taken, 16-bit samples keep their upper 8 bits, and an embedded colour profile is ignored, as by every runtime the
    models are exported to.

    Args:
        source: path of the file, its URL (`s3://bucket/arm.jpg`; anything that fsspec knows), or its content as bytes.
        name: what error messages call the photo; by default the path, or "photo" for bytes.

    Returns:
        uint8 array of shape `(height, width, 3)`, RGB, 0-255.

    Raises:
        PhotoError: the file is missing, empty, truncated, damaged, in another format, larger than `MAX_PIXELS` pixels,
            smaller than `MIN_SIDE` pixels on a side, or has 32-bit samples (their range is unknown).
        MissingExtraError: the source is a URL and fsspec is not installed.

    Example:
        >>> photo = decode_photo("Monkeypox/monkeypox1.png")
        >>> photo.shape
        (224, 224, 3)
    """
    if isinstance(source, bytes):
        name = name or "photo"
        data = source
    else:
        path = os.fspath(source)
        name = name or str(path)
        data = _read_url(path, name) if "://" in str(path) else _read_bytes(path, name)
    if not data:
        raise PhotoError(f"{name} is empty (0 bytes). Copy or download it again.")
    # Pillow's decoders answer bad input with OSError, ValueError, SyntaxError, struct.error, EOFError and more, so
    # whatever they raise means that this photo cannot be read.
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            _check_size(image.size, name)
            image.load()
            return _to_rgb_array(image, name)
    except PhotoError:
        raise
    except UnidentifiedImageError:
        raise PhotoError(f"{name} is not a readable PNG, JPEG, WebP, BMP, GIF or TIFF photo.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PhotoError(f"{name} has more than the {MAX_PIXELS:,} pixels allowed. Make it smaller.") from None
    except Exception as error:
        raise PhotoError(f"{name} cannot be decoded ({error}). Copy or download it again.") from None


def resize_photo(photo: np.ndarray, size: int) -> np.ndarray:
    """Resize the whole photo to a square, bilinear with antialiasing.

    The aspect ratio is not kept: cropping would lose lesions at the border and padding would show the network the shape
    of the frame, while training changes the aspect at random anyway.

    Args:
        photo: uint8 array of shape `(height, width, 3)`.
        size: side of the result in pixels.

    Returns:
        uint8 array of shape `(size, size, 3)`; the photo itself if it has that size already.

    Example:
        >>> resize_photo(np.zeros((480, 640, 3), "uint8"), 224).shape
        (224, 224, 3)
    """
    if photo.shape[:2] == (size, size):
        return photo
    return np.array(Image.fromarray(photo).resize((size, size), Image.Resampling.BILINEAR))


def _read_bytes(path: str | bytes, name: str) -> bytes:
    try:
        with open(path, "rb") as stream:
            return stream.read()
    except FileNotFoundError:
        raise PhotoError(f"{name} does not exist. Check the path.") from None
    except IsADirectoryError:
        raise PhotoError(f"{name} is a folder. Give the path of a photo.") from None
    except (OSError, ValueError) as error:
        raise PhotoError(f"{name} cannot be opened ({error}).") from None


def _read_url(url: str, name: str) -> bytes:
    fsspec = require("fsspec", "screen", "reading photos by URL")
    # Every kind of store has errors of its own.
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
        return filesystem.cat_file(path)
    except FileNotFoundError:
        raise PhotoError(f"{name} does not exist. Check the URL.") from None
    except Exception as error:
        raise PhotoError(f"{name} cannot be opened ({error}).") from None


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{name} has {width} x {height} pixels, more than the {MAX_PIXELS:,} pixels allowed. Make it smaller.")
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"{name} has {width} x {height} pixels; expected at least {MIN_SIDE} on each side.")


def _to_rgb_array(image: Image.Image, name: str) -> np.ndarray:
    # Read after loading: Pillow turns a TIFF while it loads and takes the tag away.
    orientation = _orientation(image)
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise PhotoError(f"{name} has 32-bit samples, whose range is unknown. Save it with 8 or 16 bits per sample.")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    if orientation in _TURN_BY_ORIENTATION:
        image = image.transpose(_TURN_BY_ORIENTATION[orientation])
    return np.array(image)


def _orientation(image: Image.Image) -> int | None:
    try:
        return image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # Damaged EXIF data says nothing about the pixels; the photo is shown as it is stored.
        return None
