"""Hyperparameters drawn from ranges."""

import numpy as np
import pytest

from mpox_keras.config import ConfigError, parse_config
from mpox_keras.training.search import draw_configs


def test_draws_are_spread_over_the_ranges_and_always_the_same(tmp_path):
    ranges = tmp_path / "ranges.yaml"
    ranges.write_text(
        "training.learning_rate: {low: 1.0e-5, high: 0.1, log: true}\ntraining.epochs: {low: 3, high: 5}\n"
        "model.pyramid: [true, false]\n"
    )
    config = parse_config({"seed": 3, "model": {"weights": None}})
    drawn = draw_configs(config, ranges, 64)
    assert drawn == draw_configs(config, ranges, 64)
    rates = np.log10([d.training.learning_rate for d in drawn])
    # Even draws of the logarithm: each decade has its share.
    assert (np.histogram(rates, bins=[-5, -4, -3, -2, -1])[0] >= 4).all()
    assert {d.training.epochs for d in drawn} == {3, 4, 5}
    assert {d.model.pyramid for d in drawn} == {True, False}
    assert {d.model.weights for d in drawn} == {None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("training.learning_rate: {low: 1}", "no range; expected a list, or low, high"),
        ("training.learning_rate: {low: 0.1, high: 0.01}", "no range"),
        ("training.learning_rat: [0.1]", "unknown key training.learning_rat. Did you mean training.learning_rate"),
        ("training.dropout", "must hold keys"),
        ("a: [", "no YAML"),
    ],
)
def test_ranges_that_make_no_sense_are_refused(tmp_path, text, message):
    (tmp_path / "ranges.yaml").write_text(text)
    with pytest.raises(ConfigError, match=message):
        draw_configs(parse_config({}), tmp_path / "ranges.yaml", 2)
