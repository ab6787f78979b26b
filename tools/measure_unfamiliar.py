"""How many pictures that are no photo of skin a preset refuses.

    python tools/measure_unfamiliar.py --results configs/results/fast_mpoxnet.json --everyday IMAGENET

The pictures are those that scikit-image, scikit-learn and matplotlib carry (people left out), each whole and as two random
quarters; synthetic noise, blots and plain colours; and photos of everyday things in the folder IMAGENET, one of each of the
thousand classes (github.com/EliSchwartz/imagenet-sample-images, some with people in them). The threshold comes from the
unfamiliarity of MSID out of fold (`mpox_keras.evaluation.calibration`), not from these pictures. Writes
configs/results/unfamiliar_PRESET.json. Needs scikit-image.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import click
import matplotlib
import numpy as np
import skimage
import sklearn
from PIL import Image
from sklearn.metrics import roc_auc_score

from mpox_keras.classifier import DEFAULT_PRESET, load_classifier, preset_names
from mpox_keras.data.folder import expand_photos
from mpox_keras.data.photos import PhotoError, decode_photo
from mpox_keras.evaluation.metrics import proportion
from mpox_keras.files import replacing

RESULTS = Path(__file__).parent.parent / "configs" / "results"
_FOLDERS = (
    Path(skimage.__file__).parent / "data",
    Path(sklearn.__file__).parent / "datasets" / "images",
    Path(matplotlib.__file__).parent / "mpl-data" / "sample_data",
)
_SUFFIXES = {".png", ".jpg", ".gif", ".tif"}
_PEOPLE = ("astronaut", "grace_hopper")
_SIZE = 224
_SMALLEST = 128  # a quarter must still be a readable photo


@click.command()
@click.option("--results", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--everyday", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True)
@click.option("--preset", default=DEFAULT_PRESET, show_default=True, type=click.Choice(preset_names()))
def main(results, everyday, preset):
    """Write configs/results/unfamiliar_PRESET.json."""
    classifier = load_classifier(preset)
    threshold = classifier.metadata["thresholds"]["unfamiliarity"]
    with results.with_suffix(".csv").open(newline="") as stream:
        usual = np.array([float(row["unfamiliarity"]) for row in csv.DictReader(stream)])
    random = np.random.default_rng(0)
    names, pictures = packaged_pictures(random)
    measured = {
        "model": preset,
        "threshold": threshold,
        "packages": {package.__name__: package.__version__ for package in (skimage, sklearn, matplotlib)},
        "pictures": names,
        **proportion("msid_refused_out_of_fold", (usual > threshold).sum(), len(usual)),
    }
    shown = {
        "packaged": map(as_png, pictures),
        "synthetic": map(as_png, synthetic_pictures(random)),
        "everyday": expand_photos([everyday]),
    }
    for kind, photos in shown.items():
        predictions = list(classifier.predict(photos))
        unlike = np.array([prediction.unfamiliarity for prediction in predictions])
        told_apart = roc_auc_score(np.repeat([0, 1], [len(usual), len(unlike)]), np.concatenate([usual, unlike]))
        measured[kind] = {
            "pictures": len(unlike),
            "auroc": float(told_apart),
            **proportion("refused", (unlike > threshold).sum(), len(unlike)),
            **proportion("not_answered", sum(p.doubt is not None for p in predictions), len(unlike)),
        }
    with replacing(RESULTS / f"unfamiliar_{preset}.json") as temporary:
        temporary.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps({key: measured[key] for key in shown}, indent=2))


def packaged_pictures(random):
    """Names of the files, and their pictures: each whole, and two quarters of it."""
    names, pictures = [], []
    for path in sorted(path for folder in _FOLDERS for path in folder.iterdir()):
        if path.suffix not in _SUFFIXES or path.stem in _PEOPLE:
            continue
        try:
            picture = Image.fromarray(decode_photo(path))
        except PhotoError:
            continue
        if min(picture.size) < _SMALLEST:
            continue
        names.append(path.name)
        pictures.append(picture)
        for _ in range(2):
            left, top = random.uniform(0, 0.5, 2) * picture.size
            pictures.append(picture.crop((left, top, left + picture.width / 2, top + picture.height / 2)))
    return names, pictures


def synthetic_pictures(random):
    """Noise of many strengths, coloured blots of many sizes, and plain colours; twenty of each."""
    arrays = [random.normal(random.uniform(0, 255, 3), random.uniform(5, 90), (_SIZE, _SIZE, 3)) for _ in range(20)]
    arrays += [np.broadcast_to(random.uniform(0, 255, 3), (_SIZE, _SIZE, 3)) for _ in range(20)]
    pictures = [Image.fromarray(np.clip(array, 0, 255).astype("uint8")) for array in arrays]
    for cells in range(2, 22):
        blots = Image.fromarray(random.integers(0, 256, (cells, cells, 3), dtype="uint8"))
        pictures.append(blots.resize((_SIZE, _SIZE), Image.Resampling.BILINEAR))
    return pictures


def as_png(picture):
    """A picture as an encoded photo, so that it takes the same way as any other."""
    stream = io.BytesIO()
    picture.convert("RGB").save(stream, format="PNG")
    return stream.getvalue()


if __name__ == "__main__":
    main()
