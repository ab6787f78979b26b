"""How many pictures that are no photo of skin a preset refuses.

    python tools/measure_out_of_distribution.py --folds runs/folds --external EXTERNAL --everyday DETECTION --seen IMAGENET

DETECTION holds photos of everyday things, five of each of the two hundred classes of ImageNet's detection challenge
(github.com/ajschumacher/imagen); nothing was chosen with them. IMAGENET holds one photo of each of the thousand classes of its
classification challenge (github.com/EliSchwartz/imagenet-sample-images), which were looked at while the ood_score was
developed. In both some show people. "synthetic" are noise, plain colours and blots, drawn anew. "rashes" are the external
photos, which should not be refused.

The threshold comes from the ood_score of the training photos out of fold (`mpox_keras.evaluation.thresholds`), not from these
pictures. Writes configs/results/out_of_distribution_PRESET.json.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import click
import numpy as np

from mpox_keras.data.folder import expand_photos
from mpox_keras.data.non_skin import synthetic_pictures
from mpox_keras.data.sources import read_external_photos
from mpox_keras.evaluation.intervals import proportion
from mpox_keras.evaluation.metrics import auc
from mpox_keras.inference.classifier import DEFAULT_PRESET, load_classifier, preset_names
from mpox_keras.utils.files import write_json

RESULTS = Path(__file__).parent.parent / "configs" / "results"
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--folds", type=_FOLDER, required=True, help="Cross-validation of the preset's config.")
@click.option("--external", type=_FOLDER, required=True, help="Photos of external rashes.")
@click.option("--everyday", type=_FOLDER, required=True)
@click.option("--seen", type=_FOLDER, required=True)
@click.option("--preset", default=DEFAULT_PRESET, show_default=True, type=click.Choice(preset_names()))
def main(folds, external, everyday, seen, preset):
    """Write configs/results/out_of_distribution_PRESET.json."""
    classifier = load_classifier(preset)
    threshold = classifier.metadata["thresholds"]["ood_score"]
    with (folds / "out_of_fold.csv").open(newline="", encoding="utf-8") as stream:
        usual = np.array([float(row["ood_score"]) for row in csv.DictReader(stream)])
    rashes = [photo.encoded for photo in read_external_photos(external, classifier.classes) if photo.label != "normal"]
    predictions = {
        "rashes": classifier.predict(rashes),
        "everyday": list(classifier.predict(expand_photos([everyday]))),
        "seen": list(classifier.predict(expand_photos([seen]))),
        "synthetic": classifier.predict(list(synthetic_pictures(np.random.default_rng(1), 20, classifier.image_size))),
    }
    measured = {
        "model": preset,
        "threshold": threshold,
        **proportion("refused_out_of_fold", (usual > threshold).sum(), len(usual)),
    }
    for kind, answers in predictions.items():
        unlike = np.array([answer.ood_score for answer in answers])
        measured[kind] = {
            "pictures": len(unlike),
            "auroc": auc(np.repeat([False, True], [len(usual), len(unlike)]), np.concatenate([usual, unlike])),
            **proportion("refused", (unlike > threshold).sum(), len(unlike)),
            **proportion("not_answered", sum(answer.abstention_reason is not None for answer in answers), len(unlike)),
        }
    path = RESULTS / f"out_of_distribution_{preset}.json"
    write_json(path, measured)
    click.echo(f"{json.dumps(measured, indent=2)}\n{path}")


if __name__ == "__main__":
    main()
