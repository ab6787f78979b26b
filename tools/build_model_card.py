"""Write the presets' model cards from their metadata and the committed results files; a test fails where they differ.

python tools/build_model_card.py
"""

from __future__ import annotations

import json
from pathlib import Path
from string import Template

from doc_tables.common import load, percent, table, with_interval

from mpox_keras.inference.classifier import DEFAULT_PRESET, PRESETS_FOLDER, preset_names
from mpox_keras.inference.metadata import METADATA_FILE
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.utils.files import replacing

ROOT = Path(__file__).parent.parent

_NETWORKS = {
    "FastMpoxNet": "Fast-MpoxNet (Yue et al., arXiv 2308.13492, reconstructed)",
    "EfficientNetLite0": "A linear classifier on ImageNet features of EfficientNet-Lite0 (Tan and Le 2019)",
}

_TEXT = Template("""\
# Model card: $name

**$disclaimer** This page is written by `tools/build_model_card.py` from the results files.

## First: external photos

On $external_photos photos of $external_patients patients from another source ($external_mpox of them with mpox), on which
nothing was trained and by which no threshold was chosen but the least one for refusing (below), mpox is told from other rashes
with an **AUC of $external_auc per patient** (95 % interval $external_interval) and $external_photo_auc per photo
($external_photo_interval). One half is guessing. The interval is wide, because the set is small; it does not show that the
network works on photos of other clinics and phones.

## What it is

$network: a photo goes in, probabilities of $classes come out, with a class activation map and a measure of how much the
photo looks like one of anything but skin. $size x $size pixels, values 0 to 255.

## Intended use

Research on screening from photos, teaching, and as a starting point for training on better data. Not for deciding about a
person. Nothing it says replaces a clinician or a PCR test.

## Training data

$training_data: $training_photos. The photos were scraped from the web. None is confirmed by PCR, stages and skin tones are
not recorded, mpox is over-represented, and photos called normal are mostly portraits and hands. What is no photo of skin it
learned from pictures of things that scikit-image and scikit-learn carry, and from synthetic ones.

## How it was evaluated

$protocol. The figures below are those of networks trained in the same way on the other folds; the preset itself was trained
on all photos.

$figures

$classes_table

Chosen on all out-of-fold predictions, and evaluated by choosing anew on the other folds each time:

$limits

Accuracy of the surest answers:

$coverage

Pictures at the threshold above, by which $msid_refused of the photos of MSID are refused, out of fold. The first should be
answered, the others show no skin but that of some people. A threshold is never below 0.05, which was set with the first row in
view:

$out_of_distribution

## Limits

- It learned from one small collection. It may rely on framing, background and picture quality as much as on lesions.
- Other rashes than chickenpox and measles were never shown to it; it will call them something.
- Probabilities are calibrated to the mix of classes in MSID. In a clinic mpox is rarer, and p(mpox) is too high.
- Intervals take photos as independent. Several photos of one scene make the truth less certain than they say.

## Licence

$licence
""")


def path(preset):
    """Where the card of a preset lies."""
    return ROOT / "MODEL_CARD.md" if preset == DEFAULT_PRESET else ROOT / "docs" / f"model_card_{preset}.md"


def render(preset):
    """The card as Markdown."""
    metadata = json.loads((PRESETS_FOLDER / preset / METADATA_FILE).read_text(encoding="utf-8"))
    evaluated, external, out_of_distribution = (
        metadata["out_of_fold"],
        metadata["external"],
        load(f"out_of_distribution_{preset}"),
    )
    limits = evaluated["thresholds"]
    alarm, abstention = limits["operating_point"], limits["abstention"]
    return _TEXT.substitute(
        name=metadata["name"],
        disclaimer=DISCLAIMER,
        external_photos=external["photos"],
        external_patients=external["patients"],
        external_mpox=external["mpox_patients"],
        external_auc=f"{external['auc_per_patient']:.2f}",
        external_interval=_range(external["auc_per_patient_interval"]),
        external_photo_auc=f"{external['auc_per_photo']:.2f}",
        external_photo_interval=_range(external["auc_per_photo_interval"]),
        network=_NETWORKS[metadata["config"]["model"]["network"]],
        classes=", ".join(metadata["classes"]),
        size=metadata["image_size"],
        training_data=metadata["training_data"],
        training_photos=", ".join(f"{count} {name}" for name, count in metadata["training_photos"].items()),
        protocol=evaluated["protocol"][0].upper() + evaluated["protocol"][1:],
        figures=table(
            ["", "mean over folds ± SD", "all photos (95 % interval)"],
            [
                [
                    "accuracy, four classes",
                    f"{percent(evaluated['accuracy_mean'])} ± {100 * evaluated['accuracy_sd']:.1f}",
                    with_interval(evaluated, "accuracy"),
                ],
                ["accuracy, rash classes only", "", with_interval(evaluated["rash_classes_only"], "accuracy")],
                ["macro F1", "", percent(evaluated["macro_f1"])],
                ["AUC, mpox against other rashes", "", f"{evaluated['mpox_against_other_rashes']['auc']:.3f}"],
            ],
        ),
        classes_table=table(
            ["class", "recall", "specificity", "precision"],
            [
                [name, *(with_interval(figures, key) for key in ("recall", "specificity", "precision"))]
                for name, figures in evaluated["per_class"].items()
            ],
        ),
        limits=table(
            ["", "shipped value", "out of fold"],
            [
                [
                    "temperature",
                    f"{metadata['temperature']:.3f}",
                    f"calibration error {percent(limits['expected_calibration_error_before'])} before, "
                    f"{percent(limits['expected_calibration_error_after'])} after",
                ],
                [
                    "mpox is suspected from p(mpox)",
                    f"{metadata['thresholds']['mpox']:.3f}",
                    f"recall {with_interval(alarm, 'recall')}, specificity {with_interval(alarm, 'specificity')}, "
                    f"among other rashes {with_interval(alarm, 'specificity_other_rashes')}",
                ],
                [
                    "answered from a largest probability of",
                    f"{metadata['thresholds']['confidence']:.3f}",
                    f"{with_interval(abstention, 'coverage')} of the photos answered, "
                    f"accuracy {with_interval(abstention, 'accuracy')}",
                ],
                [
                    "refused above an ood_score of",
                    f"{metadata['thresholds']['ood_score']:.2f}",
                    f"{with_interval(limits['out_of_distribution'], 'refused')} of the photos refused",
                ],
            ],
        ),
        coverage=table(
            ["share answered", "accuracy (95 % interval)"],
            [[percent(row["coverage"]), with_interval(row, "accuracy")] for row in limits["coverage_curve"]],
        ),
        msid_refused=percent(out_of_distribution["msid_refused_out_of_fold"]),
        out_of_distribution=table(
            ["pictures", "number", "AUROC against MSID", "refused", "no answer at all"],
            [
                [
                    title,
                    out_of_distribution[kind]["pictures"],
                    f"{out_of_distribution[kind]['auroc']:.3f}",
                    with_interval(out_of_distribution[kind], "refused"),
                    with_interval(out_of_distribution[kind], "not_answered"),
                ]
                for kind, title in (
                    ("rashes", "rashes of another source"),
                    ("everyday", "photos of everyday things (ImageNet)"),
                    ("seen", "others of that kind, looked at while this was developed"),
                    ("packaged", "pictures that teach what to refuse, each left out of the teaching"),
                    ("synthetic", "noise, plain colours, blots, as in the teaching but drawn anew"),
                )
            ],
        ),
        licence=metadata["licence"],
    )


def _range(interval):
    return f"{interval[0]:.2f} to {interval[1]:.2f}"


if __name__ == "__main__":
    for preset in preset_names():
        with replacing(path(preset)) as temporary:
            temporary.write_text(render(preset), encoding="utf-8")
