"""Every measure of explanations, over many photos: what a report, a table or a paper needs."""

import dataclasses
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from mpox_keras.data.decode import PhotoError, decode_photo, resize_photo
from mpox_keras.data.folder import Photo
from mpox_keras.explain import faithfulness
from mpox_keras.explain.maps import check_method, explain
from mpox_keras.explain.masks import MaskError, energy_in_lesion, find_mask, pointing_game, read_mask
from mpox_keras.export.tflite import convert_to_tflite
from mpox_keras.inference.classifier import Classifier
from mpox_keras.inference.runtimes import LiteRT

RANDOM = "random"  # Stands for a map of noise, which every method should beat.
_SHUFFLED_PHOTOS = 20


@dataclasses.dataclass
class Explained:
    """One photo with its maps for the likeliest class, which is the answer."""

    photo: Photo
    pixels: np.ndarray  # uint8 (image_size, image_size, 3)
    answer: str
    probability: float
    heats: dict[str, np.ndarray]  # by method; (image_size, image_size), 0 to 1
    mask: np.ndarray | None  # bool (image_size, image_size), true on lesions


def measure_explanations(
    classifier: Classifier,
    photos: Sequence[Photo],
    methods: Sequence[str],
    *,
    masks: str | os.PathLike | None = None,
    examples: int = 0,
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> tuple[dict, list[Explained]]:
    """Measure the maps of several methods, names in `METHODS`, for the likeliest class of each photo.

    The first 20 photos are also explained with shuffled weights, unless the network is an exported one.

    Args:
        masks: folder of lesion masks at the same relative paths as the photos.
        examples: how many of the first photos are returned with their maps.
        progress: called with the step, and how many photos of how many are done.

    Returns:
        Plain values that `json.dumps(..., allow_nan=False)` takes, and the examples. Figures without photos are left out:

        - `photos`, how many were measured; `errors`, file -> why it was not.
        - `lesions` (None without `masks`): `photos` with a mask; `without_mask`; `errors`, file -> why its mask could not be
          used; `share`, mean share of a photo that is lesion.
        - `methods`: name, and "random" for a map of noise -> means over photos with their standard error (`_error`) of
          `deletion`, `insertion`, and, for the true class of photos with a mask, `pointing_game` and `energy_in_lesion`; median
          `seconds` of a map; mean `correlation_with_shuffled_weights` over `shuffled_photos`.
        - `occlusion_tests`: `lesion` (photos with a mask) and `middle` (the middle half of every photo) -> `photos` and
          `views`, see `occlusion_test_figures`.

    Raises:
        ExplanationError: of `check_method`.
        MaskError: the folder of masks is missing, has a mask for none of the photos, or several for one.
        PhotoError: no photo can be read.

    Example:
        >>> results, _ = measure_explanations(classifier, read_photos("photos", classifier.classes), ["occlusion"])
    """
    for name in methods:
        check_method(classifier, name)
    places = {photo.file: find_mask(masks, photo.file) for photo in photos} if masks is not None else {}
    if places and not any(places.values()):
        expected = f"Expected {Path(masks) / photos[0].file}, with any suffix, and so on."
        raise MaskError(f"{masks} has a mask for none of the {len(photos)} photos. {expected}")
    other = None
    if classifier.trained is not None:
        other = faithfulness.with_shuffled_weights(classifier)
        if not isinstance(classifier.predict_pixels, LiteRT):
            # As a TFLite file the same network answers much faster; only gradients need the Keras model.
            content = convert_to_tflite(classifier.trained, classifier.metadata["temperature"])
            classifier = dataclasses.replace(classifier, predict_pixels=LiteRT(content))
    random = np.random.default_rng(0)
    measured, shown, errors, mask_errors = [], [], {}, {}
    for number, photo in enumerate(photos, 1):
        try:
            explained, seconds = _explain(classifier, photo, methods, places.get(photo.file), mask_errors)
        except PhotoError as error:
            errors[photo.file] = str(error)
        else:
            explained.heats[RANDOM] = random.random(explained.pixels.shape[:2], "float32")
            measured.append(_measure(classifier, explained, seconds, other if len(measured) < _SHUFFLED_PHOTOS else None))
            if len(shown) < examples:
                shown.append(explained)
        progress("measuring explanations", number, len(photos))
    if not measured:
        raise PhotoError(f"none of the {len(photos)} photos can be read; the first: {next(iter(errors.values()))}")
    regions = {}
    for region in ("lesion", "middle"):
        if found := [(of_photo[region], of_photo["label"]) for of_photo in measured if region in of_photo]:
            regions[region] = {"photos": len(found), "views": faithfulness.occlusion_test_figures(*zip(*found, strict=True))}
    shares = [of_photo["lesion_share"] for of_photo in measured if "lesion_share" in of_photo]
    lesions = {
        "photos": len(shares),
        "without_mask": len(measured) - len(shares) - len(mask_errors),
        "errors": mask_errors,
        "share": float(np.mean(shares)) if shares else None,
    }
    results = {
        "photos": len(measured),
        "class": "the likeliest of each photo",
        "errors": errors,
        "shuffled_photos": min(_SHUFFLED_PHOTOS, len(measured)) if other else 0,
        "lesions": None if masks is None else lesions,
        "methods": {name: _summary([of_photo["methods"][name] for of_photo in measured]) for name in (*methods, RANDOM)},
        "occlusion_tests": regions,
    }
    return results, shown


def _explain(classifier, photo, methods, mask_path, mask_errors):
    """A photo with its maps, and the seconds that each map took."""
    decoded = decode_photo(photo.encoded, photo.file)
    pixels = resize_photo(decoded, classifier.image_size)
    try:
        mask = read_mask(mask_path, decoded.shape[:2], classifier.image_size) if mask_path else None
    except (MaskError, PhotoError) as error:
        mask, mask_errors[photo.file] = None, str(error)
    probabilities = classifier.predict_pixels(pixels[None])["probabilities"][0]
    answer = classifier.classes[int(probabilities.argmax())]
    heats, seconds = {}, {}
    for name in methods:
        started = time.perf_counter()
        heats[name] = explain(classifier, pixels, name, answer)
        seconds[name] = time.perf_counter() - started
    return Explained(photo, pixels, answer, float(probabilities.max()), heats, mask), seconds


def _measure(classifier, explained, seconds, shuffled):
    """Figures of one photo; `shuffled` is the network with shuffled weights, or None."""
    pixels, mask, answer, label = explained.pixels, explained.mask, explained.answer, explained.photo.label
    methods = {}
    for name, heat in explained.heats.items():
        deletion, insertion = faithfulness.deletion_and_insertion(classifier, pixels, heat, answer)
        figures = methods[name] = {"deletion": deletion, "insertion": insertion}
        if name in seconds:
            figures["seconds"] = seconds[name]
            if shuffled:
                other = explain(shuffled, pixels, name, answer)
                # Pearson's; 0 where one map is flat.
                correlation = np.corrcoef(heat.ravel(), other.ravel())[0, 1] if heat.std() and other.std() else 0
                figures["correlation_with_shuffled_weights"] = float(correlation)
        if mask is not None:
            # A lesion speaks for the true class; a map for a wrong answer need not lie on it.
            if answer != label and name != RANDOM:
                heat = explain(classifier, pixels, name, label)
            figures |= {"pointing_game": pointing_game(heat, mask), "energy_in_lesion": energy_in_lesion(heat, mask)}
    measured = {"label": classifier.classes.index(label), "methods": methods}
    measured["middle"] = faithfulness.hide(classifier, pixels, faithfulness.middle_half(len(pixels)))
    if mask is not None:
        measured |= {"lesion": faithfulness.hide(classifier, pixels, mask), "lesion_share": float(mask.mean())}
    return measured


def _summary(of_photos):
    """Means over photos, most with their standard error; of the time the median."""
    made = {}
    for kind in ("deletion", "insertion", "pointing_game", "energy_in_lesion", "seconds", "correlation_with_shuffled_weights"):
        if found := [figures[kind] for figures in of_photos if kind in figures]:
            made[kind] = float(np.median(found) if kind == "seconds" else np.mean(found))
            if kind not in ("seconds", "correlation_with_shuffled_weights"):
                made[f"{kind}_error"] = float(np.std(found, ddof=1) / np.sqrt(len(found))) if len(found) > 1 else None
    return made
