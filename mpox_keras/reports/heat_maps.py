"""Heat maps as pictures."""

import os
from collections.abc import Mapping

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import binary_dilation

from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.utils.files import replacing

_COLOURS = "inferno"
_LEVELS = (0.3, 0.5, 0.7)


def save_explanations(path: str | os.PathLike, photo: np.ndarray, heats: Mapping[str, np.ndarray], title: str) -> None:
    """Write one row for each method: the photo, the heat map, both together, and the map's contours on the photo.

    The photo is uint8 `(height, width, 3)`, heats are method -> `(height, width)`, 0 to 1, and the title says what the network
    answered. The suffix of the path tells the format.

    Example:
        >>> save_explanations("arm.png", photo, {"occlusion": explain(classifier, photo, "occlusion")}, "mpox, 93 %")
    """
    figure = Figure(figsize=(9, 2.4 * len(heats) + 0.9), layout="constrained")
    figure.suptitle(f"{title}\n{DISCLAIMER}", fontsize=11)
    rows = figure.subplots(len(heats), 4, squeeze=False, subplot_kw={"xticks": [], "yticks": []})
    for axes, (method, heat) in zip(rows, heats.items(), strict=True):
        axes[0].set_ylabel(method.replace("_", " "), fontsize=9)
        for axis, shown in zip(axes, (photo, heat, overlay(photo, heat), photo), strict=True):
            axis.imshow(shown, cmap=_COLOURS, vmin=0, vmax=1)
        if heat.max() > 0:
            axes[3].contour(heat, levels=_LEVELS, cmap=_COLOURS, vmin=0, vmax=1, linewidths=1.2)
    for axis, name in zip(rows[0], ("photo", "map", "overlay", "contours at 0.3, 0.5, 0.7"), strict=True):
        axis.set_title(name, fontsize=9)
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=110)


def overlay(photo: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """A heat map, `(height, width)`, 0 to 1, over its photo, uint8 `(height, width, 3)`: an array like the photo."""
    return (0.5 * photo + 0.5 * coloured(heat)).astype("uint8")


def coloured(heat: np.ndarray) -> np.ndarray:
    """A heat map, `(height, width)`, 0 to 1, in the colours of all pictures here: uint8 `(height, width, 3)`."""
    return matplotlib.colormaps[_COLOURS](heat, bytes=True)[..., :3]


def outline(photo: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """A photo with the border of a mask, bool `(height, width)`, drawn around it."""
    # Cyan is no colour of skin, nor of the heat maps.
    return np.where((binary_dilation(mask, iterations=2) & ~mask)[..., None], np.array([0, 229, 255], "uint8"), photo)


def contour_paths(heat: np.ndarray) -> list[str]:
    """Contours of a heat map, `(height, width)`, 0 to 1, for the `d` of SVG paths, in pixels.

    There is one path for each of three levels, and none for a map that is zero everywhere.
    """
    if not heat.any():
        return []
    levels = Figure().subplots().contour(heat, levels=_LEVELS).get_paths()
    lines = [[line for line in path.to_polygons(closed_only=False) if len(line)] for path in levels]
    return ["".join("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in line) for line in of_level) for of_level in lines]
