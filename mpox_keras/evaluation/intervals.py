"""How sure a figure is: 95 % intervals of proportions, and by bootstrap of everything else."""

from collections.abc import Callable
from statistics import NormalDist

import numpy as np

RESAMPLES = 2000
_Z = NormalDist().inv_cdf(0.975)


def wilson_interval(successes: int, trials: int) -> list[float] | None:
    """The 95 % score interval of a proportion (Wilson 1927, doi 10.1080/01621459.1927.10502953); None without trials.

    Example:
        >>> [round(bound, 3) for bound in wilson_interval(10, 10)]
        [0.722, 1.0]
    """
    if trials == 0:
        return None
    successes, trials = int(successes), int(trials)
    divisor = 2 * (trials + _Z**2)
    centre = (2 * successes + _Z**2) / divisor
    distance = _Z / divisor * np.sqrt(4 * successes * (1 - successes / trials) + _Z**2)
    return [float(max(centre - distance, 0)), float(min(centre + distance, 1))]


def proportion(name: str, count: int, total: int) -> dict:
    """`count / total` under a name, and its Wilson interval under `name_interval`; both are None if `total` is 0."""
    return {name: float(count / total) if total else None, f"{name}_interval": wilson_interval(count, total)}


def bootstrap_interval(statistic: Callable[..., float | None], *sizes: int) -> list[float] | None:
    """The 2.5th and 97.5th percentile of a statistic over 2000 draws with replacement (Efron 1979, doi 10.1214/aos/1176344552).

    The draws depend on the sizes alone, so that several statistics of the same things are drawn alike. `[low, high]`, or None
    if a stratum is empty or no draw has a figure.

    Args:
        statistic: takes one array of indices for each size, and returns None where a draw has no such figure.
        sizes: how many photos, patients or groups there are. Several sizes are strata, and each is drawn on its own.

    Example:
        >>> ages = np.array([31, 44, 27, 52])
        >>> low, high = bootstrap_interval(lambda drawn: ages[drawn].mean(), len(ages))
    """
    if not all(sizes):
        return None
    random = np.random.default_rng(0)
    found = (statistic(*(random.integers(0, size, size) for size in sizes)) for _ in range(RESAMPLES))
    defined = [value for value in found if value is not None]
    return np.percentile(defined, [2.5, 97.5]).tolist() if defined else None
