"""The drawings of the docs are those of the results and of the network, and are drawn the same every time."""

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


def test_each_network_with_an_accuracy_is_drawn_once(figures, tmp_path):
    figures.save(figures.accuracy_and_time, tmp_path / "drawn.svg")
    texts = _texts(tmp_path / "drawn.svg")
    shown = ("Fast-MpoxNet", "efficientnet_lite0", "MobileNet 0.25", "MobileNetV2 0.35")
    assert [texts.count(network) for network in shown] == [1, 1, 1, 1]
    assert "MobileNetV3-Small 0.5" not in texts
