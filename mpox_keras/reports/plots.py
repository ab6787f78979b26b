"""Plots of classification results, for a report page or a paper.

Example:
    >>> save_plot(plot_confusion_matrix(results), "confusion.svg")
"""

import io
import itertools
import textwrap
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import ScalarFormatter
from sklearn.metrics import roc_curve

from mpox_keras.evaluation.calibration import CALIBRATION_BINS, calibration_bins
from mpox_keras.evaluation.intervals import wilson_interval
from mpox_keras.evaluation.metrics import auc
from mpox_keras.utils.files import replacing

# Okabe and Ito 2008, "Color universal design", without yellow and black, which vanish on light and on dark pages.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_INK = "#1f2a33"
_SETTINGS = {
    "font.size": 10,
    "axes.linewidth": 0.8,
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK),
    # A class may be called anything, a dollar sign included.
    "text.parse_math": False,
    "svg.fonttype": "none",
}

_styled = matplotlib.rc_context(_SETTINGS)


@_styled
def plot_confusion_matrix(results: dict) -> Figure:
    """Draw the confusion matrix of `evaluate_predictions`: counts, and shares of each true class, which also set the colour."""
    counts, classes = np.array(results["confusion_matrix"]), results["classes"]
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure, axes = _figure()
    for (row, column), share in np.ndenumerate(shares):
        # Opacity instead of a colour map lets the page behind show through, be it light or dark.
        look = {"facecolor": _COLOURS[0], "linewidth": 0, "alpha": 0.06 + 0.94 * share}
        axes.add_patch(Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, **look))
        count, percent = counts[row, column], f"{share:.0%}" if share >= 0.005 else "<1%"
        # White is readable on nearly opaque cells only; ink turns light where the page is dark.
        look = {"color": "#ffffff" if share > 0.75 else _INK, "ha": "center", "va": "center", "linespacing": 1.3}
        axes.text(column, row, f"{count}\n{percent}" if count else "0", **look)
    names, slanted = [textwrap.fill(name, 14) for name in classes], len(classes) > 4
    axes.set_xticks(range(len(names)), names, rotation=40 if slanted else 0, ha="right" if slanted else "center")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5), xlabel="Answer", ylabel="True class")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


@_styled
def plot_roc_curves(labels: np.ndarray, probabilities: np.ndarray, classes: Sequence[str]) -> Figure:
    """Draw the one-against-rest ROC curve of each class, where the class and the rest have photos.

    Labels, probabilities and classes are those of `evaluate_predictions`.
    """
    figure, axes = _figure()
    _rate_axes(axes)
    looks = itertools.cycle(itertools.product(("-", "--", "-.", ":"), _COLOURS))
    for index, (name, (style, colour)) in enumerate(zip(classes, looks, strict=False)):
        actual, score = labels == index, probabilities[:, index]
        area = auc(actual, score)
        if area is not None:
            curve = roc_curve(actual, score)[:2]
            axes.plot(*curve, color=colour, linestyle=style, linewidth=1.8, label=f"{name}, AUC {area:.3f}")
    axes.set(xlabel="1 - specificity", ylabel="Recall")
    if len(axes.lines) > 1:  # beside the diagonal
        axes.legend(loc="lower right", frameon=False)
    return figure


@_styled
def plot_reliability(labels: np.ndarray, probabilities: np.ndarray) -> Figure:
    """Draw accuracy against top probability in 15 bins with 95 % intervals, above the number of photos per bin.

    Points below the diagonal are answers surer than they are right (Guo et al. 2017, arXiv 1706.04599). Labels and
    probabilities are those of `evaluate_predictions`.
    """
    mean_probability, accuracy, photos = calibration_bins(labels, probabilities)
    intervals = np.array([wilson_interval(round(a * n), n) for a, n in zip(accuracy, photos, strict=True)])
    figure, (axes, histogram) = _figure(nrows=2, sharex=True, height_ratios=(4, 1))
    _rate_axes(axes)
    axes.vlines(mean_probability, intervals[:, 0], intervals[:, 1], color=_COLOURS[0], linewidth=1.4, alpha=0.5)
    axes.plot(mean_probability, accuracy, "o", color=_COLOURS[0], markersize=5)
    axes.set(ylabel="Accuracy")
    bins = np.linspace(0, 1, CALIBRATION_BINS + 1)
    histogram.hist(probabilities.max(axis=1), bins=bins, color=_COLOURS[0], alpha=0.7, rwidth=0.88, linewidth=0)
    histogram.set(xlabel="Top probability", ylabel="Photos")
    histogram.spines[["top", "right"]].set_visible(False)
    return figure


@_styled
def plot_coverage(curve: Sequence[dict]) -> Figure:
    """Draw the `coverage_curve` of `choose_thresholds`: accuracy against the share of photos answered, with 95 % intervals."""
    coverage, accuracy = ([row[key] for row in curve] for key in ("coverage", "accuracy"))
    low, high = np.array([row["accuracy_interval"] for row in curve]).T
    figure, axes = _figure()
    axes.fill_between(coverage, low, high, color=_COLOURS[0], alpha=0.15, linewidth=0)
    axes.plot(coverage, accuracy, "o-", color=_COLOURS[0], linewidth=1.8, markersize=5)
    axes.set(xlabel="Share of photos answered", ylabel="Accuracy of the answers")
    _lighten(axes)
    return figure


@_styled
def plot_selection(candidates: dict[str, dict], winner: str) -> Figure:
    """Draw accuracy, with 95 % intervals, against time and size of the candidates of `select_network`, the winner larger."""
    figure, panels = _figure(width=9.2, ncols=2, sharey=True)
    costs = ("milliseconds", 1, "Milliseconds a photo, TFLite, one thread"), ("tflite_bytes", 1e6, "Size as a TFLite model, MB")
    for axes, (key, unit, label) in zip(panels, costs, strict=True):
        for colour, (name, candidate) in zip(itertools.cycle(_COLOURS), candidates.items(), strict=False):
            cost, size = candidate[key] / unit, 9 if name == winner else 6
            axes.vlines(cost, *candidate["accuracy_interval"], color=colour, linewidth=1.4, alpha=0.5)
            axes.plot(cost, candidate["accuracy"], "o", color=colour, markersize=size, label=name)
        axes.set(xscale="log", xlabel=label)
        axes.xaxis.set_major_formatter(ScalarFormatter())
        axes.xaxis.set_minor_formatter(ScalarFormatter())
        axes.tick_params(axis="x", which="both", length=3, pad=4)
        _lighten(axes)
    panels[0].set_ylabel("Accuracy out of fold")
    panels[1].legend(frameon=False, loc="best")
    return figure


def _rate_axes(axes):
    """Both axes from 0 to 1, with the diagonal."""
    axes.plot([0, 1], [0, 1], color=_INK, linewidth=0.8, linestyle=(0, (4, 4)), alpha=0.5)
    axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), xticks=np.linspace(0, 1, 6), yticks=np.linspace(0, 1, 6))
    _lighten(axes)


@_styled
def save_plot(figure: Figure, path: str | Path) -> None:
    """Write a plot to a file, whose suffix tells the format."""
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=200)


@_styled
def inline_svg(figure: Figure, description: str) -> Markup:
    """A plot as an `<svg>` element in the text colour of the page around it, with a description for screen readers."""
    stream = io.BytesIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=True, metadata=no_metadata)
    svg = stream.getvalue().decode()
    svg = svg[svg.index("<svg") :].replace(_INK, "currentColor")
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1))


def _figure(width=4.6, **grid):
    # Figure objects made without pyplot belong to no global state and need no display.
    figure = Figure(figsize=(width, 4.2), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    return figure, figure.subplots(**grid)


def _lighten(axes):
    axes.grid(alpha=0.15, color=_INK, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
