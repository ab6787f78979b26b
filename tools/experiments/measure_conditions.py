"""How often a network suspects mpox where there is another skin condition, and how often it finds mpox of another source.

    python tools/experiments/measure_conditions.py --external EXTERNAL --conditions SKIN/test --table SKIN/photos.csv
    python tools/experiments/measure_conditions.py ... --scores scores.csv --threshold 0.3 --name other_network

CONDITIONS holds photos of other skin conditions. The table gives for each its `file` (below that folder), its `label` (the
condition) and its `kind` (`other`, or `pox_like` for what people mistake for mpox). EXTERNAL holds photos of mpox and of other
rashes in class folders, with patients in `labels.csv`. Nothing may have been trained on either, or chosen with it.

A network of any kind can be measured: write its score for each photo, higher for mpox, into a table with the columns `file` (as
in the table, or below EXTERNAL) and `score`. Without such scores, `--model` answers, with its own thresholds.

Writes configs/results/conditions_NAME.json. A preset's metadata take over how often it gives no alarm.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import click
import numpy as np

from mpox_keras.data.folder import DataError, read_table
from mpox_keras.data.sources import read_external_photos
from mpox_keras.evaluation.intervals import bootstrap_interval, proportion
from mpox_keras.evaluation.metrics import auc
from mpox_keras.inference.classifier import DEFAULT_PRESET, load_classifier
from mpox_keras.inference.metadata import read_metadata, write_metadata
from mpox_keras.utils.classes import CLASSES, MPOX
from mpox_keras.utils.files import PRESETS_FOLDER, write_json

RESULTS = Path(__file__).parent.parent.parent / "configs" / "results"
_LEAST = 8  # Photos of a condition, for its share of alarms to be told.
_WORST = 20
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command()
@click.option("--external", required=True, type=_FOLDER)
@click.option("--conditions", required=True, type=_FOLDER)
@click.option("--table", required=True, type=_FILE)
@click.option("--model", default=DEFAULT_PRESET, show_default=True, help="What load_classifier takes.")
@click.option("--scores", type=_FILE, help="Scores of another network, in place of --model.")
@click.option("--threshold", type=float, help="From this score on, that network suspects mpox.")
@click.option("--name", help="Of the results file; that of the model, if left out.")
def main(external, conditions, table, model, scores, threshold, name):
    """Write configs/results/conditions_NAME.json."""
    if bool(scores) != (threshold is not None) or (scores and not name):
        raise click.UsageError("--scores, --threshold and --name go together.")
    rows = [row for row in read_table(table, "label", "kind").values() if (conditions / row["file"]).is_file()]
    rashes = [photo for photo in read_external_photos(external, CLASSES) if photo.label != "normal"]
    answers = {}
    if scores:
        score = read_scores(scores, [row["file"] for row in rows])
        external_score = read_scores(scores, [photo.file for photo in rashes])
        thresholds = {"given": threshold}
    else:
        classifier = load_classifier(model)
        thresholds = {recall: point["threshold"] for recall, point in classifier.metadata["operating_points"].items()}
        predictions = list(classifier.predict(conditions / row["file"] for row in rows))
        score = np.array([each.probabilities[MPOX] for each in predictions])
        external_score = np.array([each.probabilities[MPOX] for each in classifier.predict(photo.encoded for photo in rashes)])
        reasons = [each.abstention_reason for each in predictions]
        answers = {
            **proportion("answered_mpox", sum(each.answer == MPOX for each in predictions), len(predictions)),
            **proportion("out_of_distribution", reasons.count("out_of_distribution"), len(reasons)),
            **proportion("not_answered", len(reasons) - reasons.count(None), len(reasons)),
        }
    figures = {
        **evaluate(rows, score, rashes, external_score, thresholds),
        **answers,
        "worst_conditions": find_worst(rows, score, next(iter(thresholds.values()))),
    }
    path = RESULTS / f"conditions_{name or model}.json"
    write_json(path, {"model": name or model, **figures})
    if not scores and (folder := PRESETS_FOLDER / model).is_dir():
        tell_of_other_conditions(folder, figures)
    click.echo(f"{json.dumps(figures, indent=2)}\n{path}")


def read_scores(table, files):
    """The scores of these photos."""
    rows = read_table(table, "score")
    if missing := [file for file in files if file not in rows]:
        raise DataError(f"{table} has no score for {len(missing)} photos, such as {missing[0]}.")
    return np.array([float(rows[file]["score"]) for file in files])


def evaluate(rows, score, rashes, external_score, thresholds):
    """AUCs, and at each threshold the shares of photos with and without alarm."""
    kinds, mpox = np.array([row["kind"] for row in rows]), np.array([photo.label == MPOX for photo in rashes])
    patients = np.array([photo.metadata.get("patient") or photo.file for photo in rashes])
    mpox_groups, rash_groups = (group(external_score[chosen], patients[chosen]) for chosen in (mpox, ~mpox))
    of_kind = {kind: score[kinds == kind] for kind in sorted(set(kinds.tolist()))}
    means = [each.mean() for each in mpox_groups], np.array([each.mean() for each in rash_groups])
    return {
        "photos": {kind: len(values) for kind, values in of_kind.items()},
        "external_mpox_photos": int(mpox.sum()),
        "external_mpox_patients": len(mpox_groups),
        "auc": {kind: auc_against(mpox_groups, values) for kind, values in {"all": score, **of_kind}.items()},
        "external_rashes_auc_per_patient": auc_against(*means),
        "operating_points": {
            recall: {
                "threshold": threshold,
                "no_alarm": {
                    kind: proportion("share", (values < threshold).sum(), len(values)) for kind, values in of_kind.items()
                },
                **proportion("recall", (external_score[mpox] >= threshold).sum(), mpox.sum()),
                **proportion("alarm_at_external_other_rashes", (external_score[~mpox] >= threshold).sum(), (~mpox).sum()),
            }
            for recall, threshold in thresholds.items()
        },
    }


def group(scores, patients):
    """The scores of each patient's photos."""
    groups = defaultdict(list)
    for score, patient in zip(scores, patients, strict=True):
        groups[patient].append(score)
    return [np.array(each) for each in groups.values()]


def auc_against(mpox, score):
    """AUC of patients with mpox against photos of something else, with a bootstrap over these patients and these photos."""

    def auc_of(patients, photos):
        positives = np.concatenate([np.atleast_1d(mpox[patient]) for patient in patients])
        return auc(np.repeat([True, False], [len(positives), len(photos)]), np.concatenate([positives, score[photos]]))

    sizes = len(mpox), len(score)
    return {"auc": auc_of(*map(np.arange, sizes)), "interval": bootstrap_interval(auc_of, *sizes)}


def tell_of_other_conditions(preset, figures):
    """Write into a preset's metadata how often it gives no alarm, at each of its thresholds."""
    photos = figures["photos"]
    no_alarm = {
        recall: sum(point["no_alarm"][kind]["share"] * count for kind, count in photos.items()) / sum(photos.values())
        for recall, point in figures["operating_points"].items()
    }
    metadata = read_metadata(preset)
    definition = "photos of other skin conditions, of sources that nothing was trained on"
    metadata["external"]["other_conditions"] = {"definition": definition, "photos": sum(photos.values()), "no_alarm": no_alarm}
    write_metadata(preset, metadata)


def find_worst(rows, score, threshold):
    """The conditions with the largest shares of alarms, of those with eight photos and more."""
    alarms = defaultdict(list)
    for row, value in zip(rows, score, strict=True):
        alarms[row["label"]].append(bool(value >= threshold))
    shares = [
        {"condition": condition, "photos": len(each), "alarms": float(np.mean(each))}
        for condition, each in alarms.items()
        if len(each) >= _LEAST
    ]
    return sorted(shares, key=lambda row: (-row["alarms"], row["condition"]))[:_WORST]


if __name__ == "__main__":
    main()
