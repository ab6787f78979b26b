"""Networks compared on the same photos."""

from collections.abc import Sequence

import numpy as np
from scipy.stats import binomtest

from mpox_keras.evaluation.intervals import bootstrap_interval


def compare_accuracy(first: np.ndarray, second: np.ndarray, groups: Sequence[str]) -> dict:
    """How much more often one network is right than another, and how sure that is.

    Args:
        first: whether the first network is right, bool, `(photos,)`.
        second: the same of the second network, on the same photos.
        groups: `(photos,)`; photos of one scene or patient share a group. ValueError if the three differ in length.

    Returns:
        `difference` of the accuracies, first minus second; `difference_interval` (95 %, bootstrap over groups); `only_first`
        and `only_second`, photos that one alone has right; `p_value` of the exact McNemar test (McNemar 1947), which takes
        photos as independent.

    Example:
        >>> compare_accuracy([True, True, True], [True, False, False], ["a", "b", "c"])["difference"]
        0.6666666666666666
    """
    first, second = np.asarray(first, bool), np.asarray(second, bool)
    if not len(first) == len(second) == len(groups):
        raise ValueError(f"{len(first)}, {len(second)} and {len(groups)} photos do not fit together; give one value each.")
    gain = first.astype(int) - second
    _, of_photo = np.unique(groups, return_inverse=True)
    gains, photos = np.bincount(of_photo, gain), np.bincount(of_photo)
    only_first, only_second = int((gain > 0).sum()), int((gain < 0).sum())
    return {
        "difference": float(gain.mean()),
        "difference_interval": bootstrap_interval(lambda drawn: gains[drawn].sum() / photos[drawn].sum(), len(photos)),
        "only_first": only_first,
        "only_second": only_second,
        "p_value": float(binomtest(only_first, only_first + only_second).pvalue) if only_first + only_second else 1.0,
    }
