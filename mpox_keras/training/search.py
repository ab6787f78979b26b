"""Hyperparameters drawn from ranges, as candidates to choose among."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

import yaml

from mpox_keras.config import Config, ConfigError, load_config, parse_config, read_yaml
from mpox_keras.utils.errors import require


def read_candidates(
    paths: Sequence[Path], overrides: Sequence[str] = (), ranges: Path | None = None, trials: int = 4
) -> dict[str, Config]:
    """The configs that a choice is made among, by name; with a file of ranges, so many draws of each, see `draw_configs`.

    ConfigError if two files have one name, or as `load_config` and `draw_configs`.

    Example:
        >>> list(read_candidates([Path("small.yaml"), Path("large.yaml")]))
        ['small', 'large']
    """
    configs = {}
    for path in paths:
        if path.stem in configs:
            raise ConfigError(f"two of the configs are called {path.stem}; results go by the name, so rename one.")
        configs[path.stem] = load_config(path, overrides)
    if not ranges:
        return configs
    drawn = {name: draw_configs(config, ranges, trials) for name, config in configs.items()}
    return {f"{name}_{number}": each for name, draws in drawn.items() for number, each in enumerate(draws, 1)}


def draw_configs(config: Config, ranges: Path, trials: int) -> list[Config]:
    """Configs that differ in what the ranges name, drawn by Optuna at random (Bergstra and Bengio 2012, JMLR 13:281).

    All are drawn before any is tried: a search that learns from its trials would have to begin anew for every outer fold of a
    nested cross-validation. The file of ranges, YAML, has for a `section.key` a list of values, or `{low: 0.001, high: 0.01}`,
    with `log: true` if wanted.

    Raises:
        ConfigError: the file can't be read, or a key, range or value is wrong.
        MissingExtraError: Optuna is not installed.

    Example:
        >>> draw_configs(config, Path("ranges.yaml"), 8)[0].training.learning_rate
    """
    optuna = require("optuna", "search", "drawing hyperparameters")
    values = read_yaml(ranges, "the file of ranges")
    if not isinstance(values, dict) or not values:
        raise ConfigError(f"{ranges} must hold keys with ranges, like training.learning_rate: {{low: 0.001, high: 0.01}}.")
    distributions = {key: _distribution(optuna.distributions, ranges, key, value) for key, value in values.items()}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=config.seed))
    draws = [study.ask(distributions).params.items() for _ in range(trials)]
    overrides = [[f"{key}={yaml.safe_dump(value)}" for key, value in params] for params in draws]
    return [parse_config(config.model_dump(), each, str(ranges)) for each in overrides]


def _distribution(kinds, path, key, value):
    match value:
        case [_, *_]:
            return kinds.CategoricalDistribution(value)
        case {"low": low, "high": high, **rest} if rest.keys() <= {"log"}:
            whole = isinstance(low, int) and isinstance(high, int)
            with contextlib.suppress(TypeError, ValueError):
                return (kinds.IntDistribution if whole else kinds.FloatDistribution)(low, high, **rest)
    raise ConfigError(f"{path}: {key}: {value!r} is no range; expected a list, or low, high and, if wanted, log.")
