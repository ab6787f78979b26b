"""Encoded photos in, 8-bit RGB arrays out: the one way by which a photo enters the package."""

import contextlib
import io
import logging
import os
import re
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from mpox_keras.utils.errors import MpoxKerasError, require
from mpox_keras.utils.stderr import silenced_stderr

MAX_PIXELS = 50_000_000  # Photos with more are refused before they are decoded,
MIN_SIDE = 8  # and those with fewer on a side.

# What is wrong with a file is in the error; Pillow's log would be printed beside it.
logging.getLogger("PIL.TiffImagePlugin").setLevel(logging.CRITICAL)

# Only these decoders are tried: Pillow knows dozens of formats, and some (EPS) run other programs.
_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "AVIF")

# What a file may have Pillow do. Each is far more than photos need; without them a file of a few kilobytes could take minutes
# and all memory: a TIFF directory or EXIF block that names the same bytes thousands of times, a GIF comment in pieces that are
# joined one by one, a JPEG of thousands of empty scans.
_HEADER_READS = 4_000
_PIXEL_READS = 1_000_000
_READS_OF_EACH_BYTE = 8
_EXIF_BYTES = 65_536
_JPEG_SCANS = 100
_JPEG_MARKER = re.compile(rb"\xff[\x02-\xcf\xd9-\xfe]")  # those before a segment, and that of the end

_HEIC = re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)

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
    """Decode a PNG, JPEG, WebP, BMP, GIF, TIFF or AVIF photo, or with the extra `heic` a HEIC photo.

    The EXIF orientation is applied, transparent parts are laid over white, the first frame of an animation is taken, 16-bit
    samples keep their upper 8 bits, and a colour profile is ignored, as by every runtime the models are exported to.

    Args:
        source: path of the file, its URL (`s3://bucket/arm.jpg`; anything that fsspec knows), or its content as bytes.
        name: what error messages call the photo; by default the path, or "photo" for bytes.

    Returns:
        uint8 array of shape `(height, width, 3)`, RGB, 0-255.

    Raises:
        PhotoError: the file is missing, damaged, in another format, too large or small (`MAX_PIXELS`, `MIN_SIDE`), has 32-bit
            samples (of unknown range), or is made so that reading it could take minutes.
        MissingExtraError: the source is a URL that is not `http` or `https`, and fsspec is not installed.

    Example:
        >>> photo = decode_photo("Monkeypox/monkeypox1.png")
        >>> photo.shape
        (224, 224, 3)
    """
    name = name or ("photo" if isinstance(source, bytes) else str(source))
    data = source if isinstance(source, bytes) else _read(source, name)
    if not data:
        raise PhotoError(f"{name} is empty (0 bytes). Copy or download it again.")
    # Pillow's decoders answer bad input with OSError, ValueError, SyntaxError, struct.error, EOFError and more, so
    # whatever they raise means that this photo cannot be read.
    try:
        stream = _RationedBytes(data, name)
        with Image.open(stream, formats=_heic_formats(name) if _HEIC.match(data) else _FORMATS) as image:
            _check_image(image, data, name)
            stream.reads_left = _PIXEL_READS
            # The library under Pillow's TIFF decoder prints what it dislikes.
            with silenced_stderr() if image.format == "TIFF" else contextlib.nullcontext():
                image.load()
            return _to_rgb_array(image, name)
    except PhotoError:
        raise
    except UnidentifiedImageError:
        raise PhotoError(f"{name} is not a readable PNG, JPEG, WebP, BMP, GIF, TIFF, AVIF or HEIC photo.") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise PhotoError(f"{name} has more than the {MAX_PIXELS:,} pixels allowed. Make it smaller.") from None
    except Exception as error:
        raise PhotoError(f"{name} cannot be decoded ({error}). Copy or download it again.") from None


Picture = str | os.PathLike | bytes | Image.Image | np.ndarray | BinaryIO
"""A photo as callers have it: its path, URL or content, a file that is open for reading, or a decoded picture."""


def read_photo(photo: Picture) -> np.ndarray:
    """The pixels of a photo, `(height, width, 3)`, uint8, however it is given.

    Raises:
        PhotoError: as `decode_photo`.
        TypeError: it is none of `Picture`, or an array of another shape or type than `(height, width, 3)`, uint8.

    Example:
        >>> read_photo(np.zeros((480, 640, 3), "uint8")).shape
        (480, 640, 3)
    """
    if isinstance(photo, np.ndarray):
        if photo.ndim != 3 or photo.shape[2] != 3 or photo.dtype != np.uint8:
            raise TypeError(f"an array must be (height, width, 3) of uint8, 0 to 255; got {photo.shape} of {photo.dtype}.")
        return photo
    if isinstance(photo, Image.Image):
        return _to_rgb_array(photo, "the picture")
    if hasattr(photo, "read"):
        photo = photo.read()
    if not isinstance(photo, str | os.PathLike | bytes):
        raise TypeError(
            f"a photo is a path, bytes, an open file, a PIL image or an array (height, width, 3); got {type(photo).__name__}."
        )
    return decode_photo(photo)


def resize_photo(photo: np.ndarray, size: int) -> np.ndarray:
    """Resize the whole photo, `(height, width, 3)` uint8, to `(size, size, 3)`, bilinear with antialiasing.

    The aspect ratio is not kept: cropping would lose lesions at the border and padding would show the network the shape
    of the frame, while training changes the aspect at random anyway. A photo of that size already is returned itself.

    Example:
        >>> resize_photo(np.zeros((480, 640, 3), "uint8"), 224).shape
        (224, 224, 3)
    """
    if photo.shape[:2] == (size, size):
        return photo
    # One side after the other: Pillow 12 resizes the width first, as the web app does; Pillow 13 begins with what costs less.
    narrow = Image.fromarray(photo).resize((size, photo.shape[0]), Image.Resampling.BILINEAR)
    return np.array(narrow.resize((size, size), Image.Resampling.BILINEAR))


def _read(path: str | os.PathLike, name: str) -> bytes:
    kind = "URL" if "://" in str(path) else "path"
    try:
        if str(path).startswith(("http://", "https://")):
            import urllib.request  # takes a while, and few need it

            with urllib.request.urlopen(str(path), timeout=60) as answer:
                return answer.read()
        if kind == "URL":
            filesystem, key = require("fsspec", "screen", "reading photos by URL").core.url_to_fs(path)
            return filesystem.cat_file(key)
        with open(path, "rb") as stream:
            return stream.read()
    except MpoxKerasError:
        raise
    except FileNotFoundError:
        raise PhotoError(f"{name} does not exist. Check the {kind}.") from None
    except IsADirectoryError:
        raise PhotoError(f"{name} is a folder. Give the {kind} of a photo.") from None
    except Exception as error:  # Every kind of store has errors of its own.
        raise PhotoError(f"{name} cannot be opened ({error}).") from None


def _heic_formats(name: str) -> tuple[str, ...]:
    """Those with which Pillow opens a HEIC photo, as iPhones make them."""
    try:
        import pillow_heif
    except ImportError:
        raise PhotoError(
            f'{name} is a HEIC photo. To read such: pip install "mpox-keras[heic]". Or save it as JPEG; on an iPhone, choose '
            "Settings, Camera, Formats, Most Compatible."
        ) from None
    pillow_heif.register_heif_opener()
    return ("HEIF",)


def _check_image(image: Image.Image, data: bytes, name: str) -> None:
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise PhotoError(f"{name} has {width} x {height} pixels, more than the {MAX_PIXELS:,} pixels allowed. Make it smaller.")
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"{name} has {width} x {height} pixels; expected at least {MIN_SIDE} on each side.")
    if image.format == "BMP" and image.tile[0][0] == "bmp_rle":
        # Decoded by Python byte by byte; one of a hundred bytes takes seconds and gigabytes.
        raise PhotoError(f"{name} is a run-length encoded BMP, which is not read. Save it as PNG.")
    if image.format in ("JPEG", "MPO") and _has_too_many_scans(data):
        raise PhotoError(f"{name} has more than {_JPEG_SCANS} JPEG scans, which no camera makes. Save it anew.")


class _RationedBytes(io.BytesIO):
    """A photo's content, which can be read only as often as photos need."""

    def __init__(self, data: bytes, name: str):
        super().__init__(data)
        self._name = name
        self.reads_left = _HEADER_READS
        # Small files may be read a few times more.
        self._bytes_left = _READS_OF_EACH_BYTE * (len(data) + 65_536)
        self._exif_left = _EXIF_BYTES

    def read(self, size: int | None = -1) -> bytes:
        content = super().read(size)
        self.reads_left -= 1
        self._bytes_left -= len(content)
        # Pillow joins such segments of a JPEG and reads them while it opens the file.
        if content.startswith(b"Exif\0\0"):
            self._exif_left -= len(content)
        if min(self.reads_left, self._bytes_left, self._exif_left) < 0:
            raise _too_much_metadata(self._name)
        return content


def _too_much_metadata(name):
    return PhotoError(f"{name} has more metadata than can be read safely. Save it without metadata.")


def _has_too_many_scans(data: bytes) -> bool:
    """Of the first picture alone: phones put thumbnails into the file and videos behind it, with any bytes in them."""
    place = scans = 0
    while scans <= _JPEG_SCANS and (found := _JPEG_MARKER.search(data, place)):
        marker = data[found.start() + 1]
        if marker == 0xD9:
            return False
        scans += marker == 0xDA
        place = found.end() + int.from_bytes(data[found.end() : found.end() + 2])
    return scans > _JPEG_SCANS


def _to_rgb_array(image: Image.Image, name: str) -> np.ndarray:
    # Read after loading: Pillow turns a TIFF while it loads and takes the tag away.
    turn = _turn(image, name)
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise PhotoError(f"{name} has 32-bit samples, whose range is unknown. Save it with 8 or 16 bits per sample.")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    image = image.convert("RGB")
    return np.array(image if turn is None else image.transpose(turn))


def _turn(image: Image.Image, name: str) -> Image.Transpose | None:
    exif, exif_in_hexadecimal = image.info.get("exif") or b"", image.info.get("Raw profile type exif") or ""
    if max(len(exif), len(exif_in_hexadecimal) // 2) > _EXIF_BYTES:
        raise _too_much_metadata(name)
    try:
        return _TURN_BY_ORIENTATION.get(image.getexif().get(ExifTags.Base.Orientation))
    except Exception:  # Damaged EXIF data says nothing about the pixels; the photo is shown as it is stored.
        return None
