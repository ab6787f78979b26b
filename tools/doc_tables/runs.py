"""The committed results of cross-validations: one row each in `summary.csv`, and predictions of those that are compared."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mpox_keras.utils.files import replacing

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "configs" / "results"
SUMMARY_FILE = "summary.csv"
PREDICTIONS_FILE = "predictions.csv.gz"
_PHOTO_COLUMNS = ("file", "label", "group")


@dataclasses.dataclass(frozen=True)
class Run:
    """A row of `summary.csv`; the fields are its columns. A figure that a run does not have is None.

    Shares are between 0 and 1, and `_low` and `_high` are 95 % Wilson intervals. Figures named `rash` leave out photos of
    normal skin. Only candidates of `mpox-keras select` have the last four.
    """

    name: str
    config: str
    changes: str = ""
    """What the run changes in the config, as arguments of `--set` or in words, separated by semicolons."""
    split: str = "grouped"
    photos: int | None = None
    accuracy_mean: float | None = None
    accuracy_sd: float | None = None
    accuracy: float | None = None
    accuracy_low: float | None = None
    accuracy_high: float | None = None
    macro_f1: float | None = None
    rash_accuracy: float | None = None
    rash_accuracy_low: float | None = None
    rash_accuracy_high: float | None = None
    mpox_auc: float | None = None
    """AUC of mpox against other rashes."""
    external_auc: float | None = None
    """The same per patient on the external photos, the mean over the networks of the folds."""
    calibration_error: float | None = None
    """Expected calibration error after the temperature."""
    accuracy_of_surest_90: float | None = None
    training_seconds: float | None = None
    parameters: int | None = None
    tflite_bytes: int | None = None
    milliseconds: float | None = None
    chosen_by_folds: int | None = None

    @classmethod
    def from_results(cls, results: dict, **columns) -> Run:
        """The row of a run, from its `results.json`; `columns` are those that the file does not hold."""
        rash = results["rash_classes_only"]
        thresholds = results.get("thresholds") or {}
        surest = [point["accuracy"] for point in thresholds.get("coverage_curve", []) if point["coverage"] == 0.9]
        seconds = results.get("training_seconds")
        figures = {
            "photos": results["photos"],
            "accuracy_mean": results["accuracy_mean"],
            "accuracy_sd": results["accuracy_sd"],
            "accuracy": results["accuracy"],
            "accuracy_low": results["accuracy_interval"][0],
            "accuracy_high": results["accuracy_interval"][1],
            "macro_f1": results["macro_f1"],
            "rash_accuracy": rash["accuracy"],
            "rash_accuracy_low": rash["accuracy_interval"][0],
            "rash_accuracy_high": rash["accuracy_interval"][1],
            "mpox_auc": results["mpox_against_other_rashes"]["auc"],
            "external_auc": results.get("external_auc"),
            "calibration_error": thresholds.get("expected_calibration_error_after"),
            "accuracy_of_surest_90": surest[0] if surest else None,
            "training_seconds": seconds["total"] if isinstance(seconds, dict) else seconds,
            "parameters": results.get("trainable_parameters"),
            "tflite_bytes": results.get("tflite_bytes"),
            "milliseconds": results.get("milliseconds"),
        }
        return cls(
            **{name: round(value, 6) if isinstance(value, float) else value for name, value in figures.items()}, **columns
        )


_KINDS = {"str": str, "int | None": int, "float | None": float}
_FIELDS = {field.name: _KINDS[field.type] for field in dataclasses.fields(Run)}


def read(name: str) -> bytes:
    """The bytes of a results file. Everything reads through here, so that a test can find files that no page reads."""
    return (RESULTS / name).read_bytes()


def read_runs() -> dict[str, Run]:
    """Every run of the summary by its name, in the order of the file."""
    rows = csv.DictReader(io.StringIO(read(SUMMARY_FILE).decode()))
    runs = ({name: _parse(row[name], kind) for name, kind in _FIELDS.items()} for row in rows)
    return {run["name"]: Run(**run) for run in runs}


def _parse(text, kind):
    return text if kind is str else kind(text) if text else None


def write_runs(runs: Iterable[Run]) -> None:
    """Write the summary anew."""
    with replacing(RESULTS / SUMMARY_FILE) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(_FIELDS), lineterminator="\n")
        writer.writeheader()
        writer.writerows(dataclasses.asdict(run) for run in runs)


@dataclasses.dataclass
class Predictions:
    """Out-of-fold probabilities that several runs give the same photos.

    `photos` holds `(file, label, group)` of each, `classes` the names of the classes, `probabilities` an array
    `(photos, classes)` for each run. In the file a row is a photo, and the columns of a run are called `RUN CLASS`.
    """

    photos: list[tuple[str, str, str]]
    classes: list[str]
    probabilities: dict[str, np.ndarray]

    @property
    def labels(self) -> np.ndarray:
        """The true classes."""
        return np.array([label for _, label, _ in self.photos])

    @property
    def groups(self) -> np.ndarray:
        """The scenes or patients that the photos belong to."""
        return np.array([group for _, _, group in self.photos])

    def top_classes(self, names: Iterable[str]) -> np.ndarray:
        """The likeliest class of every photo when the probabilities of these runs are averaged."""
        return np.array(self.classes)[np.mean([self.probabilities[name] for name in names], axis=0).argmax(axis=1)]

    def right(self, name: str) -> np.ndarray:
        """Whether a run has each photo right."""
        return self.top_classes([name]) == self.labels


def read_out_of_fold(path: Path, name: str) -> Predictions:
    """The `out_of_fold.csv` of one run."""
    with path.open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    classes = [column for column in rows[0] if column not in (*_PHOTO_COLUMNS, "fold", "ood_score")]
    photos = [tuple(row[column] for column in _PHOTO_COLUMNS) for row in rows]
    return Predictions(photos, classes, {name: np.array([[float(row[label]) for label in classes] for row in rows])})


def read_predictions() -> Predictions:
    """The predictions of the runs that the pages compare."""
    header, *rows = csv.reader(io.StringIO(gzip.decompress(read(PREDICTIONS_FILE)).decode()))
    columns = [column.rsplit(" ", 1) for column in header[len(_PHOTO_COLUMNS) :]]
    names, classes = (list(dict.fromkeys(part)) for part in zip(*columns, strict=True))
    values = np.array([row[len(_PHOTO_COLUMNS) :] for row in rows], float).reshape(len(rows), len(names), len(classes))
    photos = [tuple(row[: len(_PHOTO_COLUMNS)]) for row in rows]
    return Predictions(photos, classes, {name: values[:, index] for index, name in enumerate(names)})


def write_predictions(predictions: Predictions) -> None:
    """Write the predictions anew, rounded to four digits; equal predictions give equal bytes."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        [*_PHOTO_COLUMNS, *(f"{name} {label}" for name in predictions.probabilities for label in predictions.classes)]
    )
    for index, photo in enumerate(predictions.photos):
        values = np.concatenate([each[index] for each in predictions.probabilities.values()])
        writer.writerow([*photo, *(f"{value:.4f}" for value in values)])
    with replacing(RESULTS / PREDICTIONS_FILE) as temporary:
        temporary.write_bytes(gzip.compress(stream.getvalue().encode(), mtime=0))
