"""External validation: photos from sources that a network was not trained on."""

import functools
from collections.abc import Sequence

import numpy as np

from mpox_keras.evaluation.intervals import bootstrap_interval, proportion
from mpox_keras.evaluation.metrics import auc, check_predictions, mpox_score
from mpox_keras.evaluation.thresholds import RECALLS, threshold_for
from mpox_keras.utils.classes import MPOX


def evaluate_mpox_against_other_rashes(
    mpox: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], patients: Sequence[str]
) -> dict:
    """AUC of mpox against other rashes, per photo and per patient, whose score is the mean over the photos.

    The 95 % intervals come from a bootstrap that draws whole patients, those with mpox and the others apart.

    Args:
        mpox: whether each photo shows mpox, bool, `(photos,)`.
        probabilities: `(photos, classes)`.
        classes: class names, `mpox` among them.
        patients: a name per photo; `""` makes the photo a patient of its own.

    Returns:
        `photos`, `patients`, `mpox_patients`, `auc_per_photo`, `auc_per_patient`, each AUC with `_interval`, and the
        `definition` of the score. An AUC is None unless there are photos of mpox and of other rashes.

    Raises:
        ValueError: the probabilities do not fit, or a patient has both kinds of photos.

    Example:
        >>> probabilities = [[0.9, 0.1], [0.2, 0.8]]
        >>> figures = evaluate_mpox_against_other_rashes([True, False], probabilities, ["mpox", "measles"], ["a", "b"])
        >>> figures["auc_per_patient"]
        1.0
    """
    mpox = np.asarray(mpox, bool)
    _, probabilities = check_predictions(np.zeros(len(mpox), int), probabilities, classes)
    rows = {}
    for index, patient in enumerate(patients):
        rows.setdefault(patient or ("photo", index), []).append(index)
    both = [name for name, photos in rows.items() if len(set(mpox[photos].tolist())) > 1]
    if both:
        raise ValueError(f"the patient {both[0]} has photos of mpox and of another rash; correct the table of patients.")
    score = mpox_score(probabilities, classes)
    scores = [[score[photos] for photos in rows.values() if mpox[photos[0]] == kind] for kind in (True, False)]
    means = [[[of_patient.mean()] for of_patient in kind] for kind in scores]
    sizes = list(map(len, scores))
    definition = "p(mpox) / sum of the rash probabilities; of a patient, the mean over the photos"
    figures = {"definition": definition, "photos": len(mpox), "patients": len(rows), "mpox_patients": sizes[0]}
    for unit, values in (("photo", scores), ("patient", means)):
        auc_of = functools.partial(_auc_of, values)
        figures[f"auc_per_{unit}"] = auc_of(*map(range, sizes)) if all(sizes) else None
        figures[f"auc_per_{unit}_interval"] = bootstrap_interval(auc_of, *sizes)
    return figures


def _auc_of(values, *drawn):
    """Of the patients with mpox and the others that were drawn; `values` has one array a patient."""
    kinds = [np.concatenate([kind[patient] for patient in patients]) for kind, patients in zip(values, drawn, strict=True)]
    return auc(np.repeat([True, False], list(map(len, kinds))), np.concatenate(kinds))


def evaluate_left_out_source(
    labels: np.ndarray,
    probabilities: np.ndarray,
    out_of_fold_labels: np.ndarray,
    out_of_fold_probabilities: np.ndarray,
    classes: Sequence[str],
) -> dict:
    """False alarms on photos of one source, answered by a network that was trained without the source.

    Args:
        labels, probabilities: of the source, `(photos,)` and `(photos, classes)`.
        out_of_fold_labels, out_of_fold_probabilities: of all photos, by networks trained without their folds; the threshold for
            mpox is the one that keeps a recall of 0.9 among these.
        classes: class names.

    Returns:
        `photos`; and, if `mpox` is a class, for each other class that the source has photos of, `no_alarm`: class -> their
        number, the share of them that raise no alarm, with Wilson's interval, and `auc`, of all photos of mpox against them.
    """
    if MPOX not in classes:
        return {"photos": len(labels)}
    mpox = list(classes).index(MPOX)
    found = out_of_fold_probabilities[out_of_fold_labels == mpox, mpox]
    threshold = threshold_for(RECALLS[0], found)
    figures = {}
    for index, name in enumerate(classes):
        score = probabilities[labels == index, mpox]
        if index != mpox and len(score):
            told = auc(np.repeat([True, False], [len(found), len(score)]), np.concatenate([found, score]))
            figures[name] = {"photos": len(score), **proportion("no_alarm", (score < threshold).sum(), len(score)), "auc": told}
    return {"photos": len(labels), "no_alarm": figures}
