"""Hyperparameters drawn from ranges, as candidates to choose among."""

from __future__ import annotations

from pathlib import Path

import yaml

from mpox_keras.config import Config, ConfigError, parse_config
from mpox_keras.utils.errors import require


def draw_configs(config: Config, ranges: str | Path, trials: int, origin: str = "the config") -> list[Config]:
    """Configs that differ in what the ranges name, drawn by Optuna at random (Bergstra and Bengio 2012, JMLR 13:281).

    They are all drawn before any is tried. A search that learns from its trials would have to begin anew for every outer fold
    of a nested cross-validation.

    Args:
        config: whose other values are kept.
        ranges: YAML file: `section.key` -> a list of values, or `{low: 0.001, high: 0.01}`, with `log: true` if wanted.
        trials: how many configs to draw.
        origin: what error messages call the config.

    Raises:
        ConfigError: the file can't be read, or a key, range or value is wrong.
        MissingExtraError: Optuna is not installed.

    Example:
        >>> draw_configs(config, "ranges.yaml", 8)[0].training.learning_rate
    """
    optuna = require("optuna", "search", "drawing hyperparameters")
    distributions = {key: _distribution(optuna, ranges, key, value) for key, value in _read(ranges).items()}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=config.seed))
    drawn = []
    for _ in range(trials):
        trial = study.ask(distributions)
        overrides = [f"{key}={yaml.safe_dump(value)}" for key, value in trial.params.items()]
        drawn.append(parse_config(config.model_dump(), overrides, origin))
    return drawn


def _read(path):
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the ranges {path} can't be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"the ranges {path} are no YAML: {error}") from None
    if not isinstance(values, dict) or not values:
        raise ConfigError(
            f"the ranges {path} must hold keys with ranges, like training.learning_rate: {{low: 0.001, high: 0.01}}."
        )
    return values


def _distribution(optuna, path, key, value):
    if isinstance(value, list) and value:
        return optuna.distributions.CategoricalDistribution(value)
    try:
        low, high, log = value["low"], value["high"], value.get("log", False)
        whole = isinstance(low, int) and isinstance(high, int)
        kind = optuna.distributions.IntDistribution if whole else optuna.distributions.FloatDistribution
        if set(value) <= {"low", "high", "log"}:
            return kind(low, high, log=log)
    except (AttributeError, KeyError, TypeError, ValueError):
        pass
    raise ConfigError(f"{path}: {key}: {value!r} is no range; expected a list, or low, high and, if wanted, log.")
