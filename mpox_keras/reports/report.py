"""Classification results on one self-contained HTML page."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mpox_keras.evaluation.calibration import scale
from mpox_keras.reports.page import write_page
from mpox_keras.reports.plots import inline_svg, plot_confusion_matrix, plot_coverage, plot_reliability, plot_roc_curves
from mpox_keras.reports.summary import percent

_RELIABILITY = "Accuracy by top probability with 95 % intervals. Below the diagonal, answers are surer than right."


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
