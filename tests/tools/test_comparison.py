"""Two networks on the same photos: against the binomial test, and wider where photos hang together."""

import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest


@pytest.fixture
def compare_accuracy(monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent.parent.parent / "tools")
    from doc_tables.comparison import compare_accuracy

    yield compare_accuracy
    for name in [name for name in sys.modules if name.split(".")[0] == "doc_tables"]:
        sys.modules.pop(name)


def test_counts_and_p_value(compare_accuracy):
    first = np.array([True] * 12 + [False] * 3 + [True] * 20)
    second = np.array([False] * 12 + [True] * 3 + [True] * 20)
    figures = compare_accuracy(first, second, np.arange(35))
    assert (figures["only_first"], figures["only_second"]) == (12, 3)
    assert figures["difference"] == pytest.approx(9 / 35)
    assert figures["p_value"] == pytest.approx(binomtest(12, 15).pvalue)
    low, high = figures["difference_interval"]
    assert low < 9 / 35 < high


def test_photos_of_one_scene_tell_less_than_as_many_scenes(compare_accuracy):
    random = np.random.default_rng(0)
    of_scene = random.random(40) < 0.7
    first, second = np.repeat(of_scene, 5), np.repeat(random.random(40) < 0.6, 5)
    apart = compare_accuracy(first, second, np.arange(200))["difference_interval"]
    together = compare_accuracy(first, second, np.repeat(np.arange(40), 5))["difference_interval"]
    assert np.ptp(together) > 1.7 * np.ptp(apart)


def test_networks_that_agree_do_not_differ(compare_accuracy):
    figures = compare_accuracy([True, False], [True, False], ["a", "b"])
    assert (figures["difference"], figures["p_value"]) == (0, 1)
    with pytest.raises(ValueError, match="do not fit"):
        compare_accuracy([True], [True, False], ["a", "b"])
