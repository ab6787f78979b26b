"""Whether a network is as sure as it is right, and the temperature that makes it so (Guo et al. 2017, arXiv 1706.04599)."""

import numpy as np
from scipy.special import softmax

CALIBRATION_BINS = 15
_SMALLEST = 1e-12


def calibration_bins(labels: np.ndarray, probabilities: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean top probability, accuracy and number of photos, each `(bins,)`, of the bins that hold photos.

    There are 15 equal-width bins `(low, high]` of the top probability.
    """
    top, correct = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    inner_edges = np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]
    _, bins, photos = np.unique(np.searchsorted(inner_edges, top), return_inverse=True, return_counts=True)
    return np.bincount(bins, top) / photos, np.bincount(bins, correct) / photos, photos


def expected_calibration_error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean distance of top probability and accuracy over `calibration_bins`, weighted by photos."""
    mean_probability, accuracy, photos = calibration_bins(labels, probabilities)
    return float(np.average(np.abs(accuracy - mean_probability), weights=photos))


def scale(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities, `(photos, classes)`, as they would be if their logits had been divided by a temperature.

    A temperature over 1 makes the answer less sure, one under 1 surer.

    Example:
        >>> scale(np.array([[0.8, 0.2]]), 2.0).round(3)
        array([[0.667, 0.333]])
    """
    return softmax(np.log(np.maximum(probabilities, _SMALLEST)) / temperature, axis=1)


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature with the smallest cross-entropy, from 0.05 to 20."""
    # Half a second, which those who evaluate without a temperature need not wait.
    from scipy.optimize import minimize_scalar

    def cross_entropy(log_temperature):
        scaled = scale(probabilities, np.exp(log_temperature))
        return -np.log(np.maximum(scaled[np.arange(len(labels)), labels], _SMALLEST)).mean()

    bounds = np.log([0.05, 20])
    return float(np.exp(minimize_scalar(cross_entropy, bounds=bounds, method="bounded", options={"xatol": 1e-4}).x))
