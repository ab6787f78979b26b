"""Mpox against other rashes: external validation, where no more is known of the photos."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.metrics import roc_auc_score

from mpox_keras.evaluation.metrics import check_predictions

_RESAMPLES = 2000
_SCORE = "p(mpox) / sum of the rash probabilities; of a patient, the mean over the photos"


def mpox_score(probabilities: np.ndarray, classes: Sequence[str]) -> np.ndarray:
    """How much a photo looks like mpox rather than another rash, 0 to 1: mpox's share of the rash probabilities.

    Args:
        probabilities: `(photos, classes)`.
        classes: class names, `mpox` among them.
    """
    rashes = [index for index, name in enumerate(classes) if name != "normal"]
    total = probabilities[:, rashes].sum(axis=1)
    mpox = probabilities[:, list(classes).index("mpox")]
    return np.divide(mpox, total, out=np.full(len(mpox), 1 / len(rashes)), where=total > 0)


def evaluate_mpox_against_other_rashes(
    mpox: np.ndarray,
    probabilities: np.ndarray,
    classes: Sequence[str],
    patients: Sequence[str],
) -> dict:
    """AUC of mpox against other rashes, per photo and per patient.

    A patient's score is the mean over the patient's photos. The 95 % intervals are the 2.5th and 97.5th percentiles over
    2000 draws of whole patients with replacement, mpox and other patients apart (stratified bootstrap).

    Args:
        mpox: whether each photo shows mpox, bool, `(photos,)`.
        probabilities: `(photos, classes)`.
        classes: class names, `mpox` among them.
        patients: a name per photo; `""` makes the photo a patient of its own.

    Returns:
        `photos`, `patients`, `mpox_patients`, `auc_per_photo`, `auc_per_patient`, each AUC with `_interval`, and the
        `definition` of the score. An AUC is None unless both kinds are there.

    Raises:
        ValueError: an array does not fit, or a patient has both kinds of photos.

    Example:
        >>> figures = evaluate_mpox_against_other_rashes([True, False], [[0.9, 0.1], [0.2, 0.8]], ["mpox", "measles"], ["a", "b"])
        >>> figures["auc_per_patient"]
        1.0
    """
    mpox = np.asarray(mpox, bool)
    _, probabilities = check_predictions(np.zeros(len(mpox), int), probabilities, classes)
    if len(patients) != len(mpox):
        raise ValueError(f"patients has {len(patients)} names for {len(mpox)} photos; give one each.")
    score = mpox_score(probabilities, classes)
    rows = {}
    for index, patient in enumerate(patients):
        rows.setdefault(patient or ("photo", index), []).append(index)
    both = [name for name, photos in rows.items() if len(set(mpox[photos].tolist())) > 1]
    if both:
        raise ValueError(f"the patient {both[0]} has photos of mpox and of another rash; correct the table of patients.")
    of_mpox = [photos for photos in rows.values() if mpox[photos[0]]]
    of_others = [photos for photos in rows.values() if not mpox[photos[0]]]

    random = np.random.default_rng(0)
    drawn = {"photo": [], "patient": []}
    for _ in range(_RESAMPLES if of_mpox and of_others else 0):
        sample = [[kind[i] for i in random.integers(0, len(kind), len(kind))] for kind in (of_mpox, of_others)]
        for unit, auc in _both_aucs(score, *sample).items():
            drawn[unit].append(auc)
    figures = {"definition": _SCORE, "photos": len(mpox), "patients": len(rows), "mpox_patients": len(of_mpox)}
    measured = _both_aucs(score, of_mpox, of_others) if of_mpox and of_others else {}
    for unit in ("photo", "patient"):
        figures[f"auc_per_{unit}"] = measured.get(unit)
        interval = np.percentile(drawn[unit], [2.5, 97.5]).tolist() if drawn[unit] else None
        figures[f"auc_per_{unit}_interval"] = interval
    return figures


def _both_aucs(score, of_mpox, of_others):
    photos = [score[np.concatenate(kind)] for kind in (of_mpox, of_others)]
    patients = [np.array([score[rows].mean() for rows in kind]) for kind in (of_mpox, of_others)]
    return {"photo": _auc(*photos), "patient": _auc(*patients)}


def _auc(positives, negatives):
    labels = np.repeat([1, 0], [len(positives), len(negatives)])
    return float(roc_auc_score(labels, np.concatenate([positives, negatives])))
