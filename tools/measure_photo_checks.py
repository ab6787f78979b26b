"""Measure of how many photos the web app complains: photos as they are, blurred, darkened and brightened; and by skin tone.

    python tools/measure_photo_checks.py --data MSID --skin SKIN

SKIN holds a folder `train` of photos and `photos.csv`, with the columns file, pool and source. The tone is told from the skin's
pixels, by the individual typology angle; so a photo of light skin that is dark counts as one of dark skin. Dermoscopic photos,
and those with little that looks like skin, are left out.

Writes configs/results/photo_checks.json. Needs Node, which runs the page's own module.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageFilter

from mpox_keras.data.folder import Photo, read_table
from mpox_keras.data.loading import load_photos
from mpox_keras.data.sources import read_grouped_photos
from mpox_keras.inference.classifier import DEFAULT_PRESET
from mpox_keras.inference.metadata import read_metadata
from mpox_keras.utils.classes import CLASSES
from mpox_keras.utils.files import PRESETS_FOLDER, write_json

ROOT = Path(__file__).parent.parent
SIZE = read_metadata(PRESETS_FOLDER / DEFAULT_PRESET)["image_size"]  # what the page gives to the check

# Standard input holds photos one after another; prints the reasons of each.
SCRIPT = """
const [, , module, size] = process.argv;
const { inspect, THRESHOLDS } = await import(module);
const chunks = [];
for await (const chunk of process.stdin) chunks.push(chunk);
const pixels = new Uint8Array(Buffer.concat(chunks));
const length = size * size * 3;
const starts = Array.from({ length: pixels.length / length }, (_, index) => index * length);
const reasons = starts.map((start) => inspect(pixels.subarray(start, start + length), +size, +size).reasons);
console.log(JSON.stringify({ thresholds: THRESHOLDS, reasons }));
"""

CHANGES = {
    "as they are": lambda photo: photo,
    "blurred, radius 1 pixel": lambda photo: _blurred(photo, 1),
    "blurred, radius 2 pixels": lambda photo: _blurred(photo, 2),
    "blurred, radius 3 pixels": lambda photo: _blurred(photo, 3),
    "half the light": lambda photo: (photo * 0.5).astype("uint8"),
    "a quarter of the light": lambda photo: (photo * 0.25).astype("uint8"),
    "twice the light": lambda photo: np.clip(photo * 2.0, 0, 255).astype("uint8"),
}

LIGHT = ("as they are", "half the light", "a quarter of the light")
KINDS = ("too_dark", "too_bright", "too_blurred")
# Individual typology angle in degrees, from this on: Chardon et al. 1991, with the brown of Del Bino et al. 2006.
TONES = {"very light": 55, "light": 41, "intermediate": 28, "tan": 10, "brown": -30, "dark": -90}
_LEAST_SKIN = 0.2
_DERMOSCOPY = {"ham10000"}


@click.command()
@click.option("--data", required=True, help="MSID with audit.csv.")
@click.option("--skin", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="SKIN.")
def main(data, skin):
    """Write configs/results/photo_checks.json."""
    photos = load_photos(read_grouped_photos(data, CLASSES), SIZE)
    results = {"photos": len(photos), "size": SIZE, "thresholds": inspect(photos[:1])["thresholds"]}
    results |= {name: rates(photos, change) for name, change in CHANGES.items()}
    photos = np.concatenate([photos, load_photos(read_training_photos(skin), SIZE)])
    tones = np.array([tone(photo) for photo in photos])
    results["tones"] = {}
    for name in TONES:
        group = photos[tones == name]
        results["tones"][name] = {"photos": len(group)} | {change: rates(group, CHANGES[change]) for change in LIGHT}
    write_json(ROOT / "configs" / "results" / "photo_checks.json", results)
    click.echo(json.dumps(results, indent=2))


def read_training_photos(skin):
    """The photos of the pool `train`, but for dermoscopy."""
    rows = read_table(skin / "photos.csv", "pool", "source").values()
    files = [row["file"] for row in rows if row["pool"] == "train" and row["source"] not in _DERMOSCOPY]
    return [Photo(file, skin / "train" / file, label="", group="") for file in files]


def tone(photo):
    """The group of TONES that the skin of a photo belongs to; None where little looks like skin."""
    pixels = photo.reshape(-1, 3).astype(float)
    total = pixels.sum(axis=1) + 1e-6
    red, green = pixels[:, 0] / total, pixels[:, 1] / total
    # By the hue alone, so that no tone is left out.
    skin = pixels[(red > 0.35) & (red < 0.6) & (green > 0.24) & (green < 0.36)]
    if len(skin) < _LEAST_SKIN * len(pixels):
        return None
    lightness, yellow = np.median(lightness_and_yellow(skin), axis=1)
    angle = np.degrees(np.arctan2(lightness - 50, yellow))
    return next((name for name, least in TONES.items() if angle >= least), None)


def lightness_and_yellow(pixels):
    """CIELAB's L* and b* of sRGB pixels, `(pixels, 3)`, for the white D65."""
    values = pixels / 255
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    y = linear @ [0.2126, 0.7152, 0.0722]
    z = linear @ [0.0193, 0.1192, 0.9505] / 1.089
    y, z = (np.where(value > 0.008856, np.cbrt(value), 7.787 * value + 16 / 116) for value in (y, z))
    return np.stack([116 * y - 16, 200 * (y - z)])


def rates(photos, change):
    """The share of photos that the page complains of, by kind, once they are changed."""
    reasons = inspect(np.stack([change(photo) for photo in photos]))["reasons"]
    return {kind: np.mean([kind in found for found in reasons]) for kind in KINDS}


def inspect(photos):
    """What the page's module says of photos, `(photos, SIZE, SIZE, 3)`."""
    module = ROOT / "mpox_keras" / "web" / "app" / "checks.js"
    command = ["node", "--input-type=module", "--eval", SCRIPT, "-", str(module), str(SIZE)]
    return json.loads(subprocess.run(command, input=photos.tobytes(), capture_output=True, check=True).stdout)


def _blurred(photo, radius):
    return np.array(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(radius)))


if __name__ == "__main__":
    main()
