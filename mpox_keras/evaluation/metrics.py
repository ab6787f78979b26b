"""Figures that tell how good a classifier's answers are, each proportion with its 95 % interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix, f1_score, roc_auc_score

CALIBRATION_BINS = 15

NOT_RECORDED = "not recorded"
"""Stands for a metadata column, or a value of one, that nobody wrote down."""

_RASH_CLASSES_ONLY = (
    "Photos whose true class is not normal; the answer is the likeliest rash class, "
    "from probabilities renormalised over the rash classes."
)
_MPOX_AGAINST_OTHER_RASHES = (
    "The same photos. AUC ranks them by p(mpox) / sum of the rash probabilities; recall and specificity count mpox "
    "as answered where it is the likeliest rash class."
)


def evaluate_predictions(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    folds: np.ndarray | None = None,
    metadata: Mapping[str, Sequence[str]] | None = None,
) -> dict:
    """Evaluate predictions by accuracy, per-class figures, calibration, and breakdowns.

    Intervals are 95 % score intervals (Wilson 1927, doi 10.1080/01621459.1927.10502953). They take photos as
    independent, so they are too narrow where several photos show one patient. Probabilities of several folds are
    pooled, so AUC also asks that the folds' models share a scale. The calibration error uses 15 equal-width bins of
    the top probability (Guo et al. 2017, arXiv 1706.04599); the Brier score is the summed squared error over the
    classes, 0 to 2 (Brier 1950). Photos called normal in public collections are far easier than rashes and flatter
    every model, therefore the rash classes are also evaluated alone.

    Args:
        labels: true class indices, int, `(photos,)`.
        probabilities: 0 to 1, `(photos, classes)`, each row summing to 1.
        classes: class names in the order of the columns of `probabilities`.
        folds: number of the fold in which each photo was held out, int, `(photos,)`.
        metadata: column name to one string per photo, `""` where not recorded. Leave out identifiers of patients:
            every value becomes a row of the breakdown.

    Returns:
        Plain values that `json.dumps(..., allow_nan=False)` takes. A figure that is undefined, such as the recall of a
        class without photos, is None; macro figures are means over the classes that have photos. Intervals are
        `[low, high]`. Keys: `classes`, `photos`, `accuracy`, `accuracy_interval`, with folds `accuracy_mean`,
        `accuracy_sd` (n - 1) and `fold_accuracies` (by ascending fold number), `macro_f1`, `balanced_accuracy`,
        `macro_auc`, `expected_calibration_error`, `brier_score`, `confusion_matrix` (rows are true classes),
        `per_class`, `rash_classes_only` and `mpox_against_other_rashes` (where there are `normal` and two other
        classes), `breakdown` (column to value to figures, or to "not recorded").

    Raises:
        ValueError: an array has the wrong shape or values; the message names it.

    Example:
        >>> results = evaluate_predictions([0, 1], [[0.9, 0.1], [0.6, 0.4]], ["mpox", "normal"])
        >>> results["accuracy"], results["per_class"]["mpox"]["precision"]
        (0.5, 0.5)
    """
    labels, probabilities = check_predictions(labels, probabilities, classes)
    folds = check_folds(folds, len(labels))
    for column, values in (metadata or {}).items():
        if len(values) != len(labels):
            raise ValueError(f"metadata[{column!r}] has {len(values)} values for {len(labels)} photos; give one each.")

    predicted = probabilities.argmax(axis=1)
    correct = predicted == labels
    per_class = _per_class(labels, predicted, probabilities, classes)
    one_hot = np.eye(len(classes))[labels]

    results = {
        "classes": list(classes),
        "photos": len(labels),
        **proportion("accuracy", correct.sum(), len(labels)),
    }
    if folds is not None:
        by_fold = [float(correct[folds == fold].mean()) for fold in np.unique(folds)]
        results["accuracy_mean"] = float(np.mean(by_fold))
        results["accuracy_sd"] = float(np.std(by_fold, ddof=1)) if len(by_fold) > 1 else None
        results["fold_accuracies"] = by_fold
    results |= {
        "macro_f1": _mean_defined(figures["f1"] for figures in per_class.values()),
        "balanced_accuracy": _mean_defined(figures["recall"] for figures in per_class.values()),
        "macro_auc": _mean_defined(figures["auc"] for figures in per_class.values()),
        "expected_calibration_error": expected_calibration_error(labels, probabilities),
        "brier_score": float(np.mean(np.sum((probabilities - one_hot) ** 2, axis=1))),
        "confusion_matrix": confusion_matrix(labels, predicted, labels=range(len(classes))).tolist(),
        "per_class": per_class,
        **_rash_figures(labels, probabilities, classes),
        "breakdown": {column: _breakdown(labels, predicted, classes, values) for column, values in (metadata or {}).items()},
    }
    return results


def check_predictions(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Labels as integers and probabilities as 64-bit floats, once they are known to fit together.

    Raises:
        ValueError: a shape does not fit, a label is out of range, or a row is no probability distribution.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if len(classes) < 2 or len(set(classes)) != len(classes):
        raise ValueError(f"classes must be two or more different names, got {list(classes)}.")
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels must have the shape (photos,) with at least one photo, got {labels.shape}.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be whole class indices, got {labels.dtype}.")
    if probabilities.shape != (len(labels), len(classes)):
        raise ValueError(
            f"probabilities must have the shape (photos, classes) = {(len(labels), len(classes))}, got {probabilities.shape}."
        )
    wrong = np.flatnonzero((labels < 0) | (labels >= len(classes)))
    if len(wrong):
        raise ValueError(f"labels must lie in 0 to {len(classes) - 1}, got {labels[wrong[0]]} at row {wrong[0]}.")
    wrong = np.flatnonzero(~np.isfinite(probabilities).all(axis=1))
    if len(wrong):
        raise ValueError(f"probabilities must be finite, got {probabilities[wrong[0]]} at row {wrong[0]}.")
    # Softmax outputs in half precision miss 1 by a few parts in 10,000.
    wrong = np.flatnonzero((probabilities < 0).any(axis=1) | (np.abs(probabilities.sum(axis=1) - 1) > 1e-3))
    if len(wrong):
        raise ValueError(
            f"probabilities must be 0 or more and sum to 1 in each row, got {probabilities[wrong[0]]} "
            f"at row {wrong[0]}. Apply softmax to logits first."
        )
    return labels, probabilities


def wilson_interval(successes: int, trials: int) -> list[float] | None:
    """The 95 % score interval of a proportion (Wilson 1927) as `[low, high]`, or None without trials.

    Example:
        >>> [round(bound, 3) for bound in wilson_interval(10, 10)]
        [0.722, 1.0]
    """
    if trials == 0:
        return None
    interval = binomtest(int(successes), int(trials)).proportion_ci(0.95, method="wilson")
    return [float(interval.low), float(interval.high)]


def calibration_bins(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Photos sorted into 15 equal-width bins `(low, high]` of their top probability (Guo et al. 2017).

    Returns:
        Mean top probability, accuracy and number of photos of each bin that holds photos, each `(bins,)`.
    """
    top = probabilities.max(axis=1)
    correct = probabilities.argmax(axis=1) == labels
    inner_edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    bins = np.searchsorted(inner_edges, top, side="left")
    photos = np.bincount(bins, minlength=CALIBRATION_BINS)
    used = photos > 0
    photos = photos[used]
    mean_probability = np.bincount(bins, weights=top, minlength=CALIBRATION_BINS)[used] / photos
    accuracy = np.bincount(bins, weights=correct, minlength=CALIBRATION_BINS)[used] / photos
    return mean_probability, accuracy, photos


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean distance of top probability and accuracy over `calibration_bins`, weighted by photos (Guo et al. 2017)."""
    mean_probability, accuracy, photos = calibration_bins(labels, probabilities)
    return float(np.average(np.abs(accuracy - mean_probability), weights=photos))


def check_folds(folds: np.ndarray | None, photos: int) -> np.ndarray | None:
    """Fold numbers as an array, once they are known to be one whole number per photo.

    Raises:
        ValueError: they are not.
    """
    if folds is None:
        return None
    folds = np.asarray(folds)
    if folds.shape != (photos,) or not np.issubdtype(folds.dtype, np.integer):
        raise ValueError(f"folds must be {photos} whole numbers, one per photo, got {folds.dtype} {folds.shape}.")
    return folds


def proportion(name: str, count: int, total: int) -> dict:
    """`count / total` under a name, and its Wilson interval under `name_interval`; None without any."""
    return {name: float(count / total) if total else None, f"{name}_interval": wilson_interval(count, total)}


def _mean_defined(values) -> float | None:
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def _auc(positive: np.ndarray, score: np.ndarray) -> float | None:
    return float(roc_auc_score(positive, score)) if positive.any() and not positive.all() else None


def _per_class(labels: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> dict:
    f1 = f1_score(labels, predicted, labels=range(len(classes)), average=None, zero_division=np.nan)
    figures = {}
    for index, name in enumerate(classes):
        actual, answered = labels == index, predicted == index
        figures[name] = {
            **proportion("precision", (actual & answered).sum(), answered.sum()),
            **proportion("recall", (actual & answered).sum(), actual.sum()),
            **proportion("specificity", (~actual & ~answered).sum(), (~actual).sum()),
            "f1": float(f1[index]) if actual.any() else None,
            "auc": _auc(actual, probabilities[:, index]),
            "support": int(actual.sum()),
        }
    return figures


def _rash_figures(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> dict:
    if "normal" not in classes or len(classes) < 3:
        return {}
    normal = list(classes).index("normal")
    names = [name for name in classes if name != "normal"]
    rash_photos = labels != normal
    labels = labels[rash_photos] - (labels[rash_photos] > normal)
    probabilities = np.delete(probabilities[rash_photos], normal, axis=1)
    total = probabilities.sum(axis=1, keepdims=True)
    predicted = probabilities.argmax(axis=1)
    # A photo whose whole probability lies on normal favours no rash; argmax would call it the first class, mpox.
    predicted[total[:, 0] == 0] = -1
    renormalised = np.divide(probabilities, total, out=np.full_like(probabilities, 1 / len(names)), where=total > 0)
    present = np.unique(labels)
    figures = {
        "rash_classes_only": {
            "definition": _RASH_CLASSES_ONLY,
            "photos": len(labels),
            **proportion("accuracy", (predicted == labels).sum(), len(labels)),
            "macro_f1": float(f1_score(labels, predicted, labels=present, average="macro")) if len(present) else None,
        }
    }
    if "mpox" in names:
        mpox, answered = labels == names.index("mpox"), predicted == names.index("mpox")
        figures["mpox_against_other_rashes"] = {
            "definition": _MPOX_AGAINST_OTHER_RASHES,
            "photos": len(labels),
            "auc": _auc(mpox, renormalised[:, names.index("mpox")]),
            **proportion("recall", (mpox & answered).sum(), mpox.sum()),
            **proportion("specificity", (~mpox & ~answered).sum(), (~mpox).sum()),
        }
    return figures


def _breakdown(labels: np.ndarray, predicted: np.ndarray, classes: Sequence[str], values: Sequence[str]) -> dict | str:
    if not any(values):
        return NOT_RECORDED
    values = np.array([value or NOT_RECORDED for value in values])
    figures = {}
    for value in sorted(set(values.tolist()), key=lambda name: (name == NOT_RECORDED, name)):
        chosen = values == value
        correct = chosen & (predicted == labels)
        figures[value] = {
            "photos": int(chosen.sum()),
            **proportion("accuracy", correct.sum(), chosen.sum()),
            "per_class": {
                name: {
                    **proportion("recall", (correct & (labels == index)).sum(), (chosen & (labels == index)).sum()),
                    "support": int((chosen & (labels == index)).sum()),
                }
                for index, name in enumerate(classes)
            },
        }
    return figures
