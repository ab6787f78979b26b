"""Made-up photos with texture at every size, as keypoints need it."""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def make_scene(seed, side=224):
    """Smooth noise of several sizes with spots on it: `(side, side, 3)` uint8, different for every seed."""
    generator = np.random.default_rng(seed)
    photo = np.zeros((side, side, 3), np.float32)
    for cells in (6, 14, 30, 60):
        noise = Image.fromarray(generator.integers(0, 256, (cells, cells, 3), dtype=np.uint8))
        photo += np.asarray(noise.resize((side, side), Image.Resampling.BICUBIC), np.float32) / 4
    image = Image.fromarray(photo.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(25):
        x, y = generator.integers(0, side, 2).tolist()
        width, height = generator.integers(6, 26, 2).tolist()
        draw.ellipse((x, y, x + width, y + height), fill=tuple(generator.integers(0, 256, 3).tolist()))
    return np.array(image.filter(ImageFilter.GaussianBlur(1)))


def recode(photo, quality):
    """The photo after JPEG encoding."""
    stream = io.BytesIO()
    Image.fromarray(photo).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))
