"""Tables of what was aimed at and not reached, and of what is in the way."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from run_campaign import RUNS

from doc_tables.accuracy import compare, gain, predictions
from doc_tables.common import RESULTS, load, over_folds, percent, table
from mpox_keras.data.folder import CLASSES


def aims_table():
    """What was aimed at and not reached, and the best that was."""
    best, larger = load("schedule_80_epochs_256"), "EfficientNet-Lite0"
    auc_external = {
        name: load(f"external_{name}")["auc_per_patient"] for name in ("fast_mpoxnet_msid", "efficientnet_lite0_msid")
    }
    refused = {name: load(f"out_of_distribution_{name}")["everyday"]["refused"] for name in auc_external}
    surest = next(row for row in best["thresholds"]["coverage_curve"] if row["coverage"] == 0.9)
    flipped = load("flips")["networks"]["schedule_80_epochs_256"]["with_all_flips"]
    ours, theirs = (f"{value:.2f}" for value in auc_external.values())
    rows = [
        [
            "accuracy, scenes kept together",
            "90 %",
            f"{over_folds(best)}, evaluated at 256 pixels; {over_folds(flipped)} with flips",
        ],
        ["accuracy, scenes ignored", "94.3 %, as of Yue et al.", over_folds(load("protocol_stratified"))],
        ["accuracy of the surest 90 %", "97 %", f"{percent(surest['accuracy'])}, evaluated at 256 pixels"],
        ["AUC per patient, external", "0.80", f"{ours} as shipped; {larger} {theirs}"],
        [
            "everyday photos refused, and 10 % of MSID",
            "90 %",
            f"{percent(refused['fast_mpoxnet_msid'])}; {larger} {percent(refused['efficientnet_lite0_msid'])}",
        ],
        [
            "points ahead of MobileNetV3-Small 0.5, both from random weights",
            "over 0",
            gain(compare(["fast_mpoxnet_scratch"], ["peer_mobilenet_v3_small_050"])),
        ],
    ]
    return table(["Fast-MpoxNet", "aim", "reached"], rows)


def together_table():
    """What averaging trained networks gains."""
    best, larger = "schedule_80_epochs_256", "efficientnet_lite0"
    seeds = ["fast_mpoxnet", "fast_mpoxnet_seed_1", "fast_mpoxnet_seed_2"]
    rows = []
    for title, names in (
        ("Fast-MpoxNet, 80 epochs, evaluated at 256 pixels", [best]),
        ("Fast-MpoxNet from three seeds", seeds),
        ("Fast-MpoxNet after four trainings", [name for name in RUNS if name in seeds[:1] or name.startswith("schedule_")]),
        ("EfficientNet-Lite0, its features frozen", [larger]),
        ("the first and EfficientNet-Lite0", [best, larger]),
    ):
        rows.append([title, len(names), percent(np.mean(_answers(names) == _labels(names[0])))])
    return table(["networks", "averaged", "accuracy"], rows)


def misclassified_by_all_table():
    """Photos that every pretrained network of the campaign, on the grouped folds, takes for another class."""
    names = [name for name, (_, *changed) in RUNS.items() if not re.search("data.split|model.weights", " ".join(changed))]
    names = [name for name in names if (RESULTS / f"{name}.csv").is_file()]
    labels = _labels(names[0])
    wrong = np.all([_answers([name]) != labels for name in names], axis=0)
    files = np.array([Path(file).stem for file in predictions(names[0])])
    together = _answers(names)
    rows = []
    for label in CLASSES:
        taken = [f"{file} ({answer})" for file, answer in zip(files, together, strict=True)]
        listed = [taken[index] for index in np.flatnonzero(wrong & (labels == label))]
        rows.append([label, (labels == label).sum(), len(listed), ", ".join(listed)])
    header = ["label", "photos", f"right in none of {len(names)} networks", "these, and what the networks say together"]
    return table(header, rows)


def _labels(name):
    """The label of every photo, in the order of the results."""
    return np.array([row["label"] for row in predictions(name).values()])


def _answers(names):
    """What networks say of every photo when their probabilities are averaged."""
    tables = [predictions(name) for name in names]
    if any(list(rows) != list(tables[0]) for rows in tables):
        raise SystemExit(f"The results {', '.join(names)} are of different photos.")
    probabilities = [[[float(row[label]) for label in CLASSES] for row in rows.values()] for rows in tables]
    return np.array(CLASSES)[np.mean(probabilities, axis=0).argmax(axis=1)]
