"""Maps by covering parts of the photo, which need nothing but the network's probabilities."""

import itertools
import math
from collections.abc import Iterable

import numpy as np

from mpox_keras.inference.classifier import Classifier

OCCLUSION_SIDE = 7  # A side is so many times as long as that of a patch.
OCCLUSION_STEPS = 13  # How many places along each side a patch is put to.
SUPERPIXELS = 50
LIME_SAMPLES = 300
LIME_WIDTH = 0.25  # Of LIME's kernel, in cosine distance (the value of its authors' code for pictures).
SHAP_SAMPLES = 300
_BATCH = 32


def occlusion(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Occlusion (Zeiler and Fergus 2014, arXiv 1311.2901, section 4.2): what covering a patch takes from the probability.

    Each place of the map is the mean over the patches that cover it; a patch has the photo's mean colour.
    """
    size = len(photo)
    side = math.ceil(size / OCCLUSION_SIDE)
    starts = np.linspace(0, size - side, OCCLUSION_STEPS).round().astype(int)
    patches = [np.s_[top : top + side, left : left + side] for top in starts for left in starts]
    colour = mean_colour(photo)

    def covered(patch):
        changed = photo.copy()
        changed[patch] = colour
        return changed

    whole = class_probabilities(classifier, [photo], index)[0]
    losses = whole - class_probabilities(classifier, map(covered, patches), index)
    total, count = np.zeros((2, size, size))
    for patch, loss in zip(patches, losses, strict=True):
        total[patch] += loss
        count[patch] += 1
    return total / count


def lime(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """LIME (Ribeiro et al. 2016, arXiv 1602.04938, section 3.4): a linear model of which superpixels are shown.

    Samples show each superpixel or cover it with its mean colour, and count by their likeness to the whole photo.
    """
    from sklearn.linear_model import Ridge

    segments = superpixels(photo)
    count = segments.max() + 1
    shown = np.random.default_rng(0).random((LIME_SAMPLES, count)) < 0.5
    shown[0] = True
    probabilities = class_probabilities(classifier, _coalitions(photo, segments, shown), index)
    cosine = np.sqrt(shown.mean(axis=1))
    weights = np.exp(-((1 - cosine) ** 2) / LIME_WIDTH**2)
    model = Ridge(alpha=1.0).fit(shown.astype(float), probabilities - probabilities[0], sample_weight=weights)
    return model.coef_[segments]


def shap(classifier: Classifier, photo: np.ndarray, index: int) -> np.ndarray:
    """Kernel SHAP (Lundberg and Lee 2017, arXiv 1705.07874, section 4.1): Shapley values of superpixels, estimated.

    Coalitions are drawn in complementary pairs with the sizes' share of the Shapley kernel; the least squares are solved
    so that the values add up to what the whole photo has more than one of which every superpixel is covered.
    """
    segments = superpixels(photo)
    count = segments.max() + 1
    random = np.random.default_rng(0)
    sizes = np.arange(1, count)
    # Weight of all coalitions of a size: (count - 1) / (size (count - size)).
    share = 1 / (sizes * (count - sizes))
    shown = np.zeros((SHAP_SAMPLES, count), bool)
    for row, size in enumerate(random.choice(sizes, SHAP_SAMPLES // 2, p=share / share.sum())):
        shown[2 * row, random.permutation(count)[:size]] = True
        shown[2 * row + 1] = ~shown[2 * row]
    coalitions = _coalitions(photo, segments, [np.zeros(count, bool), np.ones(count, bool), *shown])
    nothing, whole, *found = class_probabilities(classifier, coalitions, index)
    # The last value is what the others leave of the sum.
    design = shown[:, :-1].astype(float) - shown[:, -1:]
    target = found - nothing - shown[:, -1] * (whole - nothing)
    values = np.linalg.lstsq(design, target, rcond=None)[0]
    return np.append(values, whole - nothing - values.sum())[segments]


def superpixels(photo: np.ndarray) -> np.ndarray:
    """SLIC superpixels: `(height, width)`, numbered from 0."""
    from skimage.segmentation import slic

    # With a fixed weight of colour, noise would tear all of them apart, and one would be left.
    return slic(photo, n_segments=SUPERPIXELS, slic_zero=True, start_label=0)


def _coalitions(photo, segments, shown):
    """The photo with the superpixels that are not shown covered by their mean colour, one by one."""
    counts = np.bincount(segments.ravel())
    colours = np.stack([np.bincount(segments.ravel(), photo[..., c].ravel()) / counts for c in range(3)], axis=-1)
    covered = colours[segments].round().astype("uint8")
    for row in shown:
        yield np.where(row[segments][..., None], photo, covered)


def class_probabilities(classifier: Classifier, photos: Iterable[np.ndarray], index: int) -> np.ndarray:
    """Calibrated probability of one class for each photo, `(photos,)`, in constant memory."""
    photos, found = iter(photos), []
    while batch := list(itertools.islice(photos, _BATCH)):
        found.append(classifier.predict_pixels(np.stack(batch))["probabilities"][:, index])
    # What is left of equal probabilities in batches of other sizes is no difference, and must not become a map.
    return np.concatenate(found).astype(float).round(6)


def mean_colour(photo: np.ndarray) -> np.ndarray:
    """What a photo's parts are covered with: uint8 `(3,)`."""
    return photo.mean(axis=(0, 1)).round().astype("uint8")
