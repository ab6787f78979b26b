"""Golden photos: drawn skin and other pictures, in every form in which a browser may read a photo otherwise than Python."""

import io

import numpy as np
import skimage.data
from PIL import Image, ImageCms

from mpox_keras.data.synthetic import draw_scene


def encoded(picture, format="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, format, **options)
    return stream.getvalue()


def skin(label="measles", seed=1, size=(640, 480)):
    return draw_scene(label, np.random.default_rng(seed)).resize(size, Image.Resampling.BICUBIC)


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def with_profile():
    """A photo whose colour profile, if it were followed, would change every sample."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    return encoded(skin("mpox", 7), "JPEG", quality=90, icc_profile=profile.tobytes())


GOLDEN = {
    "png.png": lambda: encoded(skin()),
    "jpeg.jpg": lambda: encoded(skin("chickenpox", 2), "JPEG", quality=85),
    "full chroma.jpg": lambda: encoded(skin("mpox", 3), "JPEG", quality=95, subsampling=0),
    "turned 6.jpg": lambda: encoded(skin("mpox", 4), "JPEG", exif=turned(6)),
    "mirrored 5.jpg": lambda: encoded(skin("mpox", 4), "JPEG", exif=turned(5)),
    "progressive.jpg": lambda: encoded(skin("mpox", 5, (1600, 1200)), "JPEG", progressive=True),
    "twelve megapixels.jpg": lambda: encoded(skin("measles", 6, (4000, 3000)), "JPEG"),
    "small.png": lambda: encoded(skin("normal", 8, (60, 90))),
    "grey.png": lambda: encoded(skin("mpox", 9).convert("L")),
    "webp.webp": lambda: encoded(skin("mpox", 10), "WEBP", lossless=True),
    "profile.jpg": with_profile,
    "cat.jpg": lambda: encoded(Image.fromarray(skimage.data.cat()), "JPEG", quality=92),
    "coffee.png": lambda: encoded(Image.fromarray(skimage.data.coffee())),
    "noise.png": lambda: encoded(Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 700, 3), "uint8"))),
}
