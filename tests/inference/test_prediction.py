"""What probabilities mean where mpox is rare or frequent."""

import numpy as np
import pytest

from mpox_keras.inference.prediction import Prediction, at_prevalence, decide

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


def test_a_notebook_shows_bars_and_where_the_label_was_seen():
    seen = np.zeros((2, 3, 2))
    seen[1, 2, 1] = 4
    page = Prediction("<arm>.jpg", "b & c", {"a": 0.25, "b & c": 0.75}, class_activation_map=seen)._repr_html_()
    assert "b &amp; c: &lt;arm&gt;.jpg" in page
    assert "75.0%" in page
    assert "viewBox='0 0 3 2'" in page
    assert page.count("opacity=0.00") == 5
    assert "<rect x=2 y=1 width=1 height=1 fill=firebrick opacity=1.00 />" in page
    assert "not a diagnosis" in page
    assert "mpox suspected" not in page
    assert "b, mpox suspected: arm.jpg" in Prediction("arm.jpg", "b", {"b": 1.0}, mpox_suspected=True)._repr_html_()
    broken = Prediction("arm.jpg", None, {}, error="arm.jpg is <empty>")._repr_html_()
    assert "arm.jpg is &lt;empty&gt;" in broken
    assert "svg" not in broken
