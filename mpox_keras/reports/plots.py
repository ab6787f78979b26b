"""Plots of classification results, for a report page or a paper. `save_plot` writes one to a file."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import ScalarFormatter
from sklearn.metrics import roc_curve

from mpox_keras.evaluation.calibration import CALIBRATION_BINS, calibration_bins
from mpox_keras.evaluation.comparison import pareto_front
from mpox_keras.evaluation.intervals import wilson_interval
from mpox_keras.evaluation.metrics import auc, check_predictions
from mpox_keras.reports.figure import COLOURS, INK, draw_matrix, lighten, new_figure, styled

_WIDTH, _HEIGHT = 4.6, 4.2


@styled
def plot_confusion_matrix(results: dict) -> Figure:
    """Draw the confusion matrix: counts, and shares of each true class, which also set the colour.

    Args:
        results: what `evaluate_predictions` returned.

    Example:
        >>> save_plot(plot_confusion_matrix(results), "confusion.svg")
    """
    counts, classes = np.array(results["confusion_matrix"]), results["classes"]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    percents = [[f"{share:.0%}" if share >= 0.005 else "<1%" for share in row] for row in shares]
    texts = [[f"{count}\n{percents[r][c]}" if count else "0" for c, count in enumerate(row)] for r, row in enumerate(counts)]
    figure, axes = new_figure(_WIDTH, _HEIGHT)
    draw_matrix(axes, shares, texts, [textwrap.fill(name, 14) for name in classes], slanted=len(classes) > 4)
    axes.set(xlabel="Answer", ylabel="True class")
    return figure


@styled
def plot_roc_curves(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw the one-against-rest ROC curve of each class, where the class and the rest have photos.

    Args:
        labels: true class indices, int, `(photos,)`.
        probabilities: 0 to 1, `(photos, classes)`.
        classes: class names in the order of the columns of `probabilities`.

    Raises:
        ValueError: the arrays do not fit together.

    Example:
        >>> save_plot(plot_roc_curves(labels, probabilities, ["mpox", "normal"]), "roc.png")
    """
    labels, probabilities = check_predictions(labels, probabilities, classes)
    figure, axes = new_figure(_WIDTH, _HEIGHT)
    _rate_axes(axes)
    for index, name in enumerate(classes):
        actual, score = labels == index, probabilities[:, index]
        area = auc(actual, score)
        if area is None:
            continue
        false_positive_rate, true_positive_rate, _ = roc_curve(actual, score)
        axes.plot(
            false_positive_rate,
            true_positive_rate,
            color=COLOURS[index % len(COLOURS)],
            linestyle=("-", "--", "-.", ":")[index // len(COLOURS) % 4],
            linewidth=1.8,
            label=f"{name}, AUC {area:.3f}",
        )
    axes.set(xlabel="1 - specificity", ylabel="Recall")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower right", frameon=False)
    return figure


@styled
def plot_reliability(labels: np.ndarray, probabilities: np.ndarray) -> Figure:
    """Draw accuracy against top probability in 15 bins with 95 % intervals, above the number of photos per bin.

    Points below the diagonal are answers surer than they are right (Guo et al. 2017, arXiv 1706.04599).

    Args:
        labels: true class indices, int, `(photos,)`.
        probabilities: 0 to 1, `(photos, classes)`.

    Raises:
        ValueError: the arrays do not fit together.

    Example:
        >>> save_plot(plot_reliability(labels, probabilities), "reliability.svg")
    """
    labels, probabilities = check_predictions(labels, probabilities, range(np.shape(probabilities)[-1]))
    mean_probability, accuracy, photos = calibration_bins(labels, probabilities)
    intervals = np.array([wilson_interval(round(a * n), n) for a, n in zip(accuracy, photos, strict=True)])
    figure, (axes, histogram) = new_figure(_WIDTH, _HEIGHT, nrows=2, sharex=True, height_ratios=(4, 1))
    _rate_axes(axes)
    axes.vlines(mean_probability, intervals[:, 0], intervals[:, 1], color=COLOURS[0], linewidth=1.4, alpha=0.5)
    axes.plot(mean_probability, accuracy, "o", color=COLOURS[0], markersize=5)
    axes.set(ylabel="Accuracy")
    bins = np.linspace(0, 1, CALIBRATION_BINS + 1)
    histogram.hist(probabilities.max(axis=1), bins=bins, color=COLOURS[0], alpha=0.7, rwidth=0.88, linewidth=0)
    histogram.set(xlabel="Top probability", ylabel="Photos")
    histogram.spines[["top", "right"]].set_visible(False)
    return figure


@styled
def plot_coverage(curve: Sequence[dict]) -> Figure:
    """Draw accuracy against the share of photos that are answered, the surest first, with 95 % intervals.

    Args:
        curve: `coverage_curve` of `choose_thresholds`.

    Example:
        >>> save_plot(plot_coverage(results["thresholds"]["coverage_curve"]), "coverage.svg")
    """
    coverage, accuracy = ([row[key] for row in curve] for key in ("coverage", "accuracy"))
    low, high = np.array([row["accuracy_interval"] for row in curve]).T
    figure, axes = new_figure(_WIDTH, _HEIGHT)
    axes.fill_between(coverage, low, high, color=COLOURS[0], alpha=0.15, linewidth=0)
    axes.plot(coverage, accuracy, "o-", color=COLOURS[0], linewidth=1.8, markersize=5)
    axes.set(xlabel="Share of photos answered", ylabel="Accuracy of the answers")
    lighten(axes)
    return figure


@styled
def plot_selection(candidates: dict[str, dict], winner: str) -> Figure:
    """Draw accuracy, with 95 % intervals, against time and size; a line joins the networks that no other beats.

    Args:
        candidates: of `select_network`: name -> `accuracy`, `accuracy_interval`, `milliseconds` and `tflite_bytes`.
        winner: the name to draw larger.

    Example:
        >>> save_plot(plot_selection(results["candidates"], results["winner"]), "selection.svg")
    """
    accuracies = [candidate["accuracy"] for candidate in candidates.values()]
    figure, panels = new_figure(2 * _WIDTH, _HEIGHT, ncols=2, sharey=True)
    for axes, key, unit, label in (
        (panels[0], "milliseconds", 1, "Milliseconds a photo, TFLite, one thread"),
        (panels[1], "tflite_bytes", 1e6, "Size as a TFLite model, MB"),
    ):
        costs = [candidate[key] / unit for candidate in candidates.values()]
        front = pareto_front(costs, accuracies)
        axes.plot([costs[i] for i in front], [accuracies[i] for i in front], color=INK, linewidth=0.8, alpha=0.5)
        for index, (name, candidate) in enumerate(candidates.items()):
            colour = COLOURS[index % len(COLOURS)]
            axes.vlines(costs[index], *candidate["accuracy_interval"], color=colour, linewidth=1.4, alpha=0.5)
            axes.plot(costs[index], accuracies[index], "o", color=colour, markersize=9 if name == winner else 6, label=name)
        axes.set(xscale="log", xlabel=label)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(ScalarFormatter())
        axes.tick_params(axis="x", which="both", length=3, pad=4)
        lighten(axes)
    panels[0].set_ylabel("Accuracy out of fold")
    panels[1].legend(frameon=False, loc="best")
    return figure


def _rate_axes(axes: Axes) -> None:
    """Both axes from 0 to 1, with the diagonal."""
    axes.plot([0, 1], [0, 1], color=INK, linewidth=0.8, linestyle=(0, (4, 4)), alpha=0.5)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=np.linspace(0, 1, 6), yticks=np.linspace(0, 1, 6))
    lighten(axes)
