"""Draw the pictures of the docs from the committed results and from the network's own layers, the same bytes every time.

    python tools/draw_figures.py

Writes docs/figures. Ink is dark on white, which the site turns round in its dark theme. A test fails where a drawing and the
results differ.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from doc_tables.common import PRESETS, all_runs, load, load_preset, load_rows, out_of_fold, percent, run_predictions
from draw_network import draw_ablgfm, draw_fast_mpoxnet
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mpox_keras.evaluation.calibration import expected_calibration_error, fit_temperature, scale
from mpox_keras.evaluation.intervals import wilson_interval
from mpox_keras.evaluation.metrics import confusion_matrix
from mpox_keras.reports.plots import plot_confusion_matrix, plot_reliability
from mpox_keras.utils.files import replacing

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
SETTINGS = {"svg.hashsalt": "mpox-keras", "svg.fonttype": "none", "font.size": 10, "text.parse_math": False}
_BLUE, _RED, _GREEN, _GREY = "#0072b2", "#d55e00", "#009e73", "#6b7680"
_WHITE = {"facecolor": "white", "edgecolor": "none", "pad": 1}
_OF_PAPER = {"94.26 %, five folds": 0.9426, '98.40 %, "by adopting data augmentation"': 0.984}
_PROTOCOLS = {
    "fast_mpoxnet": "scenes kept together",
    "protocol_stratified": "scenes ignored,\nduplicates left in",
    "protocol_copies_settings_grouped": "scenes kept together,\nsettings of the next row",
    "protocol_copies_first": "copies made before the split,\nand evaluated too",
}
_PEERS = {
    "MobileNet 0.25": "MobileNet 0.25 at 192 pixels, frozen: averages and maxima of four depths",
    "MobileNetV2 0.35": "MobileNetV2 0.35 at 192 pixels, frozen: average of the last maps, L2 0.1",
}
"""Network of the benchmark -> its trial: the same photos, and one linear classifier on the pretrained network."""


def false_alarms(preset: str) -> Figure:
    """Share of the photos of other conditions at which mpox is suspected: both kinds, and the worst conditions."""
    results = load(f"conditions_{preset}")
    silent = next(iter(results["operating_points"].values()))["no_alarm"]
    rows = []
    for kind, title in (("other", "other conditions"), ("pox_like", "pox-like conditions")):
        interval = [1 - end for end in silent[kind]["share_interval"]]
        rows.append((f"{title}, {results['photos'][kind]:,}", 1 - silent[kind]["share"], interval))
    for row in results["worst_conditions"]:
        interval = wilson_interval(round(row["alarms"] * row["photos"]), row["photos"])
        rows.append((f"{row['condition'].replace('_', ' ')}, {row['photos']}", row["alarms"], interval))
    figure, axes = _figure(7.2, 0.26 * len(rows) + 0.9)
    colours = [_BLUE, _BLUE, *[_RED] * (len(rows) - 2)]
    _bars(axes, rows, colours)
    axes.set(xlim=(0, 1.08), xlabel="Share of the photos that raise a false alarm, with 95 % interval")
    return figure


def leak() -> Figure:
    """One network, evaluated on four splits, beside what the paper reports."""
    rows = [
        (title, all_runs()[name].accuracy, (all_runs()[name].accuracy_low, all_runs()[name].accuracy_high))
        for name, title in _PROTOCOLS.items()
    ]
    figure, axes = _figure(7.2, 3.4)
    _bars(axes, rows, [_BLUE, _RED, _BLUE, _RED])
    for number, (text, value) in enumerate(_OF_PAPER.items()):
        axes.axvline(value, color=_GREY, linestyle=(0, (4, 3)), linewidth=1)
        axes.text(value - 0.004, -0.95 - 0.45 * number, f"Yue et al.: {text}", ha="right", va="center", fontsize=9, bbox=_WHITE)
    axes.set(xlim=(0.7, 1.03), ylim=(3.6, -1.7), xlabel="Accuracy on MSID, with 95 % interval (the axis begins at 70 %)")
    return figure


def confusion(run: str) -> Figure:
    """Answers of a cross-validation, out of fold."""
    predictions = run_predictions()
    answers = predictions.probabilities[run].argmax(axis=1)
    counts = confusion_matrix(_labels(), answers, len(predictions.classes))
    return plot_confusion_matrix({"confusion_matrix": counts, "classes": predictions.classes})


def reliability(run: str) -> Figure:
    """Probability against accuracy out of fold, with the temperature that fits best."""
    probabilities = run_predictions().probabilities[run]
    probabilities = probabilities / probabilities.sum(axis=1, keepdims=True)
    temperature = fit_temperature(_labels(), probabilities)
    figure = plot_reliability(_labels(), scaled := scale(probabilities, temperature))
    before, after = (percent(expected_calibration_error(_labels(), shares)) for shares in (probabilities, scaled))
    figure.axes[0].set_title(f"temperature {temperature:.2f}: error {before} before, {after} after", fontsize=10)
    return figure


def preset_confusion(preset: str) -> Figure:
    """Answers for the photos that a preset was trained on, out of fold."""
    labels, probabilities, classes = out_of_fold(preset)
    counts = confusion_matrix(labels, probabilities.argmax(axis=1), len(classes))
    return plot_confusion_matrix({"confusion_matrix": counts, "classes": classes})


def preset_reliability(preset: str) -> Figure:
    """Probability against accuracy of the same."""
    labels, probabilities, _ = out_of_fold(preset)
    return plot_reliability(labels, probabilities)


def coverage() -> Figure:
    """Accuracy of the presets' surest answers, out of fold."""
    figure, axes = _figure(5.4, 3.8)
    for name, colour in zip(PRESETS, (_BLUE, _RED), strict=True):
        curve = load_preset(name)["out_of_fold"]["thresholds"]["coverage_curve"]
        share, accuracy = ([row[key] for row in curve] for key in ("coverage", "accuracy"))
        low, high = np.transpose([row["accuracy_interval"] for row in curve])
        axes.fill_between(share, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(share, accuracy, "o-", color=colour, label=name, markersize=4)
        at = min(range(len(share)), key=lambda index: abs(share[index] - 0.9))
        place = {"xytext": (-8, -22), "textcoords": "offset points", "ha": "center"}
        axes.annotate(percent(accuracy[at]), (share[at], accuracy[at]), color=colour, **place)
    axes.set(xlabel="Share of photos answered, the surest first", ylabel="Accuracy of the answers, five classes")
    axes.legend(frameon=False, loc="lower left")
    return figure


def accuracy_and_time() -> Figure:
    """Accuracy on the folds of MSID against the time of one photo on one thread, of what `tools/benchmark.py` has timed."""
    presets = zip(("Fast-MpoxNet", "efficientnet_lite0"), PRESETS, strict=True)
    found = {network: load_preset(preset)["out_of_fold"]["msid"]["all"] for network, preset in presets}
    photos = found["Fast-MpoxNet"]["photos"]
    trials = {row["what"]: row for row in load_rows("field_trials")}
    for network, trial in _PEERS.items():
        accuracy = float(trials[trial]["msid_accuracy"])
        interval = wilson_interval(round(accuracy * photos), photos)
        found[network] = {"accuracy": accuracy, "accuracy_interval": interval}
    figure, axes = _figure(6.4, 4.2)
    for row in load_rows("benchmark"):
        network = row["network"]
        if network not in found or row["runtime"] != "TFLite float32" or row["threads"] != "1":
            continue
        colour, time = _GREY if network in _PEERS else _BLUE, float(row["median_ms"])
        axes.vlines(time, *found[network]["accuracy_interval"], color=colour, alpha=0.5)
        axes.plot(time, found[network]["accuracy"], "o", color=colour)
        axes.annotate(network, (time, found[network]["accuracy"]), (6, 4), textcoords="offset points", fontsize=9)
    axes.set(xscale="log", xlabel="ms for one photo, TFLite float32, one thread", ylabel="Accuracy on MSID, 95 % interval")
    axes.set_title("blue: the presets; grey: others as ImageNet made them, under one linear classifier", fontsize=10)
    axes.set_xticks(ticks := [1, 2, 4, 8], map(str, ticks))
    axes.minorticks_off()
    axes.margins(x=0.25)
    return figure


def figures() -> dict[str, Callable[[], Figure]]:
    """File -> function that draws it."""
    return {
        **{f"false_alarms_{name}.svg": lambda name=name: false_alarms(name) for name in PRESETS},
        **{f"confusion_{name}.svg": lambda name=name: confusion(name) for name in ("fast_mpoxnet", "efficientnet_lite0")},
        **{f"preset_confusion_{name}.svg": lambda name=name: preset_confusion(name) for name in PRESETS},
        **{f"preset_reliability_{name}.svg": lambda name=name: preset_reliability(name) for name in PRESETS},
        "reliability_fast_mpoxnet.svg": lambda: reliability("fast_mpoxnet"),
        "coverage.svg": coverage,
        "accuracy_and_time.svg": accuracy_and_time,
        "leak.svg": leak,
        "fast_mpoxnet.svg": draw_fast_mpoxnet,
        "ablgfm.svg": draw_ablgfm,
    }


@matplotlib.rc_context(SETTINGS)
def save(draw: Callable[[], Figure], path: Path) -> None:
    """Draw a figure into a file that holds neither the time nor anything random."""
    with replacing(path) as temporary:
        draw().savefig(temporary, format="svg", facecolor="white", metadata=dict.fromkeys(("Creator", "Date")))


def _figure(width, height):
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _bars(axes: Axes, rows, colours):
    """Horizontal bars of shares, the first on top, each with its interval and its value."""
    for place, ((_, share, interval), colour) in enumerate(zip(rows, colours, strict=True)):
        axes.barh(place, share, color=colour, alpha=0.75, height=0.62)
        axes.hlines(place, *interval, color="black", linewidth=1)
        axes.text(max(share, *interval) + 0.006, place, percent(share), va="center", fontsize=9, bbox=_WHITE)
    axes.set_yticks(range(len(rows)), [title for title, *_ in rows], fontsize=9)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def _labels():
    predictions = run_predictions()
    return np.array([predictions.classes.index(label) for label in predictions.labels])


if __name__ == "__main__":
    FIGURES.mkdir(exist_ok=True)
    for name, draw in figures().items():
        save(draw, FIGURES / name)
