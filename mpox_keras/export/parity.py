"""Does an exported network answer as the trained one does?"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from mpox_keras.data.folder import Photo
from mpox_keras.data.loading import load_photos
from mpox_keras.inference.bundle import load_bundle
from mpox_keras.inference.classifier import MODEL_FILE, load_classifier
from mpox_keras.inference.metadata import ClassifierError
from mpox_keras.inference.prediction import Predictor

_PHOTOS_A_STEP = 64


def verify_bundle(folder: str | os.PathLike, photos: Sequence[Photo], source: str | os.PathLike | None = None) -> dict:
    """Compare a bundle with the trained network that it was made from, over labelled photos.

    Args:
        folder: of the bundle.
        photos: labelled with classes of the network.
        source: of the trained network; by default what the bundle says it was made from.

    Returns:
        Figures of `compare`.

    Raises:
        ClassifierError: one of the two can't be loaded, or the bundle was made from another network.

    Example:
        >>> verify_bundle("mpox-tflite", read_photos("photos", CLASSES))["top_class_agreement"]
        1.0
    """
    bundle = load_bundle(folder)
    made_from = bundle.metadata["made_from"]
    classifier = load_classifier(source or made_from["source"])
    if classifier.metadata["sha256"][MODEL_FILE] != made_from["sha256"]:
        raise ClassifierError(
            f"{folder} was made from another network than {source or made_from['source']}: the SHA-256 differs. "
            "Give the right one with --model, or export anew."
        )
    answers = [[], []]
    for start in range(0, len(photos), _PHOTOS_A_STEP):
        pixels = load_photos(photos[start : start + _PHOTOS_A_STEP], classifier.image_size)
        for outputs, predictor in zip(answers, (classifier, bundle), strict=True):
            outputs.append(predictor.predict_pixels(pixels))
    trained, exported = ({key: np.concatenate([part[key] for part in parts]) for key in parts[0]} for parts in answers)
    labels = np.array([classifier.classes.index(photo.label) for photo in photos])
    return compare(classifier, trained, exported, labels)


def compare(predictor: Predictor, trained: dict, exported: dict, labels: np.ndarray) -> dict:
    """How far two networks' outputs for the same photos differ.

    Args:
        predictor: decides what an output means.
        trained, exported: outputs of `Predictor.predict_pixels`.
        labels: `(photos,)`, class numbers.

    Returns:
        `photos`; `largest_difference` and `mean_difference` of a probability; `top_class_agreement`; `answer_agreement`, of
        the label or "not sure"; `alarm_agreement`, of whether mpox is suspected (None without thresholds);
        `trained_accuracy` and `exported_accuracy`, over all photos whether sure or not.
    """
    difference = np.abs(trained["probabilities"] - exported["probabilities"])
    top = [outputs["probabilities"].argmax(axis=1) for outputs in (trained, exported)]
    decided = [
        [
            predictor.decide("", row, None if unlike is None else float(unlike))
            for row, unlike in zip(outputs["probabilities"], _ood_scores(outputs), strict=True)
        ]
        for outputs in (trained, exported)
    ]
    pairs = list(zip(*decided, strict=True))
    evaluated = predictor.metadata["thresholds"] is not None
    return {
        "photos": len(labels),
        "largest_difference": float(difference.max()),
        "mean_difference": float(difference.mean()),
        "top_class_agreement": float(np.mean(top[0] == top[1])),
        "answer_agreement": float(np.mean([a.answer == b.answer for a, b in pairs])),
        "alarm_agreement": float(np.mean([a.mpox_suspected == b.mpox_suspected for a, b in pairs])) if evaluated else None,
        "trained_accuracy": float(np.mean(top[0] == labels)),
        "exported_accuracy": float(np.mean(top[1] == labels)),
    }


def _ood_scores(outputs):
    if "ood_score" not in outputs:
        return [None] * len(outputs["probabilities"])
    return outputs["ood_score"][:, 0]


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
