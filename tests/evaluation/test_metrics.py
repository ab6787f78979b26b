"""Figures against hand-computed examples and scikit-learn."""

import json
import warnings

import numpy as np
import pytest
from sklearn import metrics as reference

from mpox_keras.evaluation.calibration import calibration_bins
from mpox_keras.evaluation.intervals import wilson_interval
from mpox_keras.evaluation.metrics import NOT_RECORDED, evaluate_predictions

CLASSES = ["mpox", "chickenpox", "measles", "normal"]


@pytest.fixture(autouse=True)
def _warnings_are_errors():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def random_predictions(photos=200, seed=0):
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, len(CLASSES), photos)
    logits = generator.normal(size=(photos, len(CLASSES))) + 1.5 * np.eye(len(CLASSES))[labels]
    probabilities = np.exp(logits)
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def test_hand_computed_two_classes():
    labels = [0, 0, 0, 1, 1]
    probabilities = [[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.1, 0.9]]
    results = evaluate_predictions(labels, probabilities, ["mpox", "normal"], folds=[0, 0, 1, 1, 1])
    assert results["confusion_matrix"] == [[2, 1], [1, 1]]
    assert results["accuracy"] == pytest.approx(3 / 5)
    assert results["fold_accuracies"] == pytest.approx([1, 1 / 3])
    assert results["accuracy_mean"] == pytest.approx(2 / 3)
    assert results["accuracy_sd"] == pytest.approx(np.sqrt(2 * (1 / 3) ** 2))
    mpox = results["per_class"]["mpox"]
    assert (mpox["precision"], mpox["recall"], mpox["specificity"], mpox["f1"]) == pytest.approx((2 / 3, 2 / 3, 1 / 2, 2 / 3))
    # Of the six pairs of an mpox and a normal photo, only (0.3, 0.6) is ranked the wrong way round.
    assert mpox["auc"] == pytest.approx(5 / 6)
    assert mpox["support"] == 3
    assert results["brier_score"] == pytest.approx(2 * (0.01 + 0.04 + 0.49 + 0.36 + 0.01) / 5)
    assert "rash_classes_only" not in results


def test_figures_agree_with_scikit_learn():
    labels, probabilities = random_predictions()
    predicted = probabilities.argmax(axis=1)
    results = evaluate_predictions(labels, probabilities, CLASSES)
    assert results["accuracy"] == pytest.approx(reference.accuracy_score(labels, predicted))
    assert results["macro_f1"] == pytest.approx(reference.f1_score(labels, predicted, average="macro"))
    assert results["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(labels, predicted))
    assert results["macro_auc"] == pytest.approx(reference.roc_auc_score(labels, probabilities, multi_class="ovr"))
    precision, recall, f1, support = reference.precision_recall_fscore_support(labels, predicted)
    for index, figures in enumerate(results["per_class"].values()):
        expected = (precision[index], recall[index], f1[index], support[index])
        assert (figures["precision"], figures["recall"], figures["f1"], figures["support"]) == pytest.approx(expected)
        specificity = reference.recall_score(labels != index, predicted != index)
        assert figures["specificity"] == pytest.approx(specificity)


@pytest.mark.parametrize(
    ("successes", "trials", "expected"),
    # Newcombe 1998, table I; 10 of 10 from the closed form n / (n + 1.96^2).
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0, 0.1611)), (10, 10, (0.7225, 1))],
)
def test_wilson_interval_agrees_with_published_values(successes, trials, expected):
    assert wilson_interval(successes, trials) == pytest.approx(expected, abs=5e-5)


def test_calibration_error_by_hand():
    # Bins are 1/15 wide: 0.95 and 0.97 share the last one (mean 0.96, accuracy 1/2), 0.62 has one of its own.
    labels = [0, 1, 1]
    probabilities = [[0.95, 0.05], [0.97, 0.03], [0.38, 0.62]]
    results = evaluate_predictions(labels, probabilities, ["mpox", "normal"])
    assert results["expected_calibration_error"] == pytest.approx(2 / 3 * 0.46 + 1 / 3 * 0.38)


def test_bin_edge_belongs_to_the_lower_bin():
    _, _, photos = calibration_bins(np.array([0, 0]), np.array([[0.6, 0.4], [0.6 + 1e-9, 0.4 - 1e-9]]))
    assert photos.tolist() == [1, 1]


def test_class_without_photos_is_undefined():
    labels = [0, 0, 1, 1]
    probabilities = np.array([[0.7, 0.1, 0.1, 0.1], [0.1, 0.7, 0.1, 0.1], [0.1, 0.6, 0.2, 0.1], [0.1, 0.1, 0.7, 0.1]])
    results = evaluate_predictions(labels, probabilities, CLASSES)
    measles, normal = results["per_class"]["measles"], results["per_class"]["normal"]
    assert [measles[name] for name in ("recall", "recall_interval", "f1", "auc")] == [None] * 4
    assert measles["precision"] == 0
    assert measles["specificity"] == pytest.approx(3 / 4)
    assert normal["precision"] is None
    assert results["balanced_accuracy"] == pytest.approx(1 / 2)
    # F1 of mpox: 2 of 2 + 1; of chickenpox: 2 of 2 + 2.
    assert results["macro_f1"] == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_one_fold_has_no_deviation():
    results = evaluate_predictions([0, 1], [[0.9, 0.1], [0.2, 0.8]], ["mpox", "normal"], folds=[3, 3])
    assert results["accuracy_sd"] is None


def test_rash_classes_are_evaluated_without_normal():
    labels = np.array([0, 0, 1, 2, 3])
    probabilities = np.array(
        [
            [0.30, 0.10, 0.10, 0.50],  # normal wins overall, mpox among rashes
            [0.10, 0.60, 0.10, 0.20],
            [0.20, 0.70, 0.05, 0.05],
            [0.40, 0.10, 0.30, 0.20],  # mpox wins among rashes
            [0.00, 0.00, 0.00, 1.00],
        ]
    )
    results = evaluate_predictions(labels, probabilities, CLASSES)
    rash, mpox = results["rash_classes_only"], results["mpox_against_other_rashes"]
    assert results["accuracy"] == pytest.approx(2 / 5)
    assert rash["photos"] == 4
    assert rash["accuracy"] == pytest.approx(2 / 4)
    # F1: mpox 2 / (2 + 1 + 1), chickenpox 2 / (2 + 1), measles 0.
    assert rash["macro_f1"] == pytest.approx((1 / 2 + 2 / 3 + 0) / 3)
    # Scores 0.6 and 0.125 against 0.2105 and 0.5: two of four pairs are in order.
    assert mpox["auc"] == pytest.approx(1 / 2)
    assert (mpox["recall"], mpox["specificity"]) == pytest.approx((1 / 2, 1 / 2))


@pytest.mark.parametrize("order", [[3, 0, 1, 2], [1, 3, 2, 0]])
def test_rash_figures_do_not_depend_on_class_order(order):
    labels, probabilities = random_predictions()
    expected = evaluate_predictions(labels, probabilities, CLASSES)
    reordered = evaluate_predictions(np.argsort(order)[labels], probabilities[:, order], [CLASSES[index] for index in order])
    for section in ("rash_classes_only", "mpox_against_other_rashes"):
        for name, value in expected[section].items():
            assert reordered[section][name] == (value if isinstance(value, str) else pytest.approx(value))


def test_photo_surely_called_normal_is_not_counted_as_mpox():
    labels = [0, 1, 2]
    probabilities = [[0, 0, 0, 1], [0.1, 0.8, 0.1, 0], [0.1, 0.1, 0.8, 0]]
    results = evaluate_predictions(labels, probabilities, CLASSES)
    assert results["rash_classes_only"]["accuracy"] == pytest.approx(2 / 3)
    assert results["mpox_against_other_rashes"]["recall"] == 0


def test_only_normal_photos_leave_rash_figures_undefined():
    results = evaluate_predictions([3, 3], [[0.1, 0.1, 0.1, 0.7]] * 2, CLASSES)
    assert results["rash_classes_only"]["accuracy"] is None
    assert results["rash_classes_only"]["macro_f1"] is None
    assert results["mpox_against_other_rashes"]["auc"] is None


def test_breakdown_by_metadata():
    labels = [0, 0, 0, 1]
    probabilities = [[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]]
    metadata = {"stage": ["early", "early", "late", ""], "source": ["", "", "", ""]}
    breakdown = evaluate_predictions(labels, probabilities, ["mpox", "normal"], metadata=metadata)["breakdown"]
    assert breakdown["source"] == NOT_RECORDED
    assert list(breakdown["stage"]) == ["early", "late", NOT_RECORDED]
    early = breakdown["stage"]["early"]
    assert (early["photos"], early["accuracy"]) == (2, 0.5)
    assert early["accuracy_interval"] == wilson_interval(1, 2)
    assert early["per_class"]["mpox"] == {"recall": 0.5, "recall_interval": wilson_interval(1, 2), "support": 2}
    assert early["per_class"]["normal"] == {"recall": None, "recall_interval": None, "support": 0}
    assert breakdown["stage"][NOT_RECORDED]["per_class"]["normal"]["recall"] == 1


def test_results_survive_json():
    labels, probabilities = random_predictions(photos=30)
    labels[labels == 2] = 1
    results = evaluate_predictions(
        labels,
        probabilities.astype("float32"),
        CLASSES,
        folds=np.arange(30) % 5,
        metadata={"stage": ["early", ""] * 15},
    )
    assert json.loads(json.dumps(results, allow_nan=False)) == results


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0, 1, 1]}, "probabilities must have the shape"),
        ({"labels": [0, 2]}, "labels must lie in 0 to 1"),
        ({"labels": [-1, 1]}, "labels must lie in 0 to 1"),
        ({"labels": [0.0, 1.0]}, "labels must be whole"),
        ({"labels": []}, "labels must have the shape"),
        ({"probabilities": [[0.5, 0.5], [np.nan, 1]]}, "sum to 1.*row 1"),
        ({"probabilities": [[0.5, 0.4], [0, 1]]}, "sum to 1.*row 0"),
        ({"probabilities": [[1.5, -0.5], [0, 1]]}, "0 or more.*row 0"),
        ({"classes": ["mpox", "mpox"]}, "classes must be"),
        ({"folds": [0]}, "folds has 1 values for 2 photos"),
        ({"metadata": {"stage": ["early"]}}, r"metadata\['stage'\] has 1 values for 2 photos"),
    ],
)
def test_bad_input_is_named(change, message):
    good = {"labels": [0, 1], "probabilities": [[0.9, 0.1], [0.2, 0.8]], "classes": ["mpox", "normal"]}
    with pytest.raises(ValueError, match=message.replace(" ", r"\s")):
        evaluate_predictions(**good | change)
