"""Parts of the report pages: each page is one file that needs no other and no network."""

from __future__ import annotations

import base64
import importlib.resources
import io
from collections.abc import Iterable, Sequence
from html import escape
from importlib.resources.abc import Traversable
from string import Template

import numpy as np
from PIL import Image

from mpox_keras.reports.plots import inline_svg

_PICTURE_SIZE = 224


def fill_page(template: Traversable, **parts: str) -> str:
    """A page from a template with `$name` for each part, and `$style` for the style that all reports share.

    Args:
        template: the HTML file.
        parts: name -> ready HTML.
    """
    style = (importlib.resources.files(__package__) / "page.css").read_text(encoding="utf-8")
    return Template(template.read_text(encoding="utf-8")).substitute(style=style, **parts)


def html_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table of ready HTML cells; each cell carries its heading, which narrow screens show beside it."""
    head = "".join(f'<th scope="col">{name}</th>' for name in header)
    body = "".join(
        f'<tr><th scope="row">{first}</th>'
        + "".join(f'<td data-label="{name}">{cell}</td>' for name, cell in zip(header[1:], cells, strict=True))
        + "</tr>"
        for first, *cells in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def html_cards(cards: Iterable[tuple[str, str, str]]) -> str:
    """The figures that matter most: name, value and note of each."""
    html = "".join(f"<div><h3>{name}</h3><b>{value}</b><small>{note}</small></div>" for name, value, note in cards)
    return html.replace(" %", "&nbsp;%")


def html_plots(plots: Iterable[tuple]) -> str:
    """Figures of `mpox_keras.reports.plots`, each with its caption."""
    return "".join(
        f"<figure>{inline_svg(figure, caption)}<figcaption>{caption}</figcaption></figure>" for figure, caption in plots
    )


def html_picture(photo: np.ndarray, caption: str, format: str = "PNG") -> str:
    """A picture inside the page, at most 224 pixels wide or high, with its caption.

    Args:
        photo: uint8 `(height, width, 3)`.
        caption: plain text.
        format: PNG, or JPEG where the page would else grow large.
    """
    image = Image.fromarray(photo)
    image.thumbnail((_PICTURE_SIZE, _PICTURE_SIZE))
    caption = escape(caption)
    return f'<figure><img src="{data_uri(image, format)}" alt="{caption}"><figcaption>{caption}</figcaption></figure>'


def data_uri(image: Image.Image, format: str, **options) -> str:
    """An image as an address that holds it, and nothing else of its file; `options` go to Pillow."""
    stream = io.BytesIO()
    image.save(stream, format=format, optimize=True, **options)
    return f"data:image/{format.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"
