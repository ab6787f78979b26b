"""Results told to people: one self-contained HTML page, and a table for the terminal."""

from __future__ import annotations

import base64
import importlib.resources
import io
import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from string import Template

import numpy as np
from PIL import Image

from mpox_keras.evaluation.calibration import scale
from mpox_keras.evaluation.metrics import check_predictions
from mpox_keras.evaluation.plots import inline_svg, plot_confusion_matrix, plot_coverage, plot_reliability, plot_roc_curves
from mpox_keras.files import replacing
from mpox_keras.prediction import DISCLAIMER

_MOST_WRONG = 20
_PICTURE_SIZE = 224


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
        description: what was judged, in a paragraph.
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

    template = Template(importlib.resources.files(__package__).joinpath("report.html").read_text(encoding="utf-8"))
    page = template.substitute(
        title=escape(title),
        disclaimer=escape(DISCLAIMER),
        protocol=escape(protocol),
        description=f"<p>{escape(description)}</p>" if description else "",
        cards=_cards(results),
        per_class=_per_class_table(results["per_class"]),
        rashes=_rash_section(results),
        plots=_plots(results, labels, probabilities),
        external=_external_section(results),
        limits=_limits_section(results.get("limits"), labels, probabilities),
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


def format_summary(results: dict) -> str:
    """The headline and the figures of each class as aligned plain text.

    Args:
        results: what `evaluate_predictions` returned.

    Example:
        >>> print(format_summary(results))
        accuracy 94.1 % (92.3 to 95.5), 770 photos; folds 94.1 % ± 1.2
        rash classes only 90.4 % (87.4 to 92.8), 459 photos
        ...
    """
    lines = [f"accuracy {_proportion(results, 'accuracy')}, {_photos(results['photos'])}{_over_folds(results)}"]
    rash = results.get("rash_classes_only")
    if rash:
        lines.append(f"rash classes only {_proportion(rash, 'accuracy')}, {_photos(rash['photos'])}")
    columns = ("recall", "specificity", "precision")
    rows = [("class", *columns, "AUC", "photos")]
    for name, figures in results["per_class"].items():
        proportions = (_proportion(figures, column) for column in columns)
        rows.append((name, *proportions, _decimal(figures["auc"]), str(figures["support"])))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines.append("")
    for name, *cells in rows:
        cells = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *cells]))
    lines += ["", f"In brackets: Wilson 95 % intervals. {DISCLAIMER}"]
    return "\n".join(lines)


def format_mpox_against_others(figures: dict) -> str:
    """Figures of `evaluate_mpox_against_others` as plain text.

    Example:
        >>> print(format_mpox_against_others(figures))
        mpox against other rashes: AUC per patient 0.812 (0.701 to 0.903), 47 patients, 11 of them with mpox
        ...
    """

    def auc(unit):
        low, high = figures[f"auc_per_{unit}_interval"]
        return f"AUC per {unit} {figures[f'auc_per_{unit}']:.3f} ({low:.3f} to {high:.3f})"

    return (
        f"mpox against other rashes: {auc('patient')}, {figures['patients']} patients, {figures['mpox_patients']} of them "
        f"with mpox\n{auc('photo')}, {_photos(figures['photos'])}\n\n"
        f"In brackets: 95 % intervals, bootstrap over patients. {DISCLAIMER}"
    )


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _decimal(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _photos(count: int) -> str:
    return "1 photo" if count == 1 else f"{count} photos"


def _interval(figures: dict, name: str) -> str:
    low, high = figures[f"{name}_interval"]
    return f"{100 * low:.1f} to {100 * high:.1f}"


def _proportion(figures: dict, name: str) -> str:
    if figures[name] is None:
        return "-"
    return f"{_percent(figures[name])} ({_interval(figures, name)})"


def _over_folds(results: dict) -> str:
    if results.get("accuracy_sd") is None:
        return ""
    return f"; folds {_percent(results['accuracy_mean'])} ± {100 * results['accuracy_sd']:.1f}"


def _proportion_cell(figures: dict, name: str) -> str:
    if figures[name] is None:
        return "-"
    return f"<span>{_percent(figures[name])} <small>{_interval(figures, name)}</small></span>"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of ready HTML cells; each cell carries its heading, which narrow screens show beside it."""
    head = "".join(f'<th scope="col">{name}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{first}</th>'
        + "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in zip(header[1:], cells, strict=True))
        + "</tr>"
        for first, *cells in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cards(results: dict) -> str:
    note = f"{_interval(results, 'accuracy')}, {_photos(results['photos'])}"
    if results.get("accuracy_sd") is not None:
        folds = len(results["fold_accuracies"])
        note += f"; {folds} folds {_percent(results['accuracy_mean'])} ± {100 * results['accuracy_sd']:.1f} (SD)"
    cards = [("Accuracy", _percent(results["accuracy"]), note)]
    rash = results.get("rash_classes_only")
    if rash and rash["photos"]:
        note = f"{_interval(rash, 'accuracy')}, {_photos(rash['photos'])} of rashes"
        cards.append(("Accuracy, rash classes only", _percent(rash["accuracy"]), note))
    cards += [
        ("Macro F1", _percent(results["macro_f1"]), f"balanced accuracy {_percent(results['balanced_accuracy'])}"),
        ("Macro AUC", _decimal(results["macro_auc"]), "each class against the rest"),
        (
            "Calibration error",
            _percent(results["expected_calibration_error"]),
            f"Brier score {_decimal(results['brier_score'])} (0 to 2)",
        ),
    ]
    html = "".join(f"<div><h3>{name}</h3><b>{value}</b><small>{note}</small></div>" for name, value, note in cards)
    return html.replace(" %", "&nbsp;%")


def _per_class_table(per_class: dict) -> str:
    rows = [
        (
            escape(name),
            *(_proportion_cell(figures, column) for column in ("recall", "specificity", "precision")),
            _percent(figures["f1"]),
            _decimal(figures["auc"]),
            str(figures["support"]),
        )
        for name, figures in per_class.items()
    ]
    return _table(("Class", "Recall", "Specificity", "Precision", "F1", "AUC", "Photos"), rows)


def _rash_section(results: dict) -> str:
    rash = results.get("rash_classes_only")
    if not rash:
        return ""
    text = f"<h2>Rash classes only</h2><p>{escape(rash['definition'])}"
    text += " Photos called normal in public collections are far easier and flatter every model.</p>"
    cells = (_proportion_cell(rash, "accuracy"), _percent(rash["macro_f1"]), str(rash["photos"]))
    text += _table(("", "Accuracy", "Macro F1", "Photos"), [("All rash classes", *cells)])
    mpox = results.get("mpox_against_other_rashes")
    if mpox:
        cells = (_proportion_cell(mpox, "recall"), _proportion_cell(mpox, "specificity"), _decimal(mpox["auc"]))
        text += f"<p>{escape(mpox['definition'])}</p>"
        rows = [("Mpox against other rashes", *cells, str(mpox["photos"]))]
        text += _table(("", "Recall", "Specificity", "AUC", "Photos"), rows)
    return text


def _plots(results: dict, labels: np.ndarray, probabilities: np.ndarray) -> str:
    plots = (
        (plot_confusion_matrix(results), "Answers by true class, with shares of the true class."),
        (plot_roc_curves(labels, probabilities, results["classes"]), "ROC curve of each class against the rest."),
        (
            plot_reliability(labels, probabilities),
            "Accuracy by top probability with 95 % intervals. Below the diagonal, answers are surer than right.",
        ),
    )
    return _figures(plots)


def _figures(plots):
    return "".join(
        f"<figure>{inline_svg(figure, caption)}<figcaption>{caption}</figcaption></figure>" for figure, caption in plots
    )


def _external_section(results: dict) -> str:
    external = results.get("external")
    if not external:
        return ""
    rows = [
        (f"per {unit}", _decimal(external[f"auc_per_{unit}"]), _range(external[f"auc_per_{unit}_interval"]))
        for unit in ("patient", "photo")
    ]
    return (
        f"<h2>Photos from elsewhere</h2><p>Mpox against other rashes, {_photos(external['photos'])} of {external['patients']} "
        f"patients, {external['mpox_patients']} of them with mpox; mean of the folds' networks, intervals by bootstrap over "
        f"patients. One network alone has an AUC per patient of {_decimal(results['external_auc'])} on average.</p>"
        + _table(("AUC", "", "95 % interval"), rows)
    )


def _range(interval):
    return "-" if interval is None else f"{interval[0]:.3f} to {interval[1]:.3f}"


def _limits_section(limits: dict | None, labels: np.ndarray, probabilities: np.ndarray) -> str:
    if not limits:
        return ""
    before, after = (_percent(limits[f"expected_calibration_error_{when}"]) for when in ("before", "after"))
    alarm, abstention, refusal = limits["operating_point"], limits["abstention"], limits["refusal"]
    rows = [
        ("Suspecting mpox", alarm, ("recall", "specificity", "specificity_other_rashes")),
        ("Answering at all", abstention, ("coverage", "accuracy")),
        ("Refusing as unfamiliar", refusal, ("refused",)),
    ]
    table = _table(
        ("", "Threshold", "Out of fold"),
        [
            (
                f"{name}: {escape(figures['definition'])}",
                f"{figures['threshold']:.3f}",
                "<br>".join(f"{key.replace('_', ' ')} {_proportion(figures, key)}" for key in keys if key in figures),
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
        f'<div class="plots">{_figures(plots)}</div>'
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
        parts.append(f"<h3>{name}</h3>" + _table(header, rows))
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
            f"{escape(classes[labels[i]])} {_percent(of_true_class[i])}",
            f"{escape(classes[predicted[i]])} {_percent(probabilities[i, predicted[i]])}",
        )
        for i in wrong[:_MOST_WRONG]
    ]
    shown = f"The {len(rows)} of {len(wrong)} wrong answers that gave the true class least probability."
    return f"<h2>Photos most wrong</h2><p>{shown}</p>" + _table(("File", "True class", "Answer"), rows)


def _pictures_section(pictures: Sequence[tuple[str, np.ndarray]]) -> str:
    figures = []
    for caption, photo in pictures:
        photo = np.asarray(photo)
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[-1] != 3:
            raise ValueError(
                f"picture {caption!r} must be uint8 with the shape (height, width, 3), got {photo.dtype} {photo.shape}."
            )
        image = Image.fromarray(photo)
        image.thumbnail((_PICTURE_SIZE, _PICTURE_SIZE))
        stream = io.BytesIO()
        image.save(stream, format="PNG")
        source = f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"
        caption = escape(caption)
        figures.append(f'<figure><img src="{source}" alt="{caption}"><figcaption>{caption}</figcaption></figure>')
    return f'<h2>Photos</h2><div class="pictures">{"".join(figures)}</div>' if figures else ""
