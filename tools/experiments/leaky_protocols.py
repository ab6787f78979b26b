"""What the usual protocols hide: the runs of `configs/experiments/leaky_protocols.yaml`.

    python tools/experiments/leaky_protocols.py --data MSID --external EXTERNAL --out runs/leaky_protocols [NAME...]

`stratified` ignores scenes and keeps duplicates in. `copies` also makes nine augmented copies of every photo before the split,
so that a photo that is evaluated has seven copies of itself in training on average, and augments no further.
"""

from __future__ import annotations

import click
import numpy as np
from experiment import command, cross_validate_runs
from PIL import Image

from mpox_keras.data.augmentation import augment, augmentation_layers
from mpox_keras.data.folder import find_photos
from mpox_keras.data.loading import load_photos
from mpox_keras.utils.files import replacing_folder


def write_copies(photos, folder, config, copies):
    """Write photos and augmented copies of each into class folders, once."""
    if folder.is_dir():
        return
    size, targets = config.model.image_size, np.zeros((len(photos), 1), "float32")
    pixels = load_photos(photos, size)
    layers = augmentation_layers(config.augmentation, size)
    with replacing_folder(folder) as temporary:
        for label in config.data.classes:
            (temporary / label).mkdir()
        for copy in range(copies + 1):
            for start in range(0, len(photos), 64):
                part = slice(start, start + 64)
                shown = augment(layers if copy else [], pixels[part], targets[part], config.seed + copy, start)[0].numpy()
                for number, (photo, changed) in enumerate(zip(photos[part], shown, strict=True), start):
                    picture = Image.fromarray(np.clip(np.round(changed), 0, 255).astype("uint8"))
                    picture.save(temporary / photo.label / f"{number:05d}_{copy}.png")


@command("leaky_protocols")
@click.option("--copies", default=9, show_default=True, help="Of each photo, made before the split.")
def main(copies, **options):
    """Cross-validate with folds that leak."""

    def prepare(run, config, photos, folder):
        if run["split"] == "grouped":
            return photos, {}
        photos = find_photos(options["data"], config.data.classes)
        if run["split"] == "stratified":
            return photos, {"protocol": "groups ignored and duplicates left in, augmentation of the training part only"}
        written = folder.with_name(f"{folder.name}_photos")
        write_copies(photos, written, config, copies)
        return find_photos(written, config.data.classes), {
            "augment": lambda augmentation, size: [],
            "protocol": "augmented copies of every photo made before the split, groups ignored and duplicates left in",
        }

    cross_validate_runs("leaky_protocols", prepare, **options)


if __name__ == "__main__":
    main()
