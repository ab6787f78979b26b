"""Evaluate a classifier on labelled photos, and show the results on one self-contained HTML page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mpox_keras.data.decode import PhotoError
from mpox_keras.data.folder import DataError, Photo, metadata_columns
from mpox_keras.evaluation.calibration import scale
from mpox_keras.evaluation.external import evaluate_mpox_against_other_rashes
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.inference.classifier import Classifier
from mpox_keras.reports.page import write_page
from mpox_keras.reports.plots import inline_svg, plot_confusion_matrix, plot_coverage, plot_reliability, plot_roc_curves
from mpox_keras.reports.summary import percent
from mpox_keras.utils.classes import MPOX, NORMAL

_RELIABILITY = "Accuracy by top probability with 95 % intervals. Below the diagonal, answers are surer than right."


def evaluate_classifier(classifier: Classifier, photos: Sequence[Photo]) -> tuple[dict, np.ndarray, np.ndarray]:
    """What `evaluate_predictions` returns for labelled photos, none of which the network should have been trained on.

    With it come the labels, `(photos,)`, and the probabilities, `(photos, classes)`. DataError if a photo's label is no class
    of the classifier, PhotoError if it can't be read.
    """
    unknown = sorted({photo.label for photo in photos}.difference(classifier.classes))
    if unknown:
        known = ", ".join(classifier.classes)
        raise DataError(f"the photos have the labels {', '.join(unknown)}, but the network knows {known}.")
    labels = np.array([classifier.classes.index(photo.label) for photo in photos])
    probabilities = predict_labelled(classifier, photos)
    results = evaluate_predictions(labels, probabilities, classifier.classes, metadata=metadata_columns(photos))
    return results, labels, probabilities


def external_figures(photos: Sequence[Photo], probabilities: np.ndarray, classes: Sequence[str]) -> dict:
    """What `evaluate_mpox_against_other_rashes` returns for photos of rashes, whichever these are; normal ones are left out."""
    rash = np.array([photo.label != NORMAL for photo in photos])
    mpox = np.array([photo.label == MPOX for photo in photos])
    patients = [photo.metadata.get("patient", "") for photo in photos if photo.label != NORMAL]
    return evaluate_mpox_against_other_rashes(mpox[rash], probabilities[rash], classes, patients)


def predict_labelled(classifier: Classifier, photos: Sequence[Photo]) -> np.ndarray:
    """Probabilities, `(photos, classes)`; PhotoError if a photo can't be read."""
    probabilities = np.zeros((len(photos), len(classifier.classes)))
    for index, prediction in enumerate(classifier.predict(photo.encoded for photo in photos)):
        if prediction.error:
            raise PhotoError(
                f"{photos[index].file}: {prediction.error} Or leave it out: write a reason in the column `drop` of "
                "its row in groups.csv (`mpox-keras data check` does)."
            )
        probabilities[index] = list(prediction.probabilities.values())
    return probabilities


def write_report(
    directory: Path,
    results: dict,
    labels: np.ndarray,
    probabilities: np.ndarray,
    *,
    title: str,
    protocol: str,
    description: str = "",
    files: Sequence[str] | None = None,
    pictures: Sequence[tuple[str, np.ndarray]] = (),
) -> Path:
    """Write `report.html` and `results.json`, as `write_page` does, whose arguments and path these are too.

    Args:
        results: what `evaluate_predictions` returned for these labels and probabilities, and whatever else is known:
            `thresholds` of `choose_thresholds`, `external` and `external_auc` of `cross_validate`. Sections without
            results are left out.
        labels, probabilities: true class indices, int, `(photos,)`, and `(photos, classes)`, 0 to 1.
        description: what was evaluated, in a paragraph.
        files: a name per photo, for the table of misclassified photos; without it there is no such table.
        pictures: captions and photos, uint8 0 to 255, `(height, width, 3)`; shown at most 224 pixels wide or high.

    Example:
        >>> write_report("runs/report", results, labels, probabilities, title="MSID", protocol="five grouped folds")
        PosixPath('runs/report/report.html')
    """
    classes = results["classes"]
    plots = [
        (plot_confusion_matrix(results), "Answers by true class, with shares of the true class."),
        (plot_roc_curves(labels, probabilities, classes), "ROC curve of each class against the rest."),
        (plot_reliability(labels, probabilities), _RELIABILITY),
    ]
    threshold_plots = []
    if thresholds := results.get("thresholds"):
        temperature = thresholds["temperature"]
        calibrated = plot_reliability(labels, scale(probabilities, temperature))
        threshold_plots = [
            (calibrated, f"Accuracy by top probability at the temperature {temperature:.2f}."),
            (plot_coverage(thresholds["coverage_curve"]), "Accuracy of the surest answers, with 95 % intervals."),
        ]
    return write_page(
        directory,
        "reports/report.html",
        results,
        title=title,
        protocol=protocol,
        description=description,
        photos_shown=pictures,
        classification_plots=[(inline_svg(figure, caption), caption) for figure, caption in plots],
        threshold_plots=[(inline_svg(figure, caption), caption) for figure, caption in threshold_plots],
        misclassified=None if files is None else _misclassified(files, labels, probabilities, classes),
        misclassified_count=int((probabilities.argmax(axis=1) != labels).sum()),
    )


def _misclassified(files, labels, probabilities, classes):
    """File, true class and answer of the 20 photos that gave the true class the least probability."""
    predicted = probabilities.argmax(axis=1)
    of_true_class = probabilities[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(of_true_class[wrong], kind="stable")][:20]

    def with_probability(photo, index):
        return f"{classes[index]} {percent(probabilities[photo, index])}"

    return [(files[i], with_probability(i, labels[i]), with_probability(i, predicted[i])) for i in wrong]
