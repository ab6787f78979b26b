"""What probabilities mean where mpox is rare or frequent."""

import numpy as np
import pytest

from mpox_keras.inference.prediction import at_prevalence, decide

METADATA = {
    "classes": ["mpox", "measles", "other", "normal"],
    "thresholds": {"mpox": 0.25, "confidence": 0.45, "ood_score": 0.5},
}
PROBABILITIES = np.array([0.6, 0.1, 0.2, 0.1])


def test_bayes_s_rule_by_hand():
    """A class is as frequent as any other where the network was trained; here one photo in fifty shows mpox."""
    found = at_prevalence(dict(zip(METADATA["classes"], PROBABILITIES.tolist(), strict=True)), 0.02)
    likelihoods = PROBABILITIES / 0.25
    joint = likelihoods * np.array([0.02, *[0.98 / 3] * 3])
    np.testing.assert_allclose(list(found.values()), joint / joint.sum())
    assert found["mpox"] == pytest.approx(0.012 / (0.012 + 0.4 * 0.98 / 3))


def test_at_the_prevalence_of_training_nothing_changes():
    given = dict(zip(METADATA["classes"], PROBABILITIES.tolist(), strict=True))
    assert at_prevalence(given, 0.25) == pytest.approx(given)


def test_a_prevalence_changes_probabilities_and_label_and_neither_alarm_nor_abstention():
    plain = decide(METADATA, "arm.jpg", PROBABILITIES, 0.1)
    rare = decide({**METADATA, "prevalence": 0.02}, "arm.jpg", PROBABILITIES, 0.1)
    assert (plain.label, plain.answer, plain.mpox_suspected) == ("mpox", "mpox", True)
    assert (rare.label, rare.answer, rare.mpox_suspected) == ("other", "other", True)
    assert sum(rare.probabilities.values()) == pytest.approx(1)
    # The largest probability is what the threshold was chosen on, not what it becomes.
    unsure = decide({**METADATA, "prevalence": 0.999}, "arm.jpg", np.array([0.4, 0.1, 0.4, 0.1]), 0.1)
    assert unsure.probabilities["mpox"] > 0.99
    assert (unsure.answer, unsure.abstention_reason) == ("not sure", "uncertain")
    untold = decide({**METADATA, "thresholds": None, "prevalence": 0.02}, "arm.jpg", PROBABILITIES, None)
    assert (untold.label, untold.mpox_suspected) == ("other", None)


def test_a_network_without_mpox_may_be_not_sure_too():
    metadata = {"classes": ["acne", "eczema"], "thresholds": {"confidence": 0.7, "ood_score": 0.5}}
    predictions = [decide(metadata, "arm.jpg", np.array(each), 0.1) for each in ([0.6, 0.4], [0.1, 0.9])]
    assert [(each.answer, each.mpox_suspected) for each in predictions] == [("not sure", None), ("eczema", None)]
