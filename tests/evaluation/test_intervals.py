"""Intervals against scipy, and draws that are the same again."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from mpox_keras.evaluation.intervals import bootstrap_interval, wilson_interval


@pytest.mark.parametrize(("successes", "trials"), [(0, 7), (1, 7), (7, 7), (10, 10), (459, 770), (1, 100_000)])
def test_wilson_is_that_of_scipy(successes, trials):
    expected = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(wilson_interval(successes, trials), [expected.low, expected.high], rtol=1e-12, atol=1e-15)
    assert wilson_interval(0, 0) is None


def test_the_bootstrap_is_that_of_scipy():
    values = np.random.default_rng(1).normal(size=80)
    expected = bootstrap([values], np.mean, method="percentile", n_resamples=20_000, rng=0).confidence_interval
    np.testing.assert_allclose(bootstrap_interval(lambda drawn: values[drawn].mean(), 80), expected, atol=0.02)


def test_strata_are_drawn_apart_and_alike_again():
    values = np.arange(50.0), np.arange(100.0, 110)

    def difference(first, second):
        assert (len(first), len(second)) == (50, 10)
        return values[1][second].mean() - values[0][first].mean()

    low, high = bootstrap_interval(difference, 50, 10)
    assert low < 80 < high
    assert [low, high] == bootstrap_interval(difference, 50, 10)


def test_draws_without_a_figure_are_left_out():
    assert bootstrap_interval(lambda drawn: None, 3) is None
    assert bootstrap_interval(lambda drawn: 1.0 if 0 in drawn else None, 3) == [1, 1]
    assert bootstrap_interval(lambda first, second: 1.0, 3, 0) is None
