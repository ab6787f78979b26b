"""External validation: mpox against other rashes, whichever these are."""

import functools
from collections.abc import Sequence

import numpy as np

from mpox_keras.evaluation.intervals import bootstrap_interval
from mpox_keras.evaluation.metrics import auc, check_predictions, mpox_score


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
        ValueError: an array does not fit, or a patient has both kinds of photos.

    Example:
        >>> probabilities = [[0.9, 0.1], [0.2, 0.8]]
        >>> figures = evaluate_mpox_against_other_rashes([True, False], probabilities, ["mpox", "measles"], ["a", "b"])
        >>> figures["auc_per_patient"]
        1.0
    """
    mpox = np.asarray(mpox, bool)
    _, probabilities = check_predictions(np.zeros(len(mpox), int), probabilities, classes)
    if len(patients) != len(mpox):
        raise ValueError(f"patients has {len(patients)} names for {len(mpox)} photos; give one each.")
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
