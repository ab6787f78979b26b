"""The framing of photos: close-ups and wide shots, told apart by traits of a picture that say nothing of lesions."""

from __future__ import annotations

import numpy as np
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mpox_keras.data.folder import DataError

SKIN_BLUE, SKIN_RED = (77, 127), (133, 173)  # Cb and Cr of 8 bits (Chai and Ngan 1999)
_RIM = 1 / 14  # of the width: 16 pixels of 224


def looks_like_skin(photo: np.ndarray) -> np.ndarray:
    """Where colours lie in the range of skin in YCbCr (Chai and Ngan 1999): bool `(height, width)`.

    Args:
        photo: `(height, width, 3)`, uint8.
    """
    _, blue, red = np.moveaxis(np.asarray(Image.fromarray(photo).convert("YCbCr")), 2, 0)
    return (blue >= SKIN_BLUE[0]) & (blue <= SKIN_BLUE[1]) & (red >= SKIN_RED[0]) & (red <= SKIN_RED[1])


def rim(height: int, width: int) -> np.ndarray:
    """The strip along the edges of a photo, a fourteenth of its width: bool `(height, width)`."""
    margin = max(1, round(_RIM * width))
    strip = np.ones((height, width), bool)
    strip[margin:-margin, margin:-margin] = False
    return strip


def framing(photo: np.ndarray) -> tuple[float, float, float]:
    """How much of a photo looks like skin, how much of its rim does, and how much the rim's colours vary.

    Args:
        photo: `(height, width, 3)`, uint8.

    Returns:
        Two shares, 0 to 1, and the mean over the channels of the standard deviation, of values 0 to 1.
    """
    edge, skin = rim(*photo.shape[:2]), looks_like_skin(photo)
    return float(skin.mean()), float(skin[edge].mean()), float(photo[edge].std(axis=0).mean() / 255)


def assign_framings(pixels: np.ndarray, labels: np.ndarray, groups: np.ndarray, seed: int) -> np.ndarray:
    """Divide photos into wide shots (0) and close-ups (1): two clusters of `framing` by k-means, groups kept together.

    A network that was trained on one framing and evaluated on the other has to do without what framing gives away. The clusters
    are of the rash photos, as those of normal skin are mostly portraits.

    Args:
        pixels: `(photos, size, size, 3)`, uint8.
        labels: `(photos,)`, names of classes.
        groups: `(photos,)`; a group goes where most of its photos belong.
        seed: of the clustering.

    Returns:
        `(photos,)`: 0 or 1.

    Raises:
        DataError: a class has photos of one framing alone, or there are no two photos of rashes.
    """
    traits = np.array([framing(photo) for photo in pixels])
    rashes = labels != "normal"
    if rashes.sum() < 2:
        raise DataError("a split by framing needs photos of rashes.")
    clusters = make_pipeline(StandardScaler(), KMeans(2, n_init=10, random_state=seed)).fit(traits[rashes])
    skin_shares = clusters[-1].cluster_centers_[:, 0]
    close_up = clusters.predict(traits) == skin_shares.argmax()
    framings = np.empty(len(groups), int)
    for group in np.unique(groups):
        framings[groups == group] = close_up[groups == group].mean() > 0.5
    for label in np.unique(labels):
        if len(np.unique(framings[labels == label])) < 2:
            raise DataError(f"all photos of {label} are framed alike and can't be split by framing.")
    return framings
