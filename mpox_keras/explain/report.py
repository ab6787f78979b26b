"""What `measure_explanations` found: one HTML page, and plain text."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from mpox_keras.explain.measure import Explained
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.reports.heat_maps import outline, overlay
from mpox_keras.reports.page import write_page
from mpox_keras.reports.summary import aligned, percent, photo_count

_REGIONS = {"lesion": "the lesion, as masked", "middle": "the middle half"}
_HIDDEN = {"whole": "nothing", "covered": "the region", "only": "everything else"}


def write_explanation_report(
    directory: str | os.PathLike, results: dict, examples: Sequence[Explained], *, title: str, protocol: str
) -> Path:
    """Write `report.html`, one page that needs no other file and no network, and `results.json`.

    Results and examples, which are shown with all their maps, are those of `measure_explanations`; the other arguments and
    the path returned are those of `write_page`.

    Example:
        >>> results, examples = measure_explanations(classifier, photos, ["occlusion"], examples=4)
        >>> write_explanation_report("runs/explanations", results, examples, title="Clinic", protocol="40 photos")
        PosixPath('runs/explanations/report.html')
    """
    return write_page(
        directory,
        "explain/report.html",
        results,
        title=title,
        protocol=protocol,
        examples=list(map(_example, examples)),
        regions=_REGIONS,
        hidden=_HIDDEN,
    )


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
    lines = aligned(rows)
    for region, figures in results["occlusion_tests"].items():
        views = figures["views"]
        lines.append(
            f"{region} hidden: {percent(views['covered']['changed'])} of answers change; all else hidden: "
            f"{percent(views['only']['changed'])}; {photo_count(figures['photos'])}"
        )
    return "\n".join([*lines, DISCLAIMER])


def _example(example):
    right = "right" if example.answer == example.photo.label else f"wrong, it is {example.photo.label}"
    shown = [("photo", example.pixels)]
    shown += [(name.replace("_", " "), overlay(example.pixels, heat)) for name, heat in example.heats.items()]
    mask = example.mask
    return {
        "title": f"{example.photo.file}: answered {example.answer} with {example.probability:.0%} ({right})",
        "masked": mask is not None,
        "pictures": shown if mask is None else [(name, outline(picture, mask)) for name, picture in shown],
    }
