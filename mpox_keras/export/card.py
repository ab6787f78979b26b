"""The model card of a bundle, from its metadata."""

from __future__ import annotations

from mpox_keras.inference.prediction import DISCLAIMER


def model_card(metadata: dict) -> str:
    """Markdown that says what a bundle is, what it was trained on, how well it did and what it must not be used for.

    What the metadata does not hold (a network of a run folder knows less than a preset) is said to be not recorded.
    """
    evaluated = metadata.get("out_of_fold")
    thresholds = metadata["thresholds"]
    photos = ", ".join(f"{count} {name}" for name, count in metadata.get("training_photos", {}).items())
    lines = [
        f"# Model card: {metadata['name']}, {metadata['format']}, {metadata['precision']}",
        "",
        f"**{metadata.get('intended_use') or DISCLAIMER}**",
        "",
        *_external(metadata.get("external")),
        f"A photo of {metadata['image_size']} x {metadata['image_size']} pixels with values 0 to 255 goes in (the whole photo, "
        "resized); out come probabilities of " + ", ".join(metadata["classes"]) + ", calibrated by a temperature of "
        f"{metadata['temperature']:.3f}, a class activation map, and where the network has it a measure of how much the "
        "photo looks like one of anything but skin.",
        "",
        f"- Trained on: {metadata.get('training_data', 'not recorded')}{f' ({photos})' if photos else ''}.",
    ]
    if evaluated:
        low, high = evaluated["accuracy_interval"]
        lines += [
            f"- Protocol of the figures: {evaluated['protocol']}.",
            f"- Accuracy over {len(metadata['classes'])} classes {evaluated['accuracy']:.1%} (95 % interval {low:.1%} to "
            f"{high:.1%}), macro F1 {evaluated['macro_f1']:.1%}. These are figures of the trained network, not of this file: "
            "`mpox-keras verify` compares the two.",
        ]
    else:
        lines.append("- Accuracy: not recorded.")
    if thresholds:
        lines += [
            f"- mpox is suspected from a p(mpox) of {thresholds['mpox']:.3f} on.",
            f"- No answer (not sure) below a largest probability of {thresholds['confidence']:.3f} or above an ood_score "
            f"of {thresholds['ood_score']:.2f}.",
        ]
    lines += [f"- Licence: {metadata.get('licence', 'not recorded')}", ""]
    return "\n".join(lines)


def _external(figures):
    if not figures:
        return []
    low, high = figures["auc_per_patient_interval"]
    return [
        f"On {figures['photos']} photos of {figures['patients']} patients from another source ({figures['mpox_patients']} "
        f"of them with mpox), mpox is told from other rashes with an **AUC of {figures['auc_per_patient']:.2f} per patient** "
        f"(95 % interval {low:.2f} to {high:.2f}); one half is guessing.",
        "",
    ]
