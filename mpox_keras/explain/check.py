"""Check a network's explanations: from a folder of photos to the report."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from mpox_keras.data.sources import read_photos
from mpox_keras.explain.maps import methods_for
from mpox_keras.explain.masks import find_mask
from mpox_keras.explain.measure import measure_explanations
from mpox_keras.explain.report import write_explanation_report
from mpox_keras.export.bundle import export_bundle, stratified_sample
from mpox_keras.inference.classifier import Classifier, load_classifier


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
        classifier: as `measure_explanations` takes it, which raises the errors too.
        data: labelled photos, as `read_photos` takes them.
        folder: of the report.
        masks: folder of lesion masks at the same relative paths as the photos.
        methods: names in `METHODS`; by default all that the classifier can be explained by.
        count: at most so many photos.
        progress: as in `measure_explanations`.

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
    with tempfile.TemporaryDirectory() as scratch:
        if classifier.trained is not None:
            # As a TFLite bundle the same network answers much faster; only gradients need the Keras model.
            export_bundle(classifier, Path(scratch) / "bundle")
            exported = load_classifier(Path(scratch) / "bundle")
            classifier = Classifier(classifier.metadata, exported.predict_pixels, classifier.trained, source=classifier.source)
        # Once each, in the order given.
        methods = list(dict.fromkeys(methods)) or methods_for(classifier)
        examples = len(classifier.classes)
        results, shown = measure_explanations(classifier, photos, methods, masks=masks, examples=examples, progress=progress)
    first = ", those with a mask first" if masks else ""
    report = write_explanation_report(
        folder,
        results,
        shown,
        title=f"Explanations of {classifier.source} on {data}",
        protocol=f"maps of {results['photos']} photos of {data}, a stratified sample{first}, for the answer of "
        f"{classifier.source} to each. Photos it was trained on flatter it.",
    )
    return results, report
