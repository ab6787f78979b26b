"""Plots of classification results, for a report page or a paper."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import auc, roc_curve

from mpox_keras.evaluation.calibration import CALIBRATION_BINS, calibration_bins
from mpox_keras.evaluation.comparison import pareto_front
from mpox_keras.evaluation.intervals import wilson_interval
from mpox_keras.evaluation.metrics import check_predictions
from mpox_keras.utils.files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito 2008, "Color universal design", without yellow and black, which vanish on light and on dark pages.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_INK = "#1f2a33"
_SETTINGS = {
    "font.size": 10,
    "text.color": _INK,
    "axes.labelcolor": _INK,
    "axes.edgecolor": _INK,
    "axes.linewidth": 0.8,
    "xtick.color": _INK,
    "ytick.color": _INK,
    # A class may be called anything, a dollar sign included.
    "text.parse_math": False,
    "svg.fonttype": "none",
}


def plot_confusion_matrix(results: dict, path: str | Path | None = None) -> Figure:
    """Draw the confusion matrix: counts, and shares of each true class, which also set the colour.

    Args:
        results: what `evaluate_predictions` returned.
        path: where to save the plot, `.svg` or `.png`; None saves nothing.

    Raises:
        ValueError: `path` ends in something else.

    Example:
        >>> plot_confusion_matrix(results, "confusion.svg")
    """
    import matplotlib
    from matplotlib.patches import Rectangle

    counts, classes = np.array(results["confusion_matrix"]), results["classes"]
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure(4.6, 4.2)
        for row, true_class in enumerate(counts):
            for column, count in enumerate(true_class):
                share = count / max(true_class.sum(), 1)
                # Opacity instead of a colour map lets the page behind show through, be it light or dark.
                cell = Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=_COLOURS[0], linewidth=0)
                cell.set_alpha(0.06 + 0.94 * share)
                axes.add_patch(cell)
                percent = f"{share:.0%}" if share >= 0.005 else "<1%"
                text = f"{count}\n{percent}" if count else "0"
                # White is readable on nearly opaque blue only; ink turns light where the page is dark.
                colour = "#ffffff" if share > 0.75 else _INK
                axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=10, linespacing=1.3)
        names = [textwrap.fill(name, 14) for name in classes]
        slanted = len(classes) > 4
        axes.set_xticks(range(len(classes)), names, rotation=40 if slanted else 0, ha="right" if slanted else "center")
        axes.set_yticks(range(len(classes)), names)
        axes.set(xlim=(-0.5, len(classes) - 0.5), ylim=(len(classes) - 0.5, -0.5), xlabel="Answer", ylabel="True class")
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        _save(figure, path)
    return figure


def plot_roc_curves(
    labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str], path: str | Path | None = None
) -> Figure:
    """Draw the one-against-rest ROC curve of each class that has photos, where other classes have too.

    Args:
        labels: true class indices, int, `(photos,)`.
        probabilities: 0 to 1, `(photos, classes)`.
        classes: class names in the order of the columns of `probabilities`.
        path: where to save the plot, `.svg` or `.png`; None saves nothing.

    Raises:
        ValueError: the arrays do not fit together, or `path` ends in something else.

    Example:
        >>> plot_roc_curves(labels, probabilities, ["mpox", "normal"], "roc.png")
    """
    import matplotlib

    labels, probabilities = check_predictions(labels, probabilities, classes)
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure(4.6, 4.2)
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=(0, (4, 4)), alpha=0.5)
        for index, name in enumerate(classes):
            actual = labels == index
            if not actual.any() or actual.all():
                continue
            false_positive_rate, true_positive_rate, _ = roc_curve(actual, probabilities[:, index])
            axes.plot(
                false_positive_rate,
                true_positive_rate,
                color=_COLOURS[index % len(_COLOURS)],
                linestyle=("-", "--", "-.", ":")[index // len(_COLOURS) % 4],
                linewidth=1.8,
                label=f"{name}, AUC {auc(false_positive_rate, true_positive_rate):.3f}",
            )
        axes.set(xlabel="1 - specificity", ylabel="Recall", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        _rate_axes(axes)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="lower right", frameon=False)
        _save(figure, path)
    return figure


def plot_reliability(labels: np.ndarray, probabilities: np.ndarray, path: str | Path | None = None) -> Figure:
    """Draw accuracy against top probability in 15 bins with 95 % intervals, above the number of photos per bin.

    Points below the diagonal are answers surer than they are right (Guo et al. 2017, arXiv 1706.04599).

    Args:
        labels: true class indices, int, `(photos,)`.
        probabilities: 0 to 1, `(photos, classes)`.
        path: where to save the plot, `.svg` or `.png`; None saves nothing.

    Raises:
        ValueError: the arrays do not fit together, or `path` ends in something else.

    Example:
        >>> plot_reliability(labels, probabilities, "reliability.svg")
    """
    import matplotlib

    labels, probabilities = check_predictions(labels, probabilities, range(np.shape(probabilities)[-1]))
    mean_probability, accuracy, photos = calibration_bins(labels, probabilities)
    intervals = np.array([wilson_interval(round(a * n), n) for a, n in zip(accuracy, photos, strict=True)])
    bins = np.linspace(0, 1, CALIBRATION_BINS + 1)
    with matplotlib.rc_context(_SETTINGS):
        figure, (axes, histogram) = _figure(4.6, 4.2, nrows=2, sharex=True, height_ratios=(4, 1))
        axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=(0, (4, 4)), alpha=0.5)
        axes.vlines(mean_probability, intervals[:, 0], intervals[:, 1], color=_COLOURS[0], linewidth=1.4, alpha=0.5)
        axes.plot(mean_probability, accuracy, "o", color=_COLOURS[0], markersize=5)
        axes.set(ylabel="Accuracy", xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        _rate_axes(axes)
        top = probabilities.max(axis=1)
        histogram.hist(top, bins=bins, color=_COLOURS[0], alpha=0.7, rwidth=0.88, linewidth=0)
        histogram.set(xlabel="Top probability", ylabel="Photos")
        histogram.spines[["top", "right"]].set_visible(False)
        _save(figure, path)
    return figure


def plot_coverage(curve: Sequence[dict], path: str | Path | None = None) -> Figure:
    """Draw accuracy against the share of photos that are answered, the surest first, with 95 % intervals.

    Args:
        curve: `coverage_curve` of `choose_thresholds`.
        path: where to save the plot, `.svg` or `.png`; None saves nothing.

    Raises:
        ValueError: `path` ends in something else.

    Example:
        >>> plot_coverage(results["thresholds"]["coverage_curve"], "coverage.svg")
    """
    import matplotlib

    coverage, accuracy = ([row[key] for row in curve] for key in ("coverage", "accuracy"))
    low, high = np.array([row["accuracy_interval"] for row in curve]).T
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure(4.6, 4.2)
        axes.fill_between(coverage, low, high, color=_COLOURS[0], alpha=0.15, linewidth=0)
        axes.plot(coverage, accuracy, "o-", color=_COLOURS[0], linewidth=1.8, markersize=5)
        axes.set(xlabel="Share of photos answered", ylabel="Accuracy of the answers")
        axes.grid(alpha=0.15, color=_INK, linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        _save(figure, path)
    return figure


def plot_selection(candidates: dict[str, dict], winner: str, path: str | Path | None = None) -> Figure:
    """Draw accuracy, with 95 % intervals, against time and size; a line joins the networks that no other is superior to.

    Args:
        candidates: of `select_network`: name -> `accuracy`, `accuracy_interval`, `milliseconds` and `tflite_bytes`.
        winner: the name to draw larger.
        path: where to save the plot, `.svg` or `.png`; None saves nothing.

    Raises:
        ValueError: `path` ends in something else.

    Example:
        >>> plot_selection(results["candidates"], results["winner"], "selection.svg")
    """
    import matplotlib
    from matplotlib.ticker import ScalarFormatter

    accuracies = [candidate["accuracy"] for candidate in candidates.values()]
    with matplotlib.rc_context(_SETTINGS):
        figure, panels = _figure(8.4, 4.2, ncols=2, sharey=True)
        for axes, key, unit, label in (
            (panels[0], "milliseconds", 1, "Milliseconds a photo, TFLite, one thread"),
            (panels[1], "tflite_bytes", 1e6, "Size as a TFLite model, MB"),
        ):
            costs = [candidate[key] / unit for candidate in candidates.values()]
            front = pareto_front(costs, accuracies)
            axes.plot(
                [costs[index] for index in front], [accuracies[index] for index in front], color=_INK, linewidth=0.8, alpha=0.5
            )
            for index, (name, candidate) in enumerate(candidates.items()):
                colour = _COLOURS[index % len(_COLOURS)]
                axes.vlines(costs[index], *candidate["accuracy_interval"], color=colour, linewidth=1.4, alpha=0.5)
                axes.plot(costs[index], accuracies[index], "o", color=colour, markersize=9 if name == winner else 6, label=name)
            axes.set(xscale="log", xlabel=label)
            axes.xaxis.set_major_formatter(ScalarFormatter())
            axes.xaxis.set_minor_formatter(ScalarFormatter())
            axes.tick_params(axis="x", which="both", length=3, pad=4)
            axes.grid(alpha=0.15, color=_INK, linewidth=0.8)
            axes.spines[["top", "right"]].set_visible(False)
        panels[0].set_ylabel("Accuracy out of fold")
        panels[1].legend(frameon=False, loc="best")
        _save(figure, path)
    return figure


def plot_deletion_and_insertion(methods: dict, path: str | Path | None = None) -> Figure:
    """Draw how faithful each method's heat maps are, with standard errors; the grey line is where a map of noise lies.

    Args:
        methods: `methods` of `measure_explanations`.
        path: where to save the plot, `.svg` or `.png`; None saves nothing.

    Raises:
        ValueError: `path` ends in something else.

    Example:
        >>> plot_deletion_and_insertion(results["methods"], "faithfulness.svg")
    """
    import matplotlib

    names = [name for name in methods if name != "random"]
    rows = np.arange(len(names))[::-1]
    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure(4.6, 1.2 + 0.34 * len(names))
        for kind, colour, marker in (("insertion", _COLOURS[0], "o"), ("deletion", _COLOURS[1], "D")):
            means = [methods[name][kind] for name in names]
            errors = [methods[name][f"{kind}_error"] or 0 for name in names]
            axes.errorbar(means, rows, xerr=errors, fmt=marker, color=colour, markersize=5, elinewidth=1.4, label=kind)
            axes.axvline(methods["random"][kind], color=colour, linewidth=0.8, linestyle=(0, (4, 4)), alpha=0.7)
        axes.set_yticks(rows, [name.replace("_", " ") for name in names])
        axes.set(xlabel="Area under the curve", xlim=(-0.01, 1.01), ylim=(-0.6, len(names) - 0.4))
        axes.grid(axis="x", alpha=0.15, color=_INK, linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2, frameon=False)
        _save(figure, path)
    return figure


def plot_agreement(names: Sequence[str], correlations: np.ndarray, path: str | Path | None = None) -> Figure:
    """Draw how far several methods' heat maps agree.

    Args:
        names: of the methods.
        correlations: -1 to 1, `(names, names)`.
        path: where to save the plot, `.svg` or `.png`; None saves nothing.

    Raises:
        ValueError: `path` ends in something else.

    Example:
        >>> plot_agreement(["lime", "shap"], [[1, 0.8], [0.8, 1]])
    """
    import matplotlib
    from matplotlib.patches import Rectangle

    with matplotlib.rc_context(_SETTINGS):
        figure, axes = _figure(4.6, 4.6)
        for (row, column), value in np.ndenumerate(np.asarray(correlations, float)):
            cell = Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=_COLOURS[0 if value > 0 else 1], linewidth=0)
            cell.set_alpha(0.06 + 0.94 * abs(value))
            axes.add_patch(cell)
            colour = "#ffffff" if abs(value) > 0.75 else _INK
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour, fontsize=8)
        shown = [name.replace("_", " ") for name in names]
        axes.set_xticks(range(len(names)), shown, rotation=40, ha="right")
        axes.set_yticks(range(len(names)), shown)
        axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5))
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        _save(figure, path)
    return figure


def inline_svg(figure: Figure, description: str) -> str:
    """A figure as an `<svg>` element whose ink takes the text colour of the HTML page around it.

    Args:
        figure: a figure of this module.
        description: what the figure shows, for screen readers; must be HTML-escaped.
    """
    import matplotlib

    stream = io.BytesIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    with matplotlib.rc_context(_SETTINGS):
        figure.savefig(stream, format="svg", transparent=True, metadata=no_metadata)
    svg = stream.getvalue().decode()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    return svg.replace("<svg", f'<svg role="img" aria-label="{description}"', 1)


def _figure(width: float, height: float, **grid):
    # Figure objects made without pyplot belong to no global state and need no display.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    return figure, figure.subplots(**grid)


def _rate_axes(axes: Axes) -> None:
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.set_xticks(np.linspace(0, 1, 6))
    axes.grid(alpha=0.15, color=_INK, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _save(figure: Figure, path: str | Path | None) -> None:
    if path is None:
        return
    if Path(path).suffix.lower() not in (".svg", ".png"):
        raise ValueError(f"{path} must end in .svg or .png.")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=200)
