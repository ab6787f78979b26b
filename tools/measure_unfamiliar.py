"""How many pictures that are no photo of skin a preset refuses.

    python tools/measure_unfamiliar.py --results configs/results/fast_mpoxnet.json --data MSID \
        --external EXTERNAL --everyday DETECTION --seen IMAGENET

DETECTION holds photos of everyday things, five of each of the two hundred classes of ImageNet's detection challenge
(github.com/ajschumacher/imagen); nothing was chosen with them. IMAGENET holds one photo of each of the thousand classes of its
classification challenge (github.com/EliSchwartz/imagenet-sample-images), which were looked at while the unfamiliarity was
developed. In both some show people. "packaged" are the pictures that the unfamiliarity is trained with, each judged by one that
was trained without it, whole and as two random quarters; "synthetic" are noise, plain colours and blots, drawn anew. "rashes"
are the photos from elsewhere, which should not be refused.

The threshold comes from the unfamiliarity of MSID out of fold (`mpox_keras.evaluation.calibration`), not from these pictures.
Writes configs/results/unfamiliar_PRESET.json.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import click
import numpy as np
import skimage
import sklearn
from sklearn.metrics import roc_auc_score

from mpox_keras.classifier import DEFAULT_PRESET, Classifier, load_classifier, preset_names
from mpox_keras.data import read_external_photos, read_grouped_photos
from mpox_keras.data.folder import expand_photos
from mpox_keras.data.loading import load_photos
from mpox_keras.data.others import carried_pictures, other_pictures, synthetic_pictures
from mpox_keras.data.photos import resize_photo
from mpox_keras.evaluation.metrics import proportion
from mpox_keras.files import replacing
from mpox_keras.training import add_unfamiliarity

RESULTS = Path(__file__).parent.parent / "configs" / "results"
_PARTS = 5
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--results", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--data", type=_FOLDER, required=True, help="MSID, which the preset was trained on.")
@click.option("--external", type=_FOLDER, required=True, help="Photos of rashes from elsewhere.")
@click.option("--everyday", type=_FOLDER, required=True)
@click.option("--seen", type=_FOLDER, required=True)
@click.option("--preset", default=DEFAULT_PRESET, show_default=True, type=click.Choice(preset_names()))
def main(results, data, external, everyday, seen, preset):
    """Write configs/results/unfamiliar_PRESET.json."""
    classifier = load_classifier(preset)
    threshold, size = classifier.metadata["thresholds"]["unfamiliarity"], classifier.image_size
    with results.with_suffix(".csv").open(newline="") as stream:
        usual = np.array([float(row["unfamiliarity"]) for row in csv.DictReader(stream)])
    rashes = [photo.source for photo in read_external_photos(external, classifier.classes) if photo.label != "normal"]
    predictions = {
        "rashes": list(classifier.predict(rashes)),
        "everyday": list(classifier.predict(expand_photos([everyday]))),
        "seen": list(classifier.predict(expand_photos([seen]))),
        "packaged": judge_packaged(classifier, load_photos(read_grouped_photos(data, classifier.classes), size)),
        "synthetic": judge(classifier, synthetic_pictures(np.random.default_rng(1), 20, size)),
    }
    measured = {
        "model": preset,
        "threshold": threshold,
        "packages": {package.__name__: package.__version__ for package in (skimage, sklearn)},
        **proportion("msid_refused_out_of_fold", (usual > threshold).sum(), len(usual)),
    }
    for kind, answers in predictions.items():
        unlike = np.array([answer.unfamiliarity for answer in answers])
        told_apart = roc_auc_score(np.repeat([0, 1], [len(usual), len(unlike)]), np.concatenate([usual, unlike]))
        measured[kind] = {
            "pictures": len(unlike),
            "auroc": float(told_apart),
            **proportion("refused", (unlike > threshold).sum(), len(unlike)),
            **proportion("not_answered", sum(answer.doubt is not None for answer in answers), len(unlike)),
        }
    with replacing(RESULTS / f"unfamiliar_{preset}.json") as temporary:
        temporary.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps({kind: measured[kind] for kind in predictions}, indent=2))


def judge(classifier, pixels):
    """Predictions for pictures of the network's size."""
    outputs = classifier.predict_pixels(pixels)
    return [
        classifier.decide("", probabilities, float(unlike))
        for probabilities, unlike in zip(outputs["probabilities"], outputs["unfamiliarity"][:, 0], strict=True)
    ]


def judge_packaged(classifier, photos):
    """Predictions for the packaged pictures by classifiers whose unfamiliarity was trained without them."""
    random = np.random.default_rng(0)
    pictures, others = carried_pictures(), other_pictures()
    parts = np.arange(len(others)) % _PARTS
    predictions = []
    for part in range(_PARTS):
        model = add_unfamiliarity(classifier.trained, photos, others[parts != part])
        shown = []
        for picture in pictures[parts[: len(pictures)] == part]:
            half = len(picture) // 2
            corners = random.integers(0, half, (2, 2))
            shown += [picture, *(picture[top : top + half, left : left + half] for top, left in corners)]
        pixels = np.stack([resize_photo(picture, classifier.image_size) for picture in shown])
        predictions += judge(Classifier(model, classifier.metadata), pixels)
    return predictions


if __name__ == "__main__":
    main()
