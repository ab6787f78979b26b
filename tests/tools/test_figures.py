"""The drawings of the docs are those of the results and of the network, and are drawn the same every time."""

import csv
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def figures(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    before = set(sys.modules)
    import draw_figures

    yield draw_figures
    for name in set(sys.modules) - before:
        if str(ROOT / "tools") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


def _texts(path):
    """What stands in a drawing, which another release of Matplotlib may put a hair's breadth beside."""
    return re.findall(r"<text[^>]*>([^<]*)<", path.read_text(encoding="utf-8"))


def test_every_drawing_is_that_of_the_results_and_on_a_page(figures, tmp_path):
    drawn = figures.figures()
    pages = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    assert set(drawn) == {path.name for path in figures.FIGURES.iterdir()}
    for name, draw in drawn.items():
        figures.save(draw, tmp_path / name)
        texts = _texts(tmp_path / name)
        assert len(texts) > 5
        assert texts == _texts(figures.FIGURES / name), "run: python tools/draw_figures.py"
        assert f"(figures/{name})" in pages, name


def test_a_drawing_is_the_same_bytes_every_time(figures, tmp_path):
    for name in ("one.svg", "two.svg"):
        figures.save(figures.leak, tmp_path / name)
    assert (tmp_path / "one.svg").read_bytes() == (tmp_path / "two.svg").read_bytes()


def test_accuracy_and_time_are_drawn_once_times_are_measured(figures, monkeypatch, tmp_path):
    from doc_tables import measurements, runs

    monkeypatch.setattr(runs, "RESULTS", tmp_path)
    assert "accuracy_and_time.svg" not in figures.figures()
    assert measurements.front_figure() == ""
    rows = [("Fast-MpoxNet", "0.9"), ("EfficientNet-Lite0", "6.5"), ("MobileNet 0.25", "0.5")]
    with (tmp_path / "benchmark.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["network", "runtime", "threads", "median_ms"])
        writer.writerows((network, "TFLite float32", threads, time) for network, time in rows for threads in (1, 2))
    assert figures.figures()["accuracy_and_time.svg"] is figures.accuracy_and_time
    assert "(figures/accuracy_and_time.svg)" in measurements.front_figure()
    monkeypatch.setattr(figures, "_TIMED", {})
    figures.save(figures.accuracy_and_time, tmp_path / "drawn.svg")
    texts = _texts(tmp_path / "drawn.svg")
    # A network without an accuracy on these folds has no place there, and each has one time.
    assert [texts.count(network) for network, _ in rows] == [1, 1, 0]
