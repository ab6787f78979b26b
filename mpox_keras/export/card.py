"""The model card of a bundle, from its metadata."""

from __future__ import annotations

from collections.abc import Mapping

from mpox_keras.inference.prediction import DISCLAIMER


def model_card(metadata: Mapping) -> str:
    """Markdown that says what a bundle is, what it was trained on, how well it did and what it must not be used for.

    What the metadata does not hold (a run's says less than a preset's) is said to be not recorded.
    """
    photos = ", ".join(f"{count} {name}" for name, count in metadata.get("training_photos", {}).items())
    lines = [
        f"# Model card: {metadata['name']}, {metadata['format']}, {metadata['precision']}",
        "",
        f"**{metadata.get('intended_use') or DISCLAIMER}**",
        "",
    ]
    if external := metadata.get("external"):
        low, high = external["auc_per_patient_interval"]
        lines += [
            f"External validation: on {external['photos']} photos of {external['patients']} patients "
            f"({external['mpox_patients']} with mpox) from a source that nothing was trained on, the network tells mpox from "
            f"other rashes with an **AUC of {external['auc_per_patient']:.2f} per patient** (95 % interval {low:.2f} to "
            f"{high:.2f}). Guessing has 0.50.",
            "",
        ]
    lines += [
        f"The network takes a whole photo, resized to {metadata['image_size']} x {metadata['image_size']} pixels with values 0 "
        f"to 255. It gives probabilities of {', '.join(metadata['classes'])}, calibrated by a temperature of "
        f"{metadata['temperature']:.3f}; a class activation map; and, if it was trained with one, an out-of-distribution "
        "score, which is high for photos of something other than skin.",
        "",
        f"- Trained on: {metadata.get('training_data', 'not recorded')}{f' ({photos})' if photos else ''}.",
    ]
    if evaluated := metadata.get("out_of_fold"):
        low, high = evaluated["accuracy_interval"]
        lines += [
            f"- Protocol of the figures: {evaluated['protocol']}.",
            f"- Accuracy over {len(metadata['classes'])} classes: {evaluated['accuracy']:.1%} (95 % interval {low:.1%} to "
            f"{high:.1%}); macro F1: {evaluated['macro_f1']:.1%}. These figures are of the trained network, not of this file; "
            "`mpox-keras verify` compares the two.",
        ]
    else:
        lines.append("- Accuracy: not recorded.")
    if thresholds := metadata["thresholds"]:
        lines += [
            f"- mpox is suspected if p(mpox) is at least {thresholds['mpox']:.3f}.",
            f'- The answer is "not sure" if the largest probability is below {thresholds["confidence"]:.3f} or the '
            f"out-of-distribution score is above {thresholds['ood_score']:.2f}.",
        ]
    return "\n".join([*lines, f"- Licence: {metadata.get('licence', 'not recorded')}", ""])
