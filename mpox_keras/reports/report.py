"""Results told to people: one self-contained HTML page, and a table for the terminal."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from mpox_keras.evaluation.metrics import check_predictions
from mpox_keras.evaluation.calibration import scale
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.reports.page import fill_page, html_cards, html_picture, html_plots, html_table
from mpox_keras.reports.plots import plot_confusion_matrix, plot_coverage, plot_reliability, plot_roc_curves
from mpox_keras.reports.summary import decimal, interval, percent, photo_count, proportion
from mpox_keras.utils.files import replacing

_MOST_WRONG = 20


def write_report(
    directory: str | Path,
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
    """Write `report.html`, one page that needs no other file and no network, and `results.json`.

    Args:
        directory: where the two files go; made if missing.
        results: what `evaluate_predictions` returned for these labels and probabilities; every figure comes from it.
        labels: true class indices, int, `(photos,)`.
        probabilities: 0 to 1, `(photos, classes)`.
        title: heading of the page.
        protocol: how the predictions came about, such as "five grouped folds, out-of-fold".
        description: what was evaluated, in a paragraph.
        files: a name per photo, for the table of the photos most wrong; without it there is no such table.
        pictures: captions and photos, uint8 0 to 255, `(height, width, 3)`; shown at most 224 pixels wide or high.

    Returns:
        The path of `report.html`.

    Raises:
        ValueError: the results are of other predictions, or files or a picture do not fit.

    Example:
        >>> write_report("runs/report", results, labels, probabilities, title="MSID", protocol="five grouped folds")
        PosixPath('runs/report/report.html')
    """
    labels, probabilities = check_predictions(labels, probabilities, results["classes"])
    confusion = np.zeros((len(results["classes"]),) * 2, dtype=int)
    np.add.at(confusion, (labels, probabilities.argmax(axis=1)), 1)
    if confusion.tolist() != results["confusion_matrix"]:
        raise ValueError("results are not those of these labels and probabilities; evaluate_predictions makes them.")
    if files is not None and len(files) != len(labels):
        raise ValueError(f"files has {len(files)} names for {len(labels)} photos; give one each.")

    page = fill_page(
        importlib.resources.files(__package__) / "report.html",
        title=escape(title),
        disclaimer=escape(DISCLAIMER),
        protocol=escape(protocol),
        description=f"<p>{escape(description)}</p>" if description else "",
        cards=_cards(results),
        per_class=_per_class_table(results["per_class"]),
        rashes=_rash_section(results),
        plots=_plots(results, labels, probabilities),
        external=_external_section(results),
        limits=_limits_section(results.get("thresholds"), labels, probabilities),
        breakdown=_breakdown_section(results),
        most_wrong=_most_wrong_section(files, labels, probabilities, results["classes"]),
        pictures=_pictures_section(pictures),
    )
    text = json.dumps({**results, "title": title, "protocol": protocol}, indent=2, allow_nan=False)
    path = Path(directory) / "report.html"
    with replacing(path) as temporary, replacing(path.with_name("results.json")) as temporary_results:
        temporary.write_text(page, encoding="utf-8")
        temporary_results.write_text(text + "\n", encoding="utf-8")
    return path


def _proportion_cell(figures: dict, name: str) -> str:
    if figures[name] is None:
        return "-"
    return f"<span>{percent(figures[name])} <small>{interval(figures, name)}</small></span>"


def _cards(results: dict) -> str:
    note = f"{interval(results, 'accuracy')}, {photo_count(results['photos'])}"
    if results.get("accuracy_sd") is not None:
        folds = len(results["fold_accuracies"])
        note += f"; {folds} folds {percent(results['accuracy_mean'])} ± {100 * results['accuracy_sd']:.1f} (SD)"
    cards = [("Accuracy", percent(results["accuracy"]), note)]
    rash = results.get("rash_classes_only")
    if rash and rash["photos"]:
        note = f"{interval(rash, 'accuracy')}, {photo_count(rash['photos'])} of rashes"
        cards.append(("Accuracy, rash classes only", percent(rash["accuracy"]), note))
    cards += [
        ("Macro F1", percent(results["macro_f1"]), f"balanced accuracy {percent(results['balanced_accuracy'])}"),
        ("Macro AUC", decimal(results["macro_auc"]), "each class against the rest"),
        (
            "Calibration error",
            percent(results["expected_calibration_error"]),
            f"Brier score {decimal(results['brier_score'])} (0 to 2)",
        ),
    ]
    return html_cards(cards)


def _per_class_table(per_class: dict) -> str:
    rows = [
        (
            escape(name),
            *(_proportion_cell(figures, column) for column in ("recall", "specificity", "precision")),
            percent(figures["f1"]),
            decimal(figures["auc"]),
            str(figures["support"]),
        )
        for name, figures in per_class.items()
    ]
    return html_table(("Class", "Recall", "Specificity", "Precision", "F1", "AUC", "Photos"), rows)


def _rash_section(results: dict) -> str:
    rash = results.get("rash_classes_only")
    if not rash:
        return ""
    text = f"<h2>Rash classes only</h2><p>{escape(rash['definition'])}"
    text += " Photos called normal in public collections are far easier and flatter every model.</p>"
    cells = (_proportion_cell(rash, "accuracy"), percent(rash["macro_f1"]), str(rash["photos"]))
    text += html_table(("", "Accuracy", "Macro F1", "Photos"), [("All rash classes", *cells)])
    mpox = results.get("mpox_against_other_rashes")
    if mpox:
        cells = (_proportion_cell(mpox, "recall"), _proportion_cell(mpox, "specificity"), decimal(mpox["auc"]))
        text += f"<p>{escape(mpox['definition'])}</p>"
        rows = [("Mpox against other rashes", *cells, str(mpox["photos"]))]
        text += html_table(("", "Recall", "Specificity", "AUC", "Photos"), rows)
    return text


def _plots(results: dict, labels: np.ndarray, probabilities: np.ndarray) -> str:
    plots = (
        (plot_confusion_matrix(results), "FoldPredictions by true class, with shares of the true class."),
        (plot_roc_curves(labels, probabilities, results["classes"]), "ROC curve of each class against the rest."),
        (
            plot_reliability(labels, probabilities),
            "Accuracy by top probability with 95 % intervals. Below the diagonal, answers are surer than right.",
        ),
    )
    return html_plots(plots)


def _external_section(results: dict) -> str:
    external = results.get("external")
    if not external:
        return ""
    rows = [
        (f"per {unit}", decimal(external[f"auc_per_{unit}"]), _range(external[f"auc_per_{unit}_interval"]))
        for unit in ("patient", "photo")
    ]
    return (
        f"<h2>External photos</h2><p>Mpox against other rashes, {photo_count(external['photos'])} of "
        f"{external['patients']} patients, {external['mpox_patients']} of them with mpox; mean of the folds' networks, "
        f"intervals by bootstrap over patients. One network alone has an AUC per patient of "
        f"{decimal(results['external_auc'])} on average.</p>" + html_table(("AUC", "", "95 % interval"), rows)
    )


def _range(interval):
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _limits_section(limits: dict | None, labels: np.ndarray, probabilities: np.ndarray) -> str:
    if not limits:
        return ""
    before, after = (percent(limits[f"expected_calibration_error_{when}"]) for when in ("before", "after"))
    alarm, abstention, refusal = limits["operating_point"], limits["abstention"], limits["out_of_distribution"]
    rows = [
        ("Suspecting mpox", alarm, ("recall", "specificity", "specificity_other_rashes")),
        ("Answering at all", abstention, ("coverage", "accuracy")),
        ("Refusing as out_of_distribution", refusal, ("refused",)),
    ]
    table = html_table(
        ("", "Threshold", "Out of fold"),
        [
            (
                f"{name}: {escape(figures['definition'])}",
                f"{figures['threshold']:.3f}",
                "<br>".join(f"{key.replace('_', ' ')} {proportion(figures, key)}" for key in keys if key in figures),
            )
            for name, figures, keys in rows
        ],
    )
    calibrated = scale(probabilities, limits["temperature"])
    plots = (
        (plot_reliability(labels, calibrated), f"Accuracy by top probability at the temperature {limits['temperature']:.2f}."),
        (plot_coverage(limits["coverage_curve"]), "Accuracy of the surest answers, with 95 % intervals."),
    )
    return (
        f"<h2>Limits</h2><p>Temperature {limits['temperature']:.2f} lowers the calibration error from {before} to {after}. "
        f"Thresholds are chosen on all photos; the figures beside them are cross-fitted.</p>{table}"
        f'<div class="plots">{html_plots(plots)}</div>'
    )


def _breakdown_section(results: dict) -> str:
    parts = []
    for column, values in results["breakdown"].items():
        name = escape(column.replace("_", " "))
        if isinstance(values, str):
            parts.append(f"<h3>{name}</h3><p>{escape(values)}</p>")
            continue
        header = ("", "Photos", "Accuracy", *(f"Recall, {escape(label)}" for label in results["classes"]))
        rows = [
            (
                escape(value),
                str(figures["photos"]),
                _proportion_cell(figures, "accuracy"),
                *(_proportion_cell(figures["per_class"][label], "recall") for label in results["classes"]),
            )
            for value, figures in values.items()
        ]
        parts.append(f"<h3>{name}</h3>" + html_table(header, rows))
    return "<h2>By what is recorded of the photos</h2>" + "".join(parts) if parts else ""


def _most_wrong_section(
    files: Sequence[str] | None, labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]
) -> str:
    if files is None:
        return ""
    predicted = probabilities.argmax(axis=1)
    of_true_class = probabilities[np.arange(len(labels)), labels]
    wrong = np.flatnonzero(predicted != labels)
    wrong = wrong[np.argsort(of_true_class[wrong], kind="stable")]
    if not len(wrong):
        return "<h2>Photos most wrong</h2><p>Every photo was answered right.</p>"
    rows = [
        (
            escape(files[i]),
            f"{escape(classes[labels[i]])} {percent(of_true_class[i])}",
            f"{escape(classes[predicted[i]])} {percent(probabilities[i, predicted[i]])}",
        )
        for i in wrong[:_MOST_WRONG]
    ]
    shown = f"The {len(rows)} of {len(wrong)} wrong answers that gave the true class least probability."
    return f"<h2>Photos most wrong</h2><p>{shown}</p>" + html_table(("File", "True class", "Answer"), rows)


def _pictures_section(pictures: Sequence[tuple[str, np.ndarray]]) -> str:
    figures = []
    for caption, photo in pictures:
        photo = np.asarray(photo)
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[-1] != 3:
            raise ValueError(
                f"picture {caption!r} must be uint8 with the shape (height, width, 3), got {photo.dtype} {photo.shape}."
            )
        figures.append(html_picture(photo, caption))
    return f'<h2>Photos</h2><div class="pictures">{"".join(figures)}</div>' if figures else ""
