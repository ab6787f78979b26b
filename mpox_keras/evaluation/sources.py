"""How a network does on a source of photos that it was not trained on."""

from collections.abc import Sequence

import numpy as np

from mpox_keras.evaluation.intervals import proportion
from mpox_keras.evaluation.metrics import auc
from mpox_keras.evaluation.thresholds import RECALLS, recall_threshold
from mpox_keras.utils.classes import MPOX


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
    threshold = recall_threshold(np.ones(len(found), bool), found, RECALLS[0])
    figures = {}
    for index, name in enumerate(classes):
        score = probabilities[labels == index, mpox]
        if index != mpox and len(score):
            told = auc(np.repeat([True, False], [len(found), len(score)]), np.concatenate([found, score]))
            figures[name] = {"photos": len(score), **proportion("no_alarm", (score < threshold).sum(), len(score)), "auc": told}
    return {"photos": len(labels), "no_alarm": figures}
