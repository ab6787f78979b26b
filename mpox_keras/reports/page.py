"""Report pages: each is one file that needs no other and no network."""

import base64
import functools
import importlib.resources
import io
import os
from pathlib import Path

import jinja2
import numpy as np
from markupsafe import Markup
from PIL import Image

from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.reports.summary import decimal, interval, percent, photo_count
from mpox_keras.utils.files import replacing, write_json


def write_page(directory: str | os.PathLike, template: str, results: dict, *, title: str, protocol: str, **values) -> Path:
    """Write `report.html`, one page that needs no other file and no network, and `results.json`; gives the path of the page.

    Args:
        directory: made if missing.
        template: as `render` takes it, filled with the other arguments and `values`.
        protocol: how the results came about, such as "five grouped folds, out-of-fold".
    """
    page = render(template, results=results, title=title, protocol=protocol, **values)
    path = Path(directory) / "report.html"
    write_json(path.with_name("results.json"), {**results, "title": title, "protocol": protocol})
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8")
    return path


def render(template: str, **values) -> str:
    """Fill a Jinja template, such as `reports/report.html`, with values; all text is escaped."""
    return _environment().get_template(template).render(values)


@functools.cache
def _environment():
    # A value that is missing is a fault, and no empty place on a page.
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mpox_keras", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # The order of classes means something.
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    environment.filters |= {
        "percent": lambda value: percent(value).replace(" ", "\N{NO-BREAK SPACE}"),
        "decimal": decimal,
        "interval": interval,
        "photos": photo_count,
        "words": lambda name: name.replace("_", " "),
        "picture": data_uri,
    }
    style = (importlib.resources.files(__package__) / "page.css").read_text(encoding="utf-8")
    environment.globals |= {"style": Markup(style), "disclaimer": DISCLAIMER}
    return environment


def data_uri(photo: np.ndarray, format: str = "PNG", size: int = 224, **options) -> str:
    """A picture, uint8 `(height, width, 3)`, or with opacity `(height, width, 4)`, as an address that holds it.

    It is at most `size` pixels wide and high. JPEG is for pages that would else grow large; options are of Pillow's writer.
    """
    image = Image.fromarray(photo)
    image.thumbnail((size, size))
    stream = io.BytesIO()
    image.save(stream, format=format, optimize=True, **options)
    return f"data:image/{format.lower()};base64,{base64.b64encode(stream.getvalue()).decode()}"
