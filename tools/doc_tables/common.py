"""How figures are written, and where the tables find them."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache

import numpy as np

from mpox_keras.evaluation.calibration import scale
from mpox_keras.utils.files import PRESETS_FOLDER

from . import runs
from .comparison import compare_accuracy

run_predictions = cache(runs.read_predictions)
all_runs = cache(runs.read_runs)
PRESETS = ("fast_mpoxnet", "efficientnet_lite0")
MSID_RECIPE = "fast_mpoxnet_msid"
SEEDS = ("", "_seed_1", "_seed_2")

MEAN, ALL, RASH = "accuracy over folds, mean ± SD", "all photos (95 % interval)", "rash classes only"
AUC, EXTERNAL = "AUC, mpox against other rashes", "external AUC per patient"


def of_msid_recipe(name: str) -> bool:
    """Whether a run is one of the paper's recipe on the present backbone; all others were made on ShuffleNetV2."""
    return name.startswith(MSID_RECIPE)


def load(name: str) -> dict:
    """A JSON file of the results; empty if it is not there yet."""
    return json.loads(runs.read(f"{name}.json")) if (runs.RESULTS / f"{name}.json").is_file() else {}


def load_rows(name: str) -> list[dict[str, str]]:
    """The rows of a CSV file of the results; none if it is not there yet."""
    path = runs.RESULTS / f"{name}.csv"
    return list(csv.DictReader(io.StringIO(runs.read(path.name).decode()))) if path.is_file() else []


def load_preset(name: str) -> dict:
    """The metadata of a preset, which hold what was measured with it; empty if it is not there yet."""
    path = PRESETS_FOLDER / name / "metadata.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def out_of_fold(preset: str) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels, calibrated probabilities and classes of the photos that a preset was trained on, by networks that were not."""
    rows = list(csv.DictReader(io.StringIO(gzip.decompress(runs.read(f"out_of_fold_{preset}.csv.gz")).decode())))
    classes = [name for name in rows[0] if name != "label"]
    labels = np.array([classes.index(row["label"]) for row in rows])
    probabilities = np.array([[float(row[name]) for name in classes] for row in rows])
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    return labels, scale(probabilities, load_preset(preset)["temperature"]), classes


def percent(value: float) -> str:
    """0.8845 -> 88.5 %."""
    return f"{100 * value:.1f} %"


def with_interval(figures: Mapping, name: str) -> str:
    """A share with its 95 % interval, from a JSON file."""
    low, high = figures[f"{name}_interval"]
    return f"{percent(figures[name])} ({100 * low:.1f} to {100 * high:.1f})"


def over_folds(figures: Mapping) -> str:
    """Mean and standard deviation over folds."""
    return f"{percent(figures['accuracy_mean'])} ± {100 * figures['accuracy_sd']:.1f}"


def table(header: Sequence[str], rows: Iterable[Sequence]) -> str:
    """A Markdown table; nothing without rows."""
    if not (rows := list(rows)):
        return ""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def compare(names: Sequence[str], baseline: Sequence[str]) -> dict:
    """Figures of `compare_accuracy` for the predictions of one or more runs on either side."""
    predictions = run_predictions()
    first, second = (np.concatenate([predictions.right(name) for name in side]) for side in (names, baseline))
    return compare_accuracy(first, second, np.tile(predictions.groups, len(names)))


def gain(figures: Mapping) -> str:
    """Points more, with their interval."""
    low, high = figures["difference_interval"]
    return f"{100 * figures['difference']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def gain_over(baseline: Sequence[str]) -> Callable[[runs.Run], str]:
    """A column of points more than the runs of the baseline have; empty in the baseline's own row."""
    return lambda run: "" if [run.name] == list(baseline) else gain(compare([run.name] * len(baseline), baseline))


def optional(form: str, value: float | None) -> str:
    """A figure that not every run has."""
    return "" if value is None else form.format(value)


COLUMNS: dict[str, Callable[[runs.Run], str]] = {
    MEAN: lambda run: over_folds(vars(run)),
    ALL: lambda run: run_interval(run, "accuracy"),
    "macro F1": lambda run: percent(run.macro_f1),
    RASH: lambda run: run_interval(run, "rash_accuracy"),
    AUC: lambda run: f"{run.mpox_auc:.3f}",
    "accuracy of the surest 90 %": lambda run: percent(run.accuracy_of_surest_90),
    "calibration error": lambda run: percent(run.calibration_error),
    EXTERNAL: lambda run: optional("{:.2f}", run.external_auc),
    "photos": lambda run: str(run.photos),
    "minutes of one core": lambda run: f"{run.training_seconds / 60:.0f}",
}
"""Columns of the tables of runs: header -> cell."""


def run_interval(run: runs.Run, name: str) -> str:
    """A share of a run with its 95 % interval."""
    figures = vars(run)
    return with_interval({name: figures[name], f"{name}_interval": (figures[f"{name}_low"], figures[f"{name}_high"])}, name)


def runs_table(first: str, titles: Mapping[str, str], columns: Sequence[str | tuple[str, Callable[[runs.Run], str]]]) -> str:
    """A table with a row per run.

    Args:
        first: header of the first column.
        titles: name of the run -> what the first column says of it; runs that are not recorded yet have no row.
        columns: names of `COLUMNS`, or a header with the function that writes its cells.
    """
    cells = [(column, COLUMNS[column]) if isinstance(column, str) else column for column in columns]
    rows = [[title, *(write(all_runs()[name]) for _, write in cells)] for name, title in titles.items() if name in all_runs()]
    return table([first, *(header for header, _ in cells)], rows)


def seeds_table(backbone: str, whole: str) -> str:
    """Both ends of an ablation, three seeds each, once all are recorded; `backbone` and `whole` name the runs of seed 0."""
    ends = {
        "backbone alone": [f"{backbone}{seed}" for seed in SEEDS],
        "with ABLGFM and auxiliary losses": [f"{whole}{seed}" for seed in SEEDS],
    }
    first, last = ends.values()
    if not {*first, *last} <= set(all_runs()):
        return ""
    rows = []
    for title, names in ends.items():
        each = [all_runs()[name] for name in names]
        rows.append([title, *(over_folds(vars(run)) for run in each), percent(np.mean([run.accuracy for run in each]))])
    points = gain(compare(last, first))
    made = table(["network", "seed 0", "seed 1", "seed 2", "mean"], rows)
    return f"{made}\n\nPoints more, all three seeds (95 % interval): {points}."


def log_table(names: Iterable[str]) -> str:
    """Cross-validations with what they change in their config."""
    columns = [
        ("config", lambda run: run.config),
        ("changes", lambda run: " ".join(f"`{change}`" for change in run.changes.split("; ") if change)),
        ("split", lambda run: run.split),
        MEAN,
        RASH,
        EXTERNAL,
        "minutes of one core",
    ]
    return runs_table("run", {name: name for name in names}, columns)


def occlusion_table(name: str) -> str:
    """What is left without lesions."""
    results, rows = load(name), []
    for key, title in (
        ("whole", "the network, whole photos"),
        ("only_middle", "the network, only the middle half of each photo"),
        ("middle_masked", "the network, middle half painted over"),
        ("traits_alone", "a linear classifier on 28 traits: colours, sharpness, JPEG blocks, share of skin"),
    ):
        if figures := results.get(key):
            auc = f"{figures['auc_mpox_against_other_rashes']:.3f}"
            rash = with_interval(figures["rash_classes_only"], "accuracy")
            rows.append([title, with_interval(figures, "accuracy"), rash, auc])
    return table(["classifier and input", "accuracy (95 % interval)", RASH, AUC], rows)
