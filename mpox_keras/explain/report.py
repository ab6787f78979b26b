"""Check a network's explanations: from a folder of photos to one HTML page, and plain text."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from mpox_keras.data.sources import read_photos
from mpox_keras.explain.maps import explain, methods_for
from mpox_keras.explain.masks import find_mask
from mpox_keras.explain.measure import measure_explanations
from mpox_keras.export.bundle import stratified_sample
from mpox_keras.inference.classifier import Classifier
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.reports.heat_maps import outline, overlay, save_explanations
from mpox_keras.reports.page import write_page
from mpox_keras.reports.summary import aligned, percent, photo_count


def explain_photos(
    classifier: Classifier,
    files: Iterable[str | os.PathLike],
    folder: str | os.PathLike,
    methods: Sequence[str] = ("class_activation_map",),
    label: str | None = None,
) -> Iterator[tuple[str | None, Path | None]]:
    """Write a picture with heat maps for each photo; yields the reason why there is none, or None and the picture's path.

    Methods, label and errors are those of `explain`. A photo that can't be read does not stop the others.

    Example:
        >>> [path for error, path in explain_photos(load_classifier(), ["arm.jpg"], "maps") if not error]
    """
    for number, (prediction, photo) in enumerate(classifier.predict_and_show(files), 1):
        if prediction.error:
            yield prediction.error, None
            continue
        shown = label or prediction.label
        heats = {name: explain(classifier, photo, name, shown) for name in methods}
        title = f"answer: {prediction.answer}; maps for {shown}, which has {prediction.probabilities[shown]:.0%}"
        # Photos of two folders may share a name.
        path = Path(folder) / f"{number:04d}_{Path(prediction.file).stem}.png"
        save_explanations(path, photo, heats, title)
        yield None, path


def check_explanations(
    classifier: Classifier,
    data: str | os.PathLike,
    folder: str | os.PathLike,
    *,
    masks: str | os.PathLike | None = None,
    methods: Sequence[str] = (),
    count: int = 40,
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> tuple[dict, Path]:
    """Measure explanations on a stratified sample of photos, photos with a lesion mask first, and write a report.

    Args:
        classifier, masks, progress: as `measure_explanations` takes them, which raises the errors too.
        data: labelled photos, as `read_photos` takes them.
        methods: names in `METHODS`; by default all that the classifier can be explained by.
        count: at most so many photos.

    Returns:
        The figures of `measure_explanations`, and the path of the report.

    Example:
        >>> results, report = check_explanations(load_classifier(), "photos", "report", masks="masks")
    """
    photos = read_photos(data, classifier.classes)
    # Often only some photos have a mask, and these tell more.
    has_mask = {photo.file: bool(masks and find_mask(masks, photo.file)) for photo in photos}
    masked, unmasked = ([photo for photo in photos if has_mask[photo.file] == wanted] for wanted in (True, False))
    photos = (stratified_sample(masked, count) + stratified_sample(unmasked, count))[:count]
    # Once each, in the order given.
    methods = list(dict.fromkeys(methods)) or methods_for(classifier)
    examples = len(classifier.classes)
    results, shown = measure_explanations(classifier, photos, methods, masks=masks, examples=examples, progress=progress)
    title = f"Explanations of {classifier.source} on {data}"
    sample = "a stratified sample, those with a mask first" if masks else "a stratified sample"
    protocol = f"maps of {results['photos']} photos of {data}, {sample}, for the answer of {classifier.source} to each."
    protocol += " Photos it was trained on flatter it."
    shown = list(map(_example, shown))
    return results, write_page(folder, "explain/report.html", results, title=title, protocol=protocol, examples=shown)


def format_explanations(results: dict) -> str:
    """The figures of each method as aligned plain text; results are those of `check_explanations`."""
    rows = [("method", "deletion", "insertion", "pointing", "in lesion", "shuffled", "seconds")]
    keys = ("deletion", "insertion", "pointing_game", "energy_in_lesion", "correlation_with_shuffled_weights", "seconds")
    for name, figures in results["methods"].items():
        rows.append((name, *(f"{figures[key]:.3f}" if key in figures else "-" for key in keys)))
    lines = aligned(rows)
    for region, figures in results["occlusion_tests"].items():
        covered, only = (percent(figures["views"][view]["changed"]) for view in ("covered", "only"))
        count = photo_count(figures["photos"])
        lines.append(f"{region} hidden: {covered} of answers change; all else hidden: {only}; {count}")
    return "\n".join([*lines, DISCLAIMER])


def _example(example):
    right = "right" if example.answer == example.photo.label else f"wrong, it is {example.photo.label}"
    pictures = [("photo", example.pixels)]
    pictures += [(name.replace("_", " "), overlay(example.pixels, heat)) for name, heat in example.heats.items()]
    masked = example.mask is not None
    if masked:
        pictures = [(name, outline(picture, example.mask)) for name, picture in pictures]
    title = f"{example.photo.file}: answered {example.answer} with {example.probability:.0%} ({right})"
    return {"title": title, "masked": masked, "pictures": pictures}
