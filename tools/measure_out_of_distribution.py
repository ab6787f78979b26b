"""How many pictures that are no photo of skin a preset refuses.

    python tools/measure_out_of_distribution.py --folds runs/folds --data FIELD --non-skin NON_SKIN \
        --external EXTERNAL --everyday DETECTION --seen IMAGENET

FIELD and NON_SKIN are what the preset was trained with (`data.non_skin` of its config; leave the latter out if it had none).
DETECTION holds photos of everyday things, five of each of the two hundred classes of ImageNet's detection challenge
(github.com/ajschumacher/imagen); nothing was chosen with them. IMAGENET holds one photo of each of the thousand classes of its
classification challenge (github.com/EliSchwartz/imagenet-sample-images), which were looked at while the ood_score was
developed. In both some show people. "packaged" are the pictures that the ood_score is trained with, each evaluated by one that
was trained without it, whole and as two random quarters; "synthetic" are noise, plain colours and blots, drawn anew. "rashes"
are the external photos, which should not be refused.

The threshold comes from the ood_score of FIELD out of fold (`mpox_keras.evaluation.thresholds`), not from these pictures.
Writes configs/results/out_of_distribution_PRESET.json.
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

from mpox_keras.data.decode import resize_photo
from mpox_keras.data.folder import expand_photos
from mpox_keras.data.loading import load_photos
from mpox_keras.data.non_skin import carried_pictures, non_skin_pictures, synthetic_pictures
from mpox_keras.data.sources import read_external_photos, read_grouped_photos
from mpox_keras.evaluation.intervals import proportion
from mpox_keras.inference.classifier import DEFAULT_PRESET, Classifier, load_classifier, preset_names
from mpox_keras.models.deploy import deploy
from mpox_keras.training.out_of_distribution import add_ood_score
from mpox_keras.utils.files import replacing

RESULTS = Path(__file__).parent.parent / "configs" / "results"
_PARTS = 5
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--folds", type=_FOLDER, required=True, help="Cross-validation of the preset's config.")
@click.option("--data", type=_FOLDER, required=True, help="The photos that the preset was trained on.")
@click.option("--non-skin", type=_FOLDER, help="The folder that its config names in data.non_skin.")
@click.option("--external", type=_FOLDER, required=True, help="Photos of external rashes.")
@click.option("--everyday", type=_FOLDER, required=True)
@click.option("--seen", type=_FOLDER, required=True)
@click.option("--preset", default=DEFAULT_PRESET, show_default=True, type=click.Choice(preset_names()))
def main(folds, data, non_skin, external, everyday, seen, preset):
    """Write configs/results/out_of_distribution_PRESET.json."""
    classifier = load_classifier(preset)
    threshold, size = classifier.metadata["thresholds"]["ood_score"], classifier.image_size
    with (folds / "out_of_fold.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    photos = read_grouped_photos(data, classifier.classes)
    source = {photo.file: photo.metadata.get("source") for photo in photos}
    usual = np.array([float(row["ood_score"]) for row in rows])
    of_msid = np.array([source[row["file"]] == "msid" for row in rows])
    rashes = [photo.encoded for photo in read_external_photos(external, classifier.classes) if photo.label != "normal"]
    predictions = {
        "rashes": list(classifier.predict(rashes)),
        "everyday": list(classifier.predict(expand_photos([everyday]))),
        "seen": list(classifier.predict(expand_photos([seen]))),
        "packaged": evaluate_packaged(classifier, load_photos(photos, size), non_skin_pictures(non_skin)),
        "synthetic": evaluate(classifier, synthetic_pictures(np.random.default_rng(1), 20, size)),
    }
    measured = {
        "model": preset,
        "threshold": threshold,
        "packages": {package.__name__: package.__version__ for package in (skimage, sklearn)},
        **proportion("refused_out_of_fold", (usual > threshold).sum(), len(usual)),
        **proportion("msid_refused_out_of_fold", (usual > threshold)[of_msid].sum(), of_msid.sum()),
    }
    for kind, answers in predictions.items():
        unlike = np.array([answer.ood_score for answer in answers])
        told_apart = roc_auc_score(np.repeat([0, 1], [len(usual), len(unlike)]), np.concatenate([usual, unlike]))
        measured[kind] = {
            "pictures": len(unlike),
            "auroc": float(told_apart),
            **proportion("refused", (unlike > threshold).sum(), len(unlike)),
            **proportion("not_answered", sum(answer.abstention_reason is not None for answer in answers), len(unlike)),
        }
    with replacing(RESULTS / f"out_of_distribution_{preset}.json") as temporary:
        temporary.write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
    click.echo(json.dumps({kind: measured[kind] for kind in predictions}, indent=2))


def evaluate(classifier, pixels):
    """Predictions for pictures of the network's size."""
    outputs = classifier.predict_pixels(pixels)
    return classifier.decide_batch(outputs, [""] * len(pixels))


def evaluate_packaged(classifier, photos, non_skin):
    """Predictions for the packaged pictures by classifiers whose ood_score was trained without them."""
    random = np.random.default_rng(0)
    pictures = carried_pictures()
    parts = np.arange(len(non_skin)) % _PARTS
    predictions = []
    for part in range(_PARTS):
        model = add_ood_score(classifier.trained, photos, non_skin[parts != part])
        shown = []
        for picture in pictures[parts[: len(pictures)] == part]:
            half = len(picture) // 2
            corners = random.integers(0, half, (2, 2))
            shown += [picture, *(picture[top : top + half, left : left + half] for top, left in corners)]
        pixels = np.stack([resize_photo(picture, classifier.image_size) for picture in shown])
        deployed = deploy(model, class_activation_map=True, temperature=classifier.metadata["temperature"])
        predictions += evaluate(Classifier(classifier.metadata, deployed.predict_on_batch, lambda model=model: model), pixels)
    return predictions


if __name__ == "__main__":
    main()
