"""The tables of docs/results.md from figures as the package and the tools make them; every number here is made up."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

from mpox_keras.data.folder import Photo
from mpox_keras.evaluation.external import evaluate_left_out_source, evaluate_mpox_against_other_rashes
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.evaluation.thresholds import choose_thresholds

ROOT = Path(__file__).parent.parent.parent
CLASSES = ("mpox", "chickenpox", "measles", "other", "normal")


@pytest.fixture(autouse=True)
def tables(tmp_path, monkeypatch):
    """Functions of the page by table, with folders of results and presets that are empty."""
    monkeypatch.syspath_prepend(ROOT / "tools")
    monkeypatch.syspath_prepend(ROOT / "tools" / "experiments")
    before = set(sys.modules)
    import update_docs
    from doc_tables import common, conditions, runs

    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    monkeypatch.setattr(common, "PRESETS_FOLDER", tmp_path)
    for module in (common, conditions):
        monkeypatch.setattr(module, "all_runs", dict)
    of_readme = {f"readme_{name}": make for name, make in update_docs.TABLES["README.md"].items()}
    yield update_docs.TABLES["docs/results.md"] | of_readme
    for name in set(sys.modules) - before:
        if str(ROOT / "tools") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def figures_of(labels, classes, folds=None):
    """Probabilities that lean towards the labels, and what `crossval` makes of them."""
    probabilities = np.random.default_rng(1).dirichlet(np.ones(len(classes)), len(labels)) + np.eye(len(classes))[labels]
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return probabilities, evaluate_predictions(labels, probabilities, classes, folds)


def write_preset(folder):
    labels, folds = np.arange(200) % 5, np.arange(200) % 4
    probabilities, figures = figures_of(labels, CLASSES, folds)
    clinic = labels >= 3
    left_out = evaluate_left_out_source(labels[clinic], probabilities[clinic], labels, probabilities, CLASSES)
    four = [name for name in CLASSES if name != "other"]
    _, msid = figures_of(np.arange(80) % 4, four, np.arange(80) % 3)
    metadata = {
        "out_of_fold": {
            **figures,
            "thresholds": choose_thresholds(labels, probabilities, folds, np.zeros(200), CLASSES),
            "left_out_sources": {"clinic": left_out},
            "msid": {"all": msid},
        },
        "external": evaluate_mpox_against_other_rashes(labels == 0, probabilities, CLASSES, [""] * 200),
    }
    folder.mkdir()
    (folder / "metadata.json").write_text(json.dumps(metadata))


def write_conditions(path, thresholds):
    import measure_conditions

    kinds = ["other"] * 30 + ["pox_like"] * 10
    rows = [{"kind": kind, "label": "herpes" if kind == "pox_like" else "eczema"} for kind in kinds]
    score = np.linspace(0, 1, 40)
    rashes = [Photo(f"{number}.png", b"", "mpox" if number < 4 else "other_rash", "") for number in range(12)]
    figures = measure_conditions.evaluate(rows, score, rashes, np.linspace(1, 0, 12), thresholds)
    path.write_text(json.dumps({**figures, "worst_conditions": measure_conditions.find_worst(rows, score, 0.5)}))


def lines(table):
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_what_is_not_measured_yet_has_no_table(tables):
    assert {name for name, make in tables.items() if make()} == set()


def test_every_figure_of_a_preset_is_shown(tables, tmp_path):
    write_preset(tmp_path / "fast_mpoxnet")
    write_conditions(tmp_path / "conditions_fast_mpoxnet.json", {"0.9": 0.5, "0.95": 0.2})
    write_conditions(tmp_path / "conditions_network_of_others.json", {"given": 0.5})

    *before, ours, other = lines(tables["conditions"]())
    assert [row[0] for row in before] == ["fast_mpoxnet_msid of release 0.1.0", "efficientnet_lite0_msid of release 0.1.0"]
    assert ours[0] == "fast_mpoxnet"
    assert other[0] == "network_of_others"

    alarms = lines(tables["alarms"]())[2:]
    assert [row[:2] for row in alarms] == [["fast_mpoxnet", "90 %"], ["fast_mpoxnet", "95 %"], ["network_of_others", ""]]
    # Half of the forty scores are under one half: twenty of the first thirty, none of the last ten.
    assert [cell.split(" (")[0] for cell in alarms[0][2:6]] == ["50.0 %", "66.7 %", "0.0 %", "100.0 %"]
    assert alarms[0][7]
    assert not alarms[2][7]

    assert [row[:3] for row in lines(tables["sources"]())] == [["clinic", "normal", "40"], ["clinic", "other", "40"]]
    assert [row[1] for row in lines(tables["msid"]())] == ["80"]
    assert [row[:4] for row in lines(tables["external"]())] == [["fast_mpoxnet", "200", "200", "40"]]
    assert [row[0] for row in lines(tables["readme_external"]())] == ["[fast_mpoxnet](MODEL_CARD.md)"]
    assert lines(tables["worst"]()) == [["herpes", "10", "100.0 %"], ["eczema", "30", "33.3 %"]]


def test_the_best_trials_are_in_the_order_of_their_score(tables, tmp_path):
    with (tmp_path / "field_trials.csv").open("w") as stream:
        writer = csv.writer(stream)
        writer.writerow(["what", "selection_score", "rash_auc", "specificity_of_left_out_sources", "msid_accuracy", "note"])
        writer.writerows([["means", "0.8", "0.9", "0.7", "0.88", ""], ["pyramid", "0.85", "", "0.75", "0.89", "chosen"]])
        writer.writerows(["worse", "0.7", "0.8", "0.6", "0.87", ""] for _ in range(30))
    best = lines(tables["trials"]())
    assert len(best) == 30
    assert best[:2] == [
        ["pyramid", "0.850", "", "75.0 %", "89.0 %", "chosen"],
        ["means", "0.800", "0.900", "70.0 %", "88.0 %", ""],
    ]
