"""False alarms on a source that was left out: by hand."""

import numpy as np
import pytest

from mpox_keras.evaluation.external import evaluate_left_out_source
from mpox_keras.evaluation.intervals import wilson_interval

CLASSES = ["mpox", "measles", "other", "normal"]


def probabilities_of(mpox):
    mpox = np.asarray(mpox)
    return np.stack([mpox, *[(1 - mpox) / 3] * 3], axis=1)


OUT_OF_FOLD = np.repeat([0, 1], [10, 5])
# The smallest but one of ten keeps a recall of 0.9.
SCORES = [0.05, 0.3, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9, 0.9, 0.9, *[0.99] * 5]


def test_shares_and_aucs_by_hand():
    labels, scores = np.array([1, 1, 1, 1, 2, 2, 0]), [0.1, 0.29, 0.3, 0.85, 0.0, 0.2, 0.01]
    found = evaluate_left_out_source(labels, probabilities_of(scores), OUT_OF_FOLD, probabilities_of(SCORES), CLASSES)
    assert found["photos"] == 7
    assert list(found["no_alarm"]) == ["measles", "other"]
    measles, other = found["no_alarm"].values()
    assert (measles["photos"], measles["no_alarm"], measles["no_alarm_interval"]) == (4, 0.5, wilson_interval(2, 4))
    assert (other["photos"], other["no_alarm"], other["no_alarm_interval"]) == (2, 1.0, wilson_interval(2, 2))
    # Pairs of a photo of mpox and one of measles: 9, 9, 8 and a half, and 3 of ten are in the right order.
    assert measles["auc"] == pytest.approx((9 + 9 + 8.5 + 3) / 40)
    assert other["auc"] == pytest.approx((10 + 9) / 20)


def test_without_a_class_mpox_there_is_no_alarm():
    labels = np.array([1, 2])
    answers = probabilities_of([0.1, 0.2])
    assert evaluate_left_out_source(labels, answers, labels, answers, ["acne", *CLASSES[1:]]) == {"photos": 2}
