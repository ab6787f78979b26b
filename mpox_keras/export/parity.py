"""Does an exported network answer as the trained one does?"""

import os
from collections.abc import Sequence

import numpy as np

from mpox_keras.data.folder import Photo
from mpox_keras.data.loading import load_photos
from mpox_keras.inference.classifier import Classifier, load_classifier
from mpox_keras.inference.metadata import MODEL_FILE, ClassifierError
from mpox_keras.models.deploy import deploy

_STEP = 64  # photos


def verify_bundle(bundle: Classifier, photos: Sequence[Photo], source: str | os.PathLike | None = None) -> dict:
    """Figures of `compare` for a bundle and the trained network that it was made from, over labelled photos.

    The trained network is that of `source`, as `load_classifier` takes it; by default what the bundle says. ClassifierError if
    it can't be loaded, or is not the one that the bundle was made from.

    Example:
        >>> verify_bundle(load_classifier("mpox-tflite"), read_photos("photos", CLASSES))["top_class_agreement"]
        1.0
    """
    if "made_from" not in bundle.metadata:
        raise ClassifierError(f"{bundle.source} is no bundle of `mpox-keras export`. Make one, and give its folder.")
    made_from = bundle.metadata["made_from"]
    trained = load_classifier(source or made_from["source"], bundle.classes)
    if trained.checksums.get(MODEL_FILE) != made_from["sha256"]:
        raise ClassifierError(
            f"{bundle.source} was made from another network than {trained.source}: the SHA-256 differs. "
            "Give the right one with --model, or export again."
        )
    # A preset answers by TFLite, which is an export too.
    network = deploy(trained.trained, temperature=trained.metadata["temperature"]).predict_on_batch
    steps = (load_photos(photos[start : start + _STEP], trained.image_size) for start in range(0, len(photos), _STEP))
    answers = zip(*((network(pixels), bundle.predict_pixels(pixels)) for pixels in steps), strict=True)
    outputs = [{key: np.concatenate([part[key] for part in parts]) for key in parts[0]} for parts in answers]
    return compare(trained, *outputs, np.array([trained.classes.index(photo.label) for photo in photos]))


def compare(classifier: Classifier, trained: dict, exported: dict, labels: np.ndarray) -> dict:
    """How far outputs of `Classifier.predict_pixels` for the same photos differ; labels are class numbers, `(photos,)`.

    Returns:
        `photos`; `largest_difference` and `mean_difference` of a probability; `top_class_agreement`; `answer_agreement`, of
        the label or "not sure"; `alarm_agreement`, of whether mpox is suspected (None without thresholds);
        `trained_accuracy` and `exported_accuracy`, over all photos whether sure or not.
    """
    difference = np.abs(trained["probabilities"] - exported["probabilities"])
    top = [outputs["probabilities"].argmax(axis=1) for outputs in (trained, exported)]
    decided = (classifier.decide_batch(outputs, [""] * len(labels)) for outputs in (trained, exported))
    pairs = list(zip(*decided, strict=True))
    alarms = np.mean([a.mpox_suspected == b.mpox_suspected for a, b in pairs])
    return {
        "photos": len(labels),
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "top_class_agreement": float(np.mean(top[0] == top[1])),
        "answer_agreement": float(np.mean([a.answer == b.answer for a, b in pairs])),
        "alarm_agreement": float(alarms) if classifier.metadata["thresholds"] is not None else None,
        "trained_accuracy": float(np.mean(top[0] == labels)),
        "exported_accuracy": float(np.mean(top[1] == labels)),
    }


def format_parity(figures: dict) -> str:
    """`compare` as lines for the terminal."""
    alarm = figures["alarm_agreement"]
    rows = [
        ("photos", f"{figures['photos']}"),
        ("largest difference of a probability", f"{figures['largest_difference']:.1e}"),
        ("mean difference of a probability", f"{figures['mean_difference']:.1e}"),
        ("same top class", f"{figures['top_class_agreement']:.2%}"),
        ("same answer, or both not sure", f"{figures['answer_agreement']:.2%}"),
        ("same alarm for mpox", "no threshold" if alarm is None else f"{alarm:.2%}"),
        ("accuracy of the trained network", f"{figures['trained_accuracy']:.2%}"),
        ("accuracy of the bundle", f"{figures['exported_accuracy']:.2%}"),
    ]
    return "\n".join(f"{name:38}{value:>14}" for name, value in rows)
