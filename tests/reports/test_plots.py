"""Plots are drawn from the figures, and their SVG takes any class name."""

import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.reports.plots import inline_svg, plot_confusion_matrix, plot_reliability, plot_roc_curves, save_plot

LABELS = np.array([0, 0, 0, 1, 1])
PROBABILITIES = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.6, 0.4], [0.1, 0.9]])
NAMES = ["<b>$x^2$</b>", "--> & normal"]


def texts(svg):
    return [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]


def test_confusion_matrix_shows_counts_and_shares():
    results = evaluate_predictions(LABELS, PROBABILITIES, NAMES)
    figure = plot_confusion_matrix(results)
    cells = [text.get_text() for text in figure.axes[0].texts]
    assert cells == ["2\n67%", "1\n33%", "1\n50%", "1\n50%"]
    svg = inline_svg(figure, 'Confusion of "<b>"')
    assert {"<b>$x^2$</b>", "--> & normal"} <= set(texts(svg))
    assert ElementTree.fromstring(svg).get("aria-label") == 'Confusion of "<b>"'


def test_roc_curve_passes_through_hand_computed_points():
    figure = plot_roc_curves(LABELS, PROBABILITIES, NAMES)
    mpox = figure.axes[0].lines[1]
    assert {(0, 2 / 3), (0.5, 2 / 3), (0.5, 1), (1, 1)} <= set(zip(*mpox.get_data(), strict=True))
    assert mpox.get_label().endswith("AUC 0.833")


def test_roc_leaves_out_a_class_without_photos():
    probabilities = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1]])
    figure = plot_roc_curves(np.array([0, 1]), probabilities, ["mpox", "measles", "normal"])
    assert len(figure.axes[0].get_legend().get_texts()) == 2


def test_reliability_points_and_photo_counts():
    figure = plot_reliability(LABELS, PROBABILITIES)
    points = figure.axes[0].lines[1].get_data()
    np.testing.assert_allclose(points, [[0.6, 0.7, 0.8, 0.9], [0, 0, 1, 1]])
    assert sum(bar.get_height() for bar in figure.axes[1].patches) == len(LABELS)


@pytest.mark.parametrize("suffix", ["png", "svg"])
def test_saved_in_the_format_of_the_name(tmp_path, suffix):
    path = tmp_path / f"plot.{suffix}"
    save_plot(plot_reliability(LABELS, PROBABILITIES), path)
    if suffix == "png":
        with Image.open(path) as image:
            assert image.format == "PNG"
    else:
        assert "Accuracy" in texts(path.read_text())
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
