"""Measure of how many photos the web app complains: photos as they are, blurred, darkened and brightened.

    python tools/measure_photo_checks.py --data MSID

Writes configs/results/photo_checks.json. Needs Node, which runs the page's own module.
"""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageFilter

from mpox_keras.data.loading import load_photos
from mpox_keras.data.sources import read_grouped_photos
from mpox_keras.inference.classifier import DEFAULT_PRESET
from mpox_keras.inference.metadata import read_metadata
from mpox_keras.utils.classes import CLASSES
from mpox_keras.utils.files import PRESETS_FOLDER, replacing

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
    "a quarter of the light": lambda photo: (photo * 0.25).astype("uint8"),
    "twice the light": lambda photo: np.clip(photo * 2.0, 0, 255).astype("uint8"),
}


@click.command()
@click.option("--data", required=True, help="MSID with audit.csv.")
def main(data):
    """Write configs/results/photo_checks.json."""
    photos = load_photos(read_grouped_photos(data, CLASSES), SIZE)
    results = {"photos": len(photos), "size": SIZE}
    for name, change in CHANGES.items():
        answer = inspect(np.stack([change(photo) for photo in photos]))
        results["thresholds"] = answer["thresholds"]
        kinds = ("too_dark", "too_bright", "too_blurred")
        results[name] = {kind: np.mean([kind in reasons for reasons in answer["reasons"]]) for kind in kinds}
    with replacing(ROOT / "configs" / "results" / "photo_checks.json") as temporary:
        temporary.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps(results, indent=2))


def inspect(photos):
    """What the page's module says of photos, `(photos, SIZE, SIZE, 3)`."""
    module = ROOT / "mpox_keras" / "web" / "app" / "checks.js"
    command = ["node", "--input-type=module", "--eval", SCRIPT, "-", str(module), str(SIZE)]
    return json.loads(subprocess.run(command, input=photos.tobytes(), capture_output=True, check=True).stdout)


def _blurred(photo, radius):
    return np.array(Image.fromarray(photo).filter(ImageFilter.GaussianBlur(radius)))


if __name__ == "__main__":
    main()
