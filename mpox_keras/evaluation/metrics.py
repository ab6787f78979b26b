"""How good a classifier's answers are: figures of predictions on labelled photos."""

from collections.abc import Mapping, Sequence

import numpy as np

from mpox_keras.evaluation.calibration import expected_calibration_error
from mpox_keras.evaluation.intervals import proportion
from mpox_keras.utils.classes import MPOX, NORMAL

NOT_RECORDED = "not recorded"  # Stands for a metadata column, or a value of one, that was not written down.


def evaluate_predictions(
    labels: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    folds: np.ndarray | None = None,
    metadata: Mapping[str, Sequence[str]] | None = None,
) -> dict:
    """Evaluate predictions: accuracy, figures of each class, calibration, and breakdowns.

    Intervals are Wilson's, 95 %. They take photos as independent, so they are too narrow where several photos show one
    patient. The probabilities of several folds are pooled, so AUC also asks that the folds' networks share a scale. The
    Brier score is the squared error summed over the classes, 0 to 2 (Brier 1950). Photos called normal in public
    collections are far easier than rashes and flatter every network, so the rash classes are also evaluated alone.

    Args:
        labels: true class indices, int, `(photos,)`.
        probabilities: 0 to 1, `(photos, classes)`, each row summing to 1.
        classes: class names in the order of the columns of `probabilities`.
        folds: number of the fold in which each photo was held out, int, `(photos,)`.
        metadata: column name to one string per photo, `""` where not recorded. Leave out identifiers of patients:
            every value becomes a row of the breakdown.

    Returns:
        Plain values that `json.dumps(..., allow_nan=False)` takes. A figure that is undefined, such as the recall of a class
        without photos, is None; macro figures are means over the classes that have photos. Intervals are `[low, high]`.
        Keys: `classes`, `photos`, `accuracy`, `accuracy_interval`, with folds `accuracy_mean`, `accuracy_sd` (n - 1) and
        `fold_accuracies` (by ascending fold number), `macro_f1`, `balanced_accuracy`, `macro_auc`,
        `expected_calibration_error`, `brier_score`, `confusion_matrix` (rows are true classes), `per_class`,
        `rash_classes_only` and `mpox_against_other_rashes` (where there are `normal` and two other classes), `breakdown`
        (column to value to figures, or to "not recorded").

    Raises:
        ValueError: an array has the wrong shape or values; the message names it.

    Example:
        >>> results = evaluate_predictions([0, 1], [[0.9, 0.1], [0.6, 0.4]], ["mpox", "normal"])
        >>> results["accuracy"], results["per_class"]["mpox"]["precision"]
        (0.5, 0.5)
    """
    labels, probabilities = check_predictions(labels, probabilities, classes)
    given = {f"metadata[{column!r}]": values for column, values in (metadata or {}).items()}
    for name, values in {**given, "folds": folds}.items():
        if values is not None and len(values) != len(labels):
            raise ValueError(f"{name} has {len(values)} values for {len(labels)} photos; give one each.")

    predicted = probabilities.argmax(axis=1)
    correct = predicted == labels
    per_class = {
        name: _class_figures(labels == index, predicted == index, probabilities[:, index]) for index, name in enumerate(classes)
    }
    results = {"classes": list(classes), "photos": len(labels), **proportion("accuracy", correct.sum(), len(labels))}
    if folds is not None:
        by_fold = [float(correct[np.asarray(folds) == fold].mean()) for fold in np.unique(folds)]
        results["accuracy_mean"] = float(np.mean(by_fold))
        results["accuracy_sd"] = float(np.std(by_fold, ddof=1)) if len(by_fold) > 1 else None
        results["fold_accuracies"] = by_fold
    return results | {
        "macro_f1": _mean_defined(figures["f1"] for figures in per_class.values()),
        "balanced_accuracy": _mean_defined(figures["recall"] for figures in per_class.values()),
        "macro_auc": _mean_defined(figures["auc"] for figures in per_class.values()),
        "expected_calibration_error": expected_calibration_error(labels, probabilities),
        "brier_score": float(np.mean(np.sum((probabilities - np.eye(len(classes))[labels]) ** 2, axis=1))),
        "confusion_matrix": confusion_matrix(labels, predicted, len(classes)).tolist(),
        "per_class": per_class,
        **_rash_figures(labels, probabilities, classes),
        "breakdown": {column: _breakdown(labels, predicted, classes, values) for column, values in (metadata or {}).items()},
    }


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """How many photos of each true class, a row, got each answer, a column: int `(classes, classes)`."""
    return np.bincount(labels.astype(int) * classes + predicted, minlength=classes**2).reshape(classes, classes)


def check_predictions(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Labels as integers and probabilities as 64-bit floats.

    ValueError if a shape does not fit, a label is out of range, or a row is no probability distribution.
    """
    labels, probabilities = np.asarray(labels), np.asarray(probabilities, dtype=np.float64)
    if len(classes) < 2 or len(set(classes)) != len(classes):
        raise ValueError(f"classes must be two or more different names, got {list(classes)}.")
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"labels must have the shape (photos,) with at least one photo, got {labels.shape}.")
    if not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(f"labels must be whole class indices, got {labels.dtype}.")
    if probabilities.shape != (len(labels), len(classes)):
        expected = (len(labels), len(classes))
        raise ValueError(f"probabilities must have the shape (photos, classes) = {expected}, got {probabilities.shape}.")
    # Softmax outputs in half precision miss 1 by a few parts in 10,000.
    sum_to_one = (probabilities >= 0).all(axis=1) & (np.abs(probabilities.sum(axis=1) - 1) <= 1e-3)
    for values, fits, expected in (
        (labels, (labels >= 0) & (labels < len(classes)), f"labels must lie in 0 to {len(classes) - 1}"),
        (probabilities, sum_to_one, "probabilities must be 0 or more and sum to 1 in each row (apply softmax to logits first)"),
    ):
        if not fits.all():
            row = int(np.argmin(fits))
            raise ValueError(f"{expected}, got {values[row]} at row {row}.")
    return labels, probabilities


def _mean_defined(values):
    defined = [value for value in values if value is not None]
    return float(np.mean(defined)) if defined else None


def auc(positive: np.ndarray, score: np.ndarray) -> float | None:
    """Area under the ROC curve: how often a positive scores more than a negative, where equal scores count half.

    Both arrays are `(photos,)`, `positive` of bool. None unless there are both positives and negatives.

    Example:
        >>> auc(np.array([True, True, False]), np.array([0.9, 0.4, 0.6]))
        0.5
    """
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    _, place, photos = np.unique(score, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(photos) - (photos - 1) / 2)[place]
    return float((ranks[positive].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def mpox_score(probabilities: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """How much a photo looks like mpox rather than another rash, 0 to 1: mpox's share of the rash probabilities.

    Example:
        >>> mpox_score(np.array([[0.2, 0.2, 0.6]]), ["mpox", "measles", "normal"])
        array([0.5])
    """
    rashes = [index for index, name in enumerate(classes) if name != NORMAL]
    mpox, total = probabilities[:, list(classes).index(MPOX)], probabilities[:, rashes].sum(axis=1)
    return np.divide(mpox, total, out=np.full(len(mpox), 1 / len(rashes)), where=total > 0)


def _class_figures(actual, answered, score):
    return {
        **proportion("precision", (actual & answered).sum(), answered.sum()),
        **proportion("recall", (actual & answered).sum(), actual.sum()),
        **proportion("specificity", (~actual & ~answered).sum(), (~actual).sum()),
        "f1": _f1(actual, answered),
        "auc": auc(actual, score),
        "support": int(actual.sum()),
    }


def _f1(actual, answered):
    return float(2 * (actual & answered).sum() / (actual.sum() + answered.sum())) if actual.any() else None


def _rash_figures(labels, probabilities, classes):
    if NORMAL not in classes or len(classes) < 3:
        return {}
    rashes = [index for index, name in enumerate(classes) if name != NORMAL]
    of_rash = np.isin(labels, rashes)
    labels, probabilities = labels[of_rash], probabilities[of_rash]
    predicted = np.array(rashes)[probabilities[:, rashes].argmax(axis=1)]
    # A photo whose whole probability lies on normal favours no rash; argmax would call it the first class, mpox.
    predicted[probabilities[:, rashes].sum(axis=1) == 0] = -1
    rash_classes_only = {
        "definition": "Photos whose true class is not normal; the answer is the likeliest rash class, "
        "from probabilities renormalised over the rash classes.",
        "photos": len(labels),
        **proportion("accuracy", (predicted == labels).sum(), len(labels)),
        "macro_f1": _mean_defined(_f1(labels == index, predicted == index) for index in rashes),
    }
    if MPOX not in classes:
        return {"rash_classes_only": rash_classes_only}
    index = list(classes).index(MPOX)
    mpox, answered = labels == index, predicted == index
    against_other_rashes = {
        "definition": "The same photos. AUC ranks them by p(mpox) / sum of the rash probabilities; recall and specificity "
        "count mpox as answered where it is the likeliest rash class.",
        "photos": len(labels),
        "auc": auc(mpox, mpox_score(probabilities, classes)),
        **proportion("recall", (mpox & answered).sum(), mpox.sum()),
        **proportion("specificity", (~mpox & ~answered).sum(), (~mpox).sum()),
    }
    return {"rash_classes_only": rash_classes_only, "mpox_against_other_rashes": against_other_rashes}


def _breakdown(labels, predicted, classes, values):
    if not any(values):
        return NOT_RECORDED
    values = np.array([value or NOT_RECORDED for value in values])
    figures = {}
    for value in sorted(set(values.tolist()), key=lambda name: (name == NOT_RECORDED, name)):
        chosen = values == value
        confusion = confusion_matrix(labels[chosen], predicted[chosen], len(classes))
        right, support = confusion.diagonal(), confusion.sum(axis=1)
        figures[value] = {
            "photos": int(chosen.sum()),
            **proportion("accuracy", right.sum(), support.sum()),
            "per_class": {
                name: {**proportion("recall", right[index], support[index]), "support": int(support[index])}
                for index, name in enumerate(classes)
            },
        }
    return figures
