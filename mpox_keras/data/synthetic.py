"""Drawn pictures of rashes, for trying the package out where there are no photos.

They show nothing that a clinician would call a rash, and a network trained on them knows nothing of skin.
"""

from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from mpox_keras.utils.classes import CLASSES, MPOX
from mpox_keras.utils.files import replacing, write_table

_SKIN_TONES = np.array([[240, 205, 180], [222, 175, 140], [190, 135, 100], [140, 92, 66], [96, 62, 46]])
_SIZE = 224


def write_synthetic_photos(directory: str | Path, scenes_per_class: int = 30, seed: int = 0) -> None:
    """Write a folder for each of `CLASSES` with two views of every scene, and `groups.csv` and `metadata.csv`.

    Example:
        >>> write_synthetic_photos("synthetic")  # 240 pictures in synthetic/mpox, synthetic/chickenpox, ...
    """
    directory = Path(directory)
    random = np.random.default_rng(seed)
    rows = []
    for label in CLASSES:
        for scene in range(scenes_per_class):
            picture = draw_scene(label, random)
            group = f"{label}_{scene:03d}"
            for view, image in enumerate((picture, _second_view(picture, random))):
                file = f"{label}/{group}_{view}.png"
                with replacing(directory / file) as temporary:
                    image.save(temporary)
                rows.append((file, label, group))
    write_table(directory / "groups.csv", ("file", "label", "group"), rows)
    metadata = ((file, group, "synthetic") for file, _, group in rows)
    write_table(directory / "metadata.csv", ("file", "patient", "source"), metadata)


def draw_scene(label: str, random: np.random.Generator) -> Image.Image:
    """Draw one picture, 224 pixels square: skin of any tone, and what stands for the class.

    Measles: many flat red blotches that run together. Chickenpox: small blisters of different age. Mpox: a few large
    raised spots of the same age with a dent in the middle. Normal: a mole or two.
    """
    tone = _SKIN_TONES[random.integers(len(_SKIN_TONES))] * random.uniform(0.92, 1.06)
    shade = _smooth_noise(random, 4)[..., None] * 14 + _smooth_noise(random, 56)[..., None] * 5
    light = np.linspace(*random.uniform(-18, 18, 2), _SIZE)[:, None, None]
    skin = tone + shade + light + random.normal(0, 2.5, (_SIZE, _SIZE, 1))
    # Redness shows less on dark skin, where rashes look darker or purple.
    red = np.array([200, 60, 60]) * 0.55 + tone * 0.35
    if label == "measles":
        blotches = np.clip((_smooth_noise(random, 12) + _smooth_noise(random, 24) * 0.7 - 0.35) * 2.2, 0, 1)
        skin = skin + (red - skin) * (0.6 * blotches)[..., None]
    elif label == "chickenpox":
        for _ in range(random.integers(14, 26)):
            radius = random.uniform(3, 8)
            distance = _distance(random)
            skin = _draw_spot(skin, red, 0.8, distance, radius * 1.7, 3)
            content = tone * 0.4 + 140 if random.random() < 0.6 else np.array([90, 45, 35])
            skin = _draw_spot(skin, content, 0.8, distance, radius * 0.8, 1.5)
    elif label == MPOX:
        for _ in range(random.integers(4, 9)):
            radius = random.uniform(11, 19)
            distance = _distance(random)
            skin = _draw_spot(skin, red, 0.65, distance, radius * 1.25, 5)
            skin = _draw_spot(skin, tone * 0.45 + 130, 0.9, distance, radius * 0.85, 3)
            skin = _draw_spot(skin, np.array([110, 60, 50]), 0.85, distance, radius * 0.28, 2)
    else:
        for _ in range(random.integers(0, 3)):
            skin = _draw_spot(skin, tone * 0.45, 0.9, _distance(random), random.uniform(2, 4), 1.2)
    image = Image.fromarray(np.clip(skin, 0, 255).astype("uint8"))
    return image.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.0)))


def _smooth_noise(random, cells):
    noise = Image.fromarray(random.normal(size=(cells, cells)).astype("float32"))
    return np.asarray(noise.resize((_SIZE, _SIZE), Image.Resampling.BICUBIC))


def _distance(random):
    """Distance of every pixel from a random centre, of a slightly stretched and dented disc."""
    top, left = random.uniform(0.06 * _SIZE, 0.94 * _SIZE, 2)
    rows, columns = np.mgrid[:_SIZE, :_SIZE]
    dents = 1 + 0.12 * _smooth_noise(random, 14)
    return np.hypot((rows - top) * random.uniform(0.85, 1.15), columns - left) * dents


def _draw_spot(skin, colour, share, distance, radius, softness):
    disc = 1 / (1 + np.exp(np.clip((distance - radius) / softness, -30, 30)))
    return skin + (colour - skin) * (share * disc)[..., None]


def _second_view(picture, random):
    """The same scene again, nearer and mirrored, as the photos of one patient often are."""
    margin = int(random.integers(8, 30))
    box = (margin, margin // 2, _SIZE - margin // 2, _SIZE - margin)
    return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).resize((_SIZE, _SIZE), Image.Resampling.BICUBIC, box)
