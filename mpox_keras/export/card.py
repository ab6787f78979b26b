"""The model card of a bundle, from its metadata."""

from __future__ import annotations

from collections.abc import Mapping

from mpox_keras.inference.prediction import DISCLAIMER


def model_card(metadata: Mapping) -> str:
    """Markdown that says what a bundle is, what it was trained on, how well it did and what it must not be used for.

    What the metadata does not hold (a run's says less than a preset's) is said to be not recorded.
    """
    photos = ", ".join(f"{count} {name}" for name, count in metadata.get("training_photos", {}).items())
    side = metadata["image_size"]
    return "\n".join(
        [
            f"# Model card: {metadata['name']}, {metadata['format']}, {metadata['precision']}",
            "",
            f"**{metadata.get('intended_use') or DISCLAIMER}**",
            "",
            *_external(metadata.get("external")),
            f"The network takes a photo of {side} x {side} pixels with values 0 to 255: the whole photo, resized. It gives "
            f"probabilities of {', '.join(metadata['classes'])}, calibrated by a temperature of {metadata['temperature']:.3f}; "
            "a class activation map; and, if it was trained with one, an out-of-distribution score, which is high for photos "
            "of something other than skin.",
            "",
            f"- Trained on: {metadata.get('training_data', 'not recorded')}{f' ({photos})' if photos else ''}.",
            *_accuracy(metadata.get("out_of_fold"), len(metadata["classes"])),
            *_thresholds(metadata["thresholds"]),
            f"- Licence: {metadata.get('licence', 'not recorded')}",
            "",
        ]
    )


def _external(figures):
    if not figures:
        return []
    low, high = figures["auc_per_patient_interval"]
    return [
        f"External validation: on {figures['photos']} photos of {figures['patients']} patients ({figures['mpox_patients']} "
        f"with mpox) from a source that nothing was trained on, the network tells mpox from other rashes with an **AUC of "
        f"{figures['auc_per_patient']:.2f} per patient** (95 % interval {low:.2f} to {high:.2f}). Guessing has 0.50.",
        "",
    ]


def _accuracy(figures, classes):
    if not figures:
        return ["- Accuracy: not recorded."]
    low, high = figures["accuracy_interval"]
    return [
        f"- Protocol of the figures: {figures['protocol']}.",
        f"- Accuracy over {classes} classes: {figures['accuracy']:.1%} (95 % interval {low:.1%} to {high:.1%}); macro F1: "
        f"{figures['macro_f1']:.1%}. These figures are of the trained network, not of this file; `mpox-keras verify` compares "
        "the two.",
    ]


def _thresholds(thresholds):
    if not thresholds:
        return ["- Thresholds: none. The network answers for every photo."]
    return [
        f"- mpox is suspected if p(mpox) is at least {thresholds['mpox']:.3f}.",
        f'- The answer is "not sure" if the largest probability is below {thresholds["confidence"]:.3f} or the '
        f"out-of-distribution score is above {thresholds['ood_score']:.2f}.",
    ]
