"""Thresholds for suspecting mpox and for giving no answer, chosen on out-of-fold predictions.

The figures beside a threshold are cross-fitted: for each fold the threshold is chosen anew on the other folds, so that no photo
evaluates a number that it helped to choose.
"""

from collections.abc import Sequence

import numpy as np

from mpox_keras.evaluation.calibration import expected_calibration_error, fit_temperature, scale
from mpox_keras.evaluation.intervals import proportion
from mpox_keras.evaluation.metrics import check_predictions
from mpox_keras.utils.classes import MPOX, NORMAL

RECALLS = (0.9, 0.95)  # Of mpox at the operating points; the first is in force unless another is asked for.
COVERAGE = 0.9  # Share of the photos whose largest probability is enough for an answer, all classes weighing the same.
IN_DISTRIBUTION = 0.97  # Share of the photos whose out-of-distribution score is small enough for an answer.
COVERAGES = (1.0, 0.95, 0.9, 0.85, 0.8, 0.7, 0.6, 0.5)


def threshold_for(share: float, score: np.ndarray, weights: np.ndarray | None = None) -> float:
    """The largest threshold at which at least this share of the photos, or of their weights, scores as much or more.

    Example:
        >>> threshold_for(0.95, np.array([0.9, 0.4, 0.6]))
        0.4
    """
    order = np.argsort(-score, kind="stable")
    covered = np.cumsum(np.ones(len(score)) if weights is None else weights[order])
    return float(score[order][np.argmax(covered >= share * covered[-1] * (1 - 1e-9))])


def choose_thresholds(
    labels: np.ndarray, probabilities: np.ndarray, folds: np.ndarray, ood_score: np.ndarray, classes: Sequence[str]
) -> dict:
    """Choose the temperature and the thresholds, and measure what each costs.

    Args:
        labels, classes: as `evaluate_predictions` takes them.
        probabilities: out-of-fold, of temperature 1, `(photos, classes)`.
        folds: number of the fold in which each photo was held out, int, `(photos,)`, at least two different ones.
        ood_score: out-of-distribution score, out-of-fold, 0 to 1, `(photos,)`.

    Returns:
        Plain values for `json.dumps`. `temperature` and each `threshold` are chosen on all photos, and are what ships:
        `operating_points` has one for the calibrated p(mpox), if there is this class, by each recall, "0.9" and "0.95", with
        `no_alarm`: class -> the share of its photos below the threshold; `abstention` has one for the largest calibrated
        probability, and `out_of_distribution` one for the out-of-distribution score. The figures beside them, with Wilson
        intervals, are cross-fitted. `coverage_curve` ranks the photos by their largest calibrated probability.

    Raises:
        ValueError: an array does not fit, or there is one fold only.
    """
    labels, probabilities = check_predictions(labels, probabilities, classes)
    if len(np.unique(folds := np.asarray(folds))) < 2:
        raise ValueError("thresholds are chosen on out-of-fold predictions of two folds or more; give the fold of each photo.")
    mpox = list(classes).index(MPOX) if MPOX in classes else -1

    temperature = fit_temperature(labels, probabilities)
    shipped = scale(probabilities, temperature)
    calibrated = np.empty_like(probabilities)
    for fold in np.unique(folds):
        held_out = folds == fold
        calibrated[held_out] = scale(probabilities[held_out], fit_temperature(labels[~held_out], probabilities[~held_out]))

    actual, correct, top = labels == mpox, calibrated.argmax(axis=1) == labels, calibrated.max(axis=1)
    rash = ~np.isin(np.array(classes)[labels], [MPOX, NORMAL])

    def operating_point(recall):
        alarm = _cross_fitted(folds, calibrated[:, mpox], lambda score, rows: threshold_for(recall, score[actual[rows]]))
        not_mpox = [(name, labels == index) for index, name in enumerate(classes) if index != mpox]
        return {
            "definition": f"mpox is suspected from this calibrated p(mpox) on; chosen for recall {recall}.",
            "threshold": threshold_for(recall, shipped[actual, mpox]),
            **proportion("recall", (actual & alarm).sum(), actual.sum()),
            **proportion("specificity", (~actual & ~alarm).sum(), (~actual).sum()),
            **(proportion("specificity_other_rashes", (rash & ~alarm).sum(), rash.sum()) if NORMAL in classes else {}),
            "no_alarm": {name: proportion("share", (found & ~alarm).sum(), found.sum()) for name, found in not_mpox},
        }

    refused = ~_cross_fitted(folds, -ood_score, lambda score, _: threshold_for(IN_DISTRIBUTION, score))
    # Else a class with most of the photos, of which a network is surest, would have it silent on the others.
    weights = 1 / np.bincount(labels, minlength=len(classes))[labels]
    answered = _cross_fitted(folds, top, lambda score, rows: threshold_for(COVERAGE, score, weights[rows]))
    return {
        "temperature": temperature,
        "expected_calibration_error_before": expected_calibration_error(labels, probabilities),
        "expected_calibration_error_after": expected_calibration_error(labels, calibrated),
        "operating_points": {str(recall): operating_point(recall) for recall in RECALLS if MPOX in classes},
        "abstention": {
            "definition": "an answer is given from this largest calibrated probability on; "
            f"chosen for coverage {COVERAGE}, all classes weighing the same.",
            "threshold": threshold_for(COVERAGE, shipped.max(axis=1), weights),
            **proportion("coverage", answered.sum(), len(labels)),
            **proportion("accuracy", (answered & correct).sum(), answered.sum()),
        },
        "out_of_distribution": {
            "definition": f"no answer is given above this score; chosen to answer {IN_DISTRIBUTION:.0%} of the photos.",
            "threshold": -threshold_for(IN_DISTRIBUTION, -ood_score),
            **proportion("refused", refused.sum(), len(labels)),
        },
        "coverage_curve": coverage_curve(correct, top),
    }


def shipped_values(chosen: dict) -> dict:
    """What the metadata of a network take from `choose_thresholds`: `temperature`, `thresholds` and `operating_points`."""
    points = chosen["operating_points"]
    thresholds = {name: point["threshold"] for name, point in zip([MPOX], points.values(), strict=False)}
    thresholds |= {"confidence": chosen["abstention"]["threshold"], "ood_score": chosen["out_of_distribution"]["threshold"]}
    values = {"temperature": chosen["temperature"], "thresholds": thresholds}
    return values | {"operating_points": points} if points else values


def predictive_values(recall: float, specificity: float, prevalence: float) -> tuple[float, float]:
    """How often an alarm is right, and how often silence is, where this share of the photos shows mpox; all 0 to 1.

    Example:
        >>> [round(value, 2) for value in predictive_values(recall=0.9, specificity=0.9, prevalence=0.02)]
        [0.16, 1.0]
    """
    found, missed = recall * prevalence, (1 - recall) * prevalence
    false, silent = (1 - specificity) * (1 - prevalence), specificity * (1 - prevalence)
    return found / (found + false), silent / (silent + missed)


def coverage_curve(correct: np.ndarray, score: np.ndarray) -> list[dict]:
    """Accuracy on the surest share of the photos, by `COVERAGES`: `[{"coverage": 1.0, "accuracy": ..., ...}, ...]`.

    Whether each answer is right, bool, and how sure it is, are both `(photos,)`.
    """
    ranked = correct[np.argsort(-score, kind="stable")]
    surest = {share: ranked[: max(1, round(share * len(ranked)))] for share in COVERAGES}
    return [{"coverage": share, **proportion("accuracy", right.sum(), len(right))} for share, right in surest.items()]


def _cross_fitted(folds, score, choose):
    """Which photos reach the threshold that is chosen on the other folds."""
    reached = np.zeros(len(score), bool)
    for fold in np.unique(folds):
        held_out = folds == fold
        reached[held_out] = score[held_out] >= choose(score[~held_out], ~held_out)
    return reached
