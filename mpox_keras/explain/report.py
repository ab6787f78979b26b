"""What `measure_explanations` found, told on one HTML page."""

from __future__ import annotations

import importlib.resources
import json
import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

import numpy as np

from mpox_keras.explain.measure import RANDOM, Explained
from mpox_keras.explain.occlusion_tests import HOTTEST_SHARE
from mpox_keras.explain.picture import outline, overlay
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.reports.page import fill_page, html_cards, html_picture, html_plots, html_table
from mpox_keras.reports.plots import plot_agreement, plot_deletion_and_insertion
from mpox_keras.reports.summary import interval, percent, photo_count
from mpox_keras.utils.files import replacing

_REGIONS = {
    "lesion": ("The lesion, as masked", "outside the lesion"),
    "hottest": (f"The hottest {HOTTEST_SHARE:.0%} of the class activation map", "outside the hottest region"),
    "middle": ("The middle half", "outside the middle half"),
}
_VIEWS = {
    "whole": "nothing",
    "covered": "the region, in mean colour",
    "blurred": "the region, blurred",
    "only": "everything else, in mean colour",
    "only_with_rest_blurred": "everything else, blurred",
}
_TERMS = {
    "Deletion": "Smaller is better. The hottest places are covered first; the figure is how much of the answer's "
    "probability is left (area under the curve). Scattered pixels spoil a photo soonest, so compare maps of one grain only.",
    "Insertion": "Larger is better. A blurred photo is made sharp, the hottest places first; how soon the answer comes back.",
    "Pointing game": "Larger is better. How often the hottest place lies on a lesion, in the map for the true class.",
    "Energy in lesion": "Larger is better. How much of the map for the true class lies on lesions.",
    "Shuffled weights": "Near 0 is better. Correlation with the map of a network that has forgotten all it learned. A map that "
    "stays as it was shows the photo, not the network.",
    "Seconds": "Median time of one map on this machine.",
}


def write_explanation_report(
    directory: str | os.PathLike, results: dict, examples: Sequence[Explained], *, title: str, protocol: str
) -> Path:
    """Write `report.html`, one page that needs no other file and no network, and `results.json`.

    Args:
        directory: where the two files go; made if missing.
        results: of `measure_explanations`.
        examples: of `measure_explanations`; shown with all their maps.
        title: heading of the page.
        protocol: how the figures came about.

    Returns:
        The path of `report.html`.

    Example:
        >>> results, examples = measure_explanations(classifier, photos, ["grad_cam"], examples=4)
        >>> write_explanation_report("runs/explanations", results, examples, title="Clinic", protocol="40 photos")
        PosixPath('runs/explanations/report.html')
    """
    page = fill_page(
        importlib.resources.files(__package__) / "report.html",
        title=escape(title),
        disclaimer=escape(DISCLAIMER),
        protocol=escape(protocol),
        cards=_cards(results),
        problems=_problems(results),
        legend=_legend(examples),
        examples="".join(map(_example, examples)),
        methods=_methods_table(results),
        terms=_terms(results),
        plots=_plots(results),
        occlusion_tests=_occlusion_tests(results["occlusion_tests"]),
    )
    text = json.dumps({**results, "title": title, "protocol": protocol}, indent=2, allow_nan=False)
    path = Path(directory) / "report.html"
    with replacing(path) as temporary, replacing(path.with_name("results.json")) as temporary_results:
        temporary.write_text(page, encoding="utf-8")
        temporary_results.write_text(text + "\n", encoding="utf-8")
    return path


def format_explanations(results: dict) -> str:
    """The figures of each method as aligned plain text.

    Example:
        >>> print(format_explanations(results))
        method                deletion  insertion  pointing  in lesion  shuffled  seconds
        ...
    """
    rows = [("method", "deletion", "insertion", "pointing", "in lesion", "shuffled", "seconds")]
    keys = ("deletion", "insertion", "pointing_game", "energy_in_lesion", "correlation_with_shuffled_weights", "seconds")
    for name, figures in results["methods"].items():
        rows.append((name, *(f"{figures[key]:.3f}" if key in figures else "-" for key in keys)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join([name.ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))])
        for name, *cells in rows
    ]
    for region, figures in results["occlusion_tests"].items():
        views = figures["views"]
        lines.append(
            f"{region} hidden: {percent(views['covered']['changed'])} of answers change; all else hidden: "
            f"{percent(views['only']['changed'])}; {photo_count(figures['photos'])}"
        )
    return "\n".join([*lines, DISCLAIMER])


def _cards(results):
    region = next(iter(results["occlusion_tests"]))
    views = results["occlusion_tests"][region]["views"]
    name, outside = _REGIONS[region]
    lesions = results["lesions"]
    cards = [("Photos", str(results["photos"]), f"{lesions['photos']} with a lesion mask" if lesions else "no lesion masks")]
    if lesions and lesions["share"] is not None:
        cards.append(("Lesion, share of the photo", percent(lesions["share"]), "mean; what a random map would reach"))
    # Of all photos, as every one has a middle.
    whole = results["occlusion_tests"]["middle"]["views"]["whole"]
    cards += [
        ("FoldPredictions right, whole photos", percent(whole["accuracy"]), interval(whole, "accuracy")),
        (
            "FoldPredictions changed, region covered",
            percent(views["covered"]["changed"]),
            f"{interval(views['covered'], 'changed')}; {name[0].lower()}{name[1:]}",
        ),
        (
            "FoldPredictions changed, all else covered",
            percent(views["only"]["changed"]),
            f"{interval(views['only'], 'changed')}; what lies {outside}",
        ),
    ]
    return html_cards(cards)


def _problems(results):
    lesions = results["lesions"] or {"errors": {}, "without_mask": 0}
    parts = []
    if lesions["without_mask"]:
        parts.append(f"<p>{photo_count(lesions['without_mask'])} had no mask, and did not count where lesions are needed.</p>")
    for errors, words in ((results["errors"], "could not be read"), (lesions["errors"], "had a mask that could not be used")):
        if errors:
            items = "".join(f"<li>{escape(message)}</li>" for message in errors.values())
            parts.append(f"<p>{photo_count(len(errors))} {words}:</p><ul>{items}</ul>")
    return "<h2>Left out</h2>" + "".join(parts) if parts else ""


def _legend(examples):
    text = "Bright places speak most for the answer, dark places least. The last map is noise, for comparison."
    if any(example.mask is not None for example in examples):
        text += " The light blue line is the border of the lesion mask."
    return text


def _example(example):
    right = "right" if example.answer == example.photo.label else f"wrong, it is {example.photo.label}"
    head = f"{example.photo.file}: answered {example.answer} with {example.probability:.0%} ({right})"
    shown = [("photo", example.pixels)]
    shown += [(name.replace("_", " "), overlay(example.pixels, heat)) for name, heat in example.heats.items()]
    pictures = "".join(
        html_picture(picture if example.mask is None else outline(picture, example.mask), caption, "JPEG")
        for caption, picture in shown
    )
    return f'<section class="example"><h3>{escape(head)}</h3><div class="pictures">{pictures}</div></section>'


def _methods_table(results):
    def with_error(figures, key):
        if key not in figures:
            return "-"
        error = figures[f"{key}_error"]
        return f"<span>{figures[key]:.3f} <small>± {error:.3f}</small></span>" if error is not None else f"{figures[key]:.3f}"

    lesions = results["lesions"] is not None
    keys = ["deletion", "insertion"] + (["pointing_game", "energy_in_lesion"] if lesions else [])
    rows = []
    for name, figures in results["methods"].items():
        shuffled = figures.get("correlation_with_shuffled_weights")
        rows.append(
            (
                "random (noise)" if name == RANDOM else escape(name.replace("_", " ")),
                *(with_error(figures, key) for key in keys),
                "-" if shuffled is None else f"{shuffled:+.2f}",
                f"{figures['seconds']:.3f}" if "seconds" in figures else "-",
            )
        )
    header = ["Method", "Deletion", "Insertion", *(("Pointing game", "Energy in lesion") if lesions else ())]
    return html_table([*header, "Shuffled weights", "Seconds"], rows)


def _terms(results):
    left_out = set() if results["lesions"] is not None else {"Pointing game", "Energy in lesion"}
    terms = "".join(f"<dt>{name}</dt><dd>{text}</dd>" for name, text in _TERMS.items() if name not in left_out)
    note = f"<p>Weights were shuffled for {photo_count(results['shuffled_photos'])}.</p>"
    return f"<dl>{terms}</dl>" + (note if results["shuffled_photos"] else "<p>The weights of a bundle can't be shuffled.</p>")


def _plots(results):
    names = [name for name in results["methods"] if name != RANDOM]
    caption = "Deletion and insertion with standard errors; dashed lines are where the random map lies."
    plots = [(plot_deletion_and_insertion(results["methods"]), caption)]
    if len(names) > 1:
        matrix = np.eye(len(names))
        for pair, value in results["agreement"].items():
            first, second = map(names.index, pair.split(" "))
            matrix[first, second] = matrix[second, first] = value
        plots.append((plot_agreement(names, matrix), "Agreement of the methods: mean correlation of their maps."))
    return html_plots(plots)


def _occlusion_tests(occlusion_tests):
    def share(figures, key):
        return f"<span>{percent(figures[key])} <small>{interval(figures, key)}</small></span>"

    parts = []
    for region, found in occlusion_tests.items():
        rows = [
            (
                _VIEWS[view],
                share(figures, "changed") if view != "whole" else "-",
                share(figures, "accuracy"),
                f"{figures['probability_of_true_class']:.2f}",
                f"{figures['probability_of_first_answer']:.2f}",
            )
            for view, figures in found["views"].items()
        ]
        header = ("Hidden", "FoldPredictions changed", "Accuracy", "Probability, true class", "Probability, first answer")
        parts.append(f"<h3>{_REGIONS[region][0]}, {photo_count(found['photos'])}</h3>{html_table(header, rows)}")
    note = "<p>The hottest region is the network's own choice; that hiding it changes answers says that the map is true to the "
    note += "network, not that it lies on lesions.</p>"
    return "".join(parts) + note
