"""What all plots have in common: colours, axes, and the ways into a file or a page."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from mpox_keras.utils.files import replacing

# Okabe and Ito 2008, "Color universal design", without yellow and black, which vanish on light and on dark pages.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
INK = "#1f2a33"
_SETTINGS = {
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "xtick.color": INK,
    "ytick.color": INK,
    # A class may be called anything, a dollar sign included.
    "text.parse_math": False,
    "svg.fonttype": "none",
}

styled = matplotlib.rc_context(_SETTINGS)
"""Decorates a function that draws a plot: it draws in the style of this package."""


def new_figure(width: float, height: float, **grid) -> tuple[Figure, Axes | np.ndarray]:
    """A figure of so many inches and its axes, which belong to no global state and need no display.

    Args:
        width: inches.
        height: inches.
        grid: options of `Figure.subplots`.
    """
    figure = Figure(figsize=(width, height), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.1, h_pad=0.1)
    return figure, figure.subplots(**grid)


def lighten(axes: Axes, grid: str = "both") -> None:
    """Leave of the frame the left and the lower side, and draw a faint grid behind."""
    axes.grid(axis=grid, alpha=0.15, color=INK, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def draw_matrix(axes: Axes, values: np.ndarray, texts: Sequence[Sequence[str]], names: Sequence[str], slanted: bool) -> None:
    """Draw a square of cells, each the more opaque the farther its value is from 0.

    Args:
        axes: where to draw.
        values: -1 to 1, `(names, names)`.
        texts: what each cell says.
        names: of the rows and of the columns.
        slanted: whether the columns' names need more room than a cell is wide.
    """
    for (row, column), value in np.ndenumerate(values):
        # Opacity instead of a colour map lets the page behind show through, be it light or dark.
        cell = Rectangle((column - 0.48, row - 0.48), 0.96, 0.96, facecolor=COLOURS[0 if value >= 0 else 1], linewidth=0)
        cell.set_alpha(0.06 + 0.94 * abs(value))
        axes.add_patch(cell)
        # White is readable on nearly opaque cells only; ink turns light where the page is dark.
        colour = "#ffffff" if abs(value) > 0.75 else INK
        axes.text(column, row, texts[row][column], ha="center", va="center", color=colour, linespacing=1.3)
    axes.set_xticks(range(len(names)), names, rotation=40 if slanted else 0, ha="right" if slanted else "center")
    axes.set_yticks(range(len(names)), names)
    axes.set(xlim=(-0.5, len(names) - 0.5), ylim=(len(names) - 0.5, -0.5))
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


@styled
def save_plot(figure: Figure, path: str | Path) -> None:
    """Write a plot to a file.

    Args:
        figure: of a function `plot_...` of this package.
        path: ends in `.svg` or `.png`.

    Raises:
        ValueError: `path` ends in something else.

    Example:
        >>> save_plot(plot_confusion_matrix(results), "confusion.svg")
    """
    if Path(path).suffix.lower() not in (".svg", ".png"):
        raise ValueError(f"{path} must end in .svg or .png.")
    with replacing(path) as temporary:
        figure.savefig(temporary, dpi=200)


@styled
def inline_svg(figure: Figure, description: str) -> Markup:
    """A plot as an `<svg>` element whose ink takes the text colour of the HTML page around it.

    Args:
        figure: of a function `plot_...` of this package.
        description: what the plot shows, for screen readers.
    """
    stream = io.BytesIO()
    no_metadata = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(stream, format="svg", transparent=True, metadata=no_metadata)
    svg = stream.getvalue().decode()
    svg = svg[svg.index("<svg") :].replace(INK, "currentColor")
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1))
