"""A sheet on which clinicians diagnose photos themselves, and then rate the network's heat maps."""

import base64
import hashlib
import importlib.resources
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
from markupsafe import Markup

from mpox_keras.data.decode import PhotoError, decode_photo, resize_photo
from mpox_keras.inference.classifier import Classifier
from mpox_keras.reader_study.agreement import COLUMNS, MAP_RATINGS
from mpox_keras.reports.heat_maps import coloured, contour_paths
from mpox_keras.reports.page import data_uri, render
from mpox_keras.utils.files import replacing

OTHER_DIAGNOSES = ("another condition", "cannot tell")  # What a reviewer may answer besides the network's classes.
_SIDE = 1024


def write_review_sheet(
    path: str | os.PathLike,
    classifier: Classifier,
    files: Iterable[str | os.PathLike],
    explain: Callable[[Classifier, np.ndarray, str, str], np.ndarray],
    method: str = "class_activation_map",
    label: str | None = None,
) -> list[str]:
    """Write one HTML file that needs no other and no network, and sends nothing anywhere.

    For each photo the reviewer first gives a diagnosis from the photo alone; only then the sheet shows the network's answer and
    the map, and asks where the map lies. Names of files, which may tell the class, are not shown, and the photos come in an
    order that tells nothing either. Ratings are saved as a CSV table with the columns `COLUMNS`. What is returned are messages
    that say why photos were left out.

    Args:
        files: photos; the same photo again is left out. They are stored without metadata, at most 1024 pixels a side.
        explain: `mpox_keras.explain.maps.explain`, or another function that makes a heat map.
        method: which heat map, a name in `mpox_keras.explain.maps.METHODS`.
        label: the class that the maps are for; by default the likeliest of each photo.

    Raises:
        ExplanationError: of `explain`; there is no such method or class.
        PhotoError: no photo can be read.

    Example:
        >>> write_review_sheet("sheet.html", load_classifier(), ["arm.jpg", "hand.jpg"], explain)
        []
    """
    files = [Path(file) for file in files]
    # The part of the path that all share says nothing, and may name a person's home.
    common = os.path.commonpath([file.absolute().parent for file in files]) if files else ""
    entries, problems = {}, []
    for file in files:
        name = file.absolute().relative_to(common).as_posix()
        try:
            entry = _entry(classifier, file, name, explain, method, label)
        except PhotoError as error:
            problems.append(str(error))
            continue
        first = entries.setdefault(entry["sha256"], entry)
        if first is not entry:
            problems.append(f"{file} is the same photo as {first['photo']}, and is left out.")
    if not entries:
        raise PhotoError(f"no photo for the sheet can be read. {problems[0] if problems else 'None was given.'}")
    order = sorted(entries)
    data = {
        "sheet": hashlib.sha256("".join([*order, method, label or ""]).encode()).hexdigest()[:16],
        "columns": COLUMNS,
        "method": method,
        "diagnoses": [*classifier.classes, *OTHER_DIAGNOSES],
        "map_ratings": MAP_RATINGS,
        "photos": [entries[digest] for digest in order],
    }
    package = importlib.resources.files(__package__)
    style, script = ((package / name).read_text(encoding="utf-8") for name in ("sheet.css", "sheet.js"))
    # The browser runs this script and no other, whatever a file may be called.
    script_hash = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    texts = {"sheet_style": Markup(style), "script": Markup(script), "script_hash": script_hash}
    page = render("reader_study/sheet.html", **texts, data=data)
    with replacing(path) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")
    return problems


def _entry(classifier, file, name, explain, method, label):
    decoded = decode_photo(file)
    pixels = resize_photo(decoded, classifier.image_size)
    (prediction,) = classifier.decide_batch(classifier.predict_pixels(pixels[None]), [name])
    decided = ("answer", "label", "abstention_reason", "probabilities")
    explained = label or prediction.label
    heat = explain(classifier, pixels, method, explained)
    # Cold places let the photo through.
    cover = np.concatenate([coloured(heat), (heat * 255).round().astype("uint8")[..., None]], axis=-1)
    return {
        "photo": name,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "image": data_uri(decoded, "JPEG", _SIDE, quality=85),
        "size": decoded.shape[1::-1],
        "heat": data_uri(cover, "PNG", _SIDE),
        "heat_size": len(heat),
        "contours": contour_paths(heat),
        "explained": explained,
        **{key: getattr(prediction, key) for key in decided},
    }
