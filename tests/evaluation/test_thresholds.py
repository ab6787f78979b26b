"""Temperature, operating point and abstention: against known answers, and never evaluated on what chose them."""

import numpy as np
import pytest
from scipy.special import softmax

from mpox_keras.evaluation.calibration import fit_temperature, scale
from mpox_keras.evaluation.thresholds import (
    choose_thresholds,
    coverage_curve,
    predictive_values,
    shipped_values,
    threshold_for,
)

CLASSES = ["mpox", "chickenpox", "measles", "normal"]


def drawn(photos, sharpness, seed=0):
    """Labels drawn from softmax(logits), and the probabilities of a network that multiplies its logits by `sharpness`."""
    random = np.random.default_rng(seed)
    logits = 2 * random.normal(size=(photos, 4))
    truth = softmax(logits, axis=1)
    labels = np.array([random.choice(4, p=row) for row in truth])
    return labels, softmax(sharpness * logits, axis=1)


@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_known_sharpness(sharpness):
    labels, probabilities = drawn(20_000, sharpness)
    assert fit_temperature(labels, probabilities) == pytest.approx(sharpness, rel=0.05)


def test_scaling_divides_logits():
    logits = np.array([[2.0, 1.0, -3.0], [0.0, 0.0, 5.0]])
    np.testing.assert_allclose(scale(softmax(logits, axis=1), 2.5), softmax(logits / 2.5, axis=1), atol=1e-12)
    assert scale(np.array([[1.0, 0.0]]), 2.0).sum() == pytest.approx(1)


def test_thresholds_reach_what_they_are_chosen_for_and_no_more():
    random = np.random.default_rng(0)
    positive, score = random.random(500) < 0.3, random.random(500)
    threshold = threshold_for(0.95, score[positive])
    assert (score[positive] >= threshold).mean() >= 0.95
    assert (score[positive] > threshold).mean() < 0.95
    assert (score >= threshold_for(0.9, score)).mean() == pytest.approx(0.9)


def test_thresholds_of_an_overconfident_network():
    labels, probabilities = drawn(4000, 3.0)
    ood_score = np.random.default_rng(1).random(4000)
    thresholds = choose_thresholds(labels, probabilities, np.arange(4000) % 5, ood_score, CLASSES)
    assert (ood_score > thresholds["out_of_distribution"]["threshold"]).mean() == pytest.approx(0.03)
    assert thresholds["out_of_distribution"]["refused"] == pytest.approx(0.03, abs=0.01)
    assert thresholds["temperature"] == pytest.approx(3, rel=0.1)
    assert thresholds["expected_calibration_error_after"] < 0.03 < thresholds["expected_calibration_error_before"]
    calibrated = scale(probabilities, thresholds["temperature"])
    for recall in (0.9, 0.95):
        point = thresholds["operating_points"][str(recall)]
        assert recall <= (calibrated[labels == 0, 0] >= point["threshold"]).mean() < recall + 0.01
        assert point["recall"] == pytest.approx(recall, abs=0.02)
        # All but mpox, all but mpox and normal, and each.
        silent = calibrated[:, 0] < point["threshold"]
        assert point["specificity"] == pytest.approx(silent[labels > 0].mean(), abs=0.01)
        assert point["specificity_other_rashes"] == pytest.approx(silent[(labels == 1) | (labels == 2)].mean(), abs=0.01)
        for index, name in enumerate(CLASSES[1:], 1):
            found = point["no_alarm"][name]
            assert found["share"] == pytest.approx(silent[labels == index].mean(), abs=0.01)
            assert found["share_interval"][0] < found["share"] < found["share_interval"][1]
    first, second = thresholds["operating_points"].values()
    assert first["threshold"] > second["threshold"]
    assert first["specificity"] > second["specificity"]
    assert thresholds["abstention"]["coverage"] == pytest.approx(0.9, abs=0.02)
    assert thresholds["abstention"]["accuracy"] > (calibrated.argmax(1) == labels).mean()


def test_coverage_by_hand():
    score, weights = np.array([0.9, 0.8, 0.7, 0.6]), np.array([1.0, 1.0, 1.0, 3.0])
    assert [threshold_for(share, score) for share in (0.25, 0.5, 0.75, 0.76)] == [0.9, 0.8, 0.7, 0.6]
    assert [threshold_for(share, score, weights) for share in (0.5, 0.51)] == [0.7, 0.6]


def test_a_class_with_most_of_the_photos_does_not_silence_the_others():
    """The network is sure of nine photos in ten, all of one class; of the mean class it answers nine in ten all the same."""
    random = np.random.default_rng(0)
    labels = np.repeat([0, 1], [100, 900])
    top = np.where(labels == 0, random.uniform(0.5, 0.8, 1000), random.uniform(0.9, 1.0, 1000))
    probabilities = np.where((labels == 0)[:, None], np.stack([top, 1 - top], axis=1), np.stack([1 - top, top], axis=1))
    found = choose_thresholds(labels, probabilities, np.arange(1000) % 5, np.ones(1000), CLASSES[:2])
    answered = scale(probabilities, found["temperature"]).max(axis=1) >= found["abstention"]["threshold"]
    assert np.mean([answered[labels == 0].mean(), answered[labels == 1].mean()]) == pytest.approx(0.9, abs=0.01)
    assert answered[labels == 0].mean() == pytest.approx(0.8, abs=0.02)


def test_a_fold_is_measured_by_what_the_other_folds_chose():
    """Fold 1 scores its mpox lower than fold 0 does; a threshold chosen on all photos would reach the recall, ours must not."""
    labels = np.repeat([0, 1, 0, 1], 50)
    mpox = np.repeat([0.9, 0.1, 0.6, 0.1], 50)
    probabilities = np.stack([mpox, 1 - mpox], axis=1)
    thresholds = choose_thresholds(labels, probabilities, np.repeat([0, 1], 100), np.ones(200), CLASSES[:2])
    assert thresholds["operating_points"]["0.9"]["recall"] == 0.5


def test_the_curve_rises_where_the_score_knows_what_is_wrong():
    correct = np.arange(100) >= 10
    curve = {row["coverage"]: row["accuracy"] for row in coverage_curve(correct, np.arange(100.0))}
    assert curve[1.0] == 0.9
    assert curve[0.9] == 1.0
    assert {row["coverage"]: row["accuracy"] for row in coverage_curve(correct, -np.arange(100.0))}[0.5] == 0.8


def test_metadata_take_the_first_operating_point_for_the_one_in_force():
    labels, probabilities = drawn(400, 3.0)
    chosen = choose_thresholds(labels, probabilities, np.arange(400) % 5, np.random.default_rng(1).random(400), CLASSES)
    values = shipped_values(chosen)
    assert values["temperature"] == chosen["temperature"]
    assert values["operating_points"] == chosen["operating_points"]
    assert values["thresholds"] == {
        "mpox": chosen["operating_points"]["0.9"]["threshold"],
        "confidence": chosen["abstention"]["threshold"],
        "ood_score": chosen["out_of_distribution"]["threshold"],
    }


def test_without_a_class_mpox_there_is_no_operating_point():
    labels, probabilities = drawn(400, 3.0)
    chosen = choose_thresholds(labels, probabilities, np.arange(400) % 5, np.ones(400), ["a", "b", "c", "d"])
    assert chosen["operating_points"] == {}
    assert set(shipped_values(chosen)) == {"temperature", "thresholds"}
    assert set(shipped_values(chosen)["thresholds"]) == {"confidence", "ood_score"}


def test_predictive_values_by_hand():
    """Of 1000 people 20 have mpox: 18 alarms are right and 98 wrong; silence is right for 882 and wrong for 2."""
    right, silent = predictive_values(recall=0.9, specificity=0.9, prevalence=0.02)
    assert right == pytest.approx(18 / 116)
    assert silent == pytest.approx(882 / 884)


def test_what_cannot_be_chosen_is_refused():
    labels, probabilities = drawn(50, 1.0)
    with pytest.raises(ValueError, match="two folds"):
        choose_thresholds(labels, probabilities, np.zeros(50, int), np.ones(50), CLASSES)
