"""Mpox against other rashes: per photo and per patient."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mpox_keras.evaluation.external import evaluate_mpox_against_other_rashes
from mpox_keras.evaluation.metrics import mpox_score

CLASSES = ["mpox", "chickenpox", "measles", "normal"]


def drawn(photos=80, seed=0):
    random = np.random.default_rng(seed)
    mpox = np.arange(photos) % 4 == 0
    probabilities = random.dirichlet(np.ones(4), photos)
    probabilities[mpox, 0] += 0.3
    return mpox, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_the_score_does_not_ask_how_normal_a_photo_looks():
    score = mpox_score(np.array([[0.2, 0.1, 0.1, 0.6], [0.0, 0.0, 0.0, 1.0]]), CLASSES)
    np.testing.assert_allclose(score, [0.5, 1 / 3])


def test_photos_are_ranked_as_scikit_learn_does():
    mpox, probabilities = drawn()
    figures = evaluate_mpox_against_other_rashes(mpox, probabilities, CLASSES, [""] * 80)
    assert figures["auc_per_photo"] == pytest.approx(roc_auc_score(mpox, mpox_score(probabilities, CLASSES)))
    assert figures["auc_per_patient"] == figures["auc_per_photo"]
    assert figures["patients"] == 80
    low, high = figures["auc_per_photo_interval"]
    assert low < figures["auc_per_photo"] < high


def test_a_patient_counts_once():
    """One mpox patient with many photos that score badly must not outweigh another with a single good one."""
    mpox = np.array([True] * 10 + [False, False])
    score = np.array([0.1] * 9 + [0.9] + [0.5, 0.4])
    probabilities = np.stack([score, 1 - score], axis=1)
    patients = ["a"] * 9 + ["b", "c", "d"]
    figures = evaluate_mpox_against_other_rashes(mpox, probabilities, ["mpox", "measles"], patients)
    assert figures["auc_per_photo"] == pytest.approx(0.1)
    assert figures["auc_per_patient"] == pytest.approx(0.5)
    assert (figures["patients"], figures["mpox_patients"]) == (4, 2)


def test_bad_input():
    mpox, probabilities = drawn()
    with pytest.raises(ValueError, match="another rash"):
        evaluate_mpox_against_other_rashes(mpox, probabilities, CLASSES, ["a"] * 80)
    alone = evaluate_mpox_against_other_rashes(mpox[mpox], probabilities[mpox], CLASSES, [""] * mpox.sum())
    assert alone["auc_per_patient"] is None
    assert alone["auc_per_patient_interval"] is None
