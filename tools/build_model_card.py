"""Write the presets' model cards from their metadata and the committed results files; a test fails where they differ.

python tools/build_model_card.py
"""

from __future__ import annotations

from string import Template

from doc_tables.common import load, load_preset, percent, table, with_interval
from doc_tables.runs import ROOT

from mpox_keras.inference.classifier import DEFAULT_PRESET, preset_names
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.utils.files import replacing

_NETWORKS = {
    "FastMpoxNet": "Fast-MpoxNet (Yue et al., arXiv 2308.13492, reconstructed)",
    "EfficientNetLite0": "A linear classifier on ImageNet features of EfficientNet-Lite0 (Tan and Le 2019)",
}

_TEXT = Template("""\
# Model card: $name

**$disclaimer**

`tools/build_model_card.py` writes this page from the preset's metadata and the committed results.

## External validation

The network was evaluated on $external_photos photos of $external_patients patients from another source; $external_mpox of the
patients have mpox. It was not trained on these photos. They influenced one setting only, the lower bound of the
out-of-distribution threshold (below). The network separates mpox from other rashes with an **AUC of $external_auc per patient**
(95 % interval $external_interval) and $external_photo_auc per photo ($external_photo_interval). An AUC of 0.5 is chance. The
interval is wide because the set is small, and the result does not show that the network works on photos of other clinics and
phones.

## Model

$network. Input: a photo of $size x $size pixels with values from 0 to 255. Output: probabilities of $classes; a class
activation map; and an out-of-distribution score, which is high for pictures that do not show skin.

## Intended use

Research on screening from photos, teaching, and a starting point for training on better data. The network must not be used to
decide about a person. It does not replace a clinician or a PCR test.

## Training data

$training_data: $training_photos. The photos were collected from the web. None is confirmed by PCR, stages and skin
tones are not recorded, mpox is over-represented, and most photos of normal skin are portraits and hands. The
out-of-distribution score was trained on pictures of objects that come with scikit-image and scikit-learn, and on synthetic
pictures.

## Evaluation on MSID

$protocol. The figures below are those of networks trained in the same way on the other folds; the preset itself was trained on
all photos.

$figures

$classes_table

The temperature and the thresholds were chosen on all out-of-fold predictions. To estimate what they achieve, each fold was also
evaluated with values chosen on the other folds:

$thresholds

Accuracy of the predictions with the highest confidence:

$coverage

The out-of-distribution threshold refuses $msid_refused of the photos of MSID, out of fold. It should not refuse the
rashes of the first row. The other pictures show no skin, except that some have people in them. The lower bound of the
threshold, 0.05, was chosen with the first row in view:

$out_of_distribution

## Limitations

- The network was trained on one small collection. It may rely on framing, background and picture quality as much as on lesions.
- It was not trained on rashes other than mpox, chickenpox and measles; it assigns them to one of its classes.
- The probabilities are calibrated to the class frequencies of MSID. In a clinic mpox is rarer, and p(mpox) is too high.
- The intervals treat photos as independent. Several photos show the same scene, so the true uncertainty is larger.

## Licence

$licence
""")


def path(preset):
    """The path of a preset's card."""
    return ROOT / "MODEL_CARD.md" if preset == DEFAULT_PRESET else ROOT / "docs" / f"model_card_{preset}.md"


def render(preset):
    """The card as Markdown."""
    metadata, out_of_distribution = load_preset(preset), load(f"out_of_distribution_{preset}")
    evaluated, external = metadata["out_of_fold"], metadata["external"]
    thresholds = evaluated["thresholds"]
    alarm, abstention = thresholds["operating_point"], thresholds["abstention"]
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
                    "accuracy",
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
        thresholds=table(
            ["", "shipped value", "out of fold"],
            [
                [
                    "temperature",
                    f"{metadata['temperature']:.3f}",
                    f"calibration error {percent(thresholds['expected_calibration_error_before'])} before, "
                    f"{percent(thresholds['expected_calibration_error_after'])} after",
                ],
                [
                    "threshold of p(mpox) for suspected mpox",
                    f"{metadata['thresholds']['mpox']:.3f}",
                    f"recall {with_interval(alarm, 'recall')}, specificity {with_interval(alarm, 'specificity')}, "
                    f"specificity among other rashes {with_interval(alarm, 'specificity_other_rashes')}",
                ],
                [
                    "confidence threshold for an answer",
                    f"{metadata['thresholds']['confidence']:.3f}",
                    f"{with_interval(abstention, 'coverage')} of the photos answered, "
                    f"accuracy {with_interval(abstention, 'accuracy')}",
                ],
                [
                    "out-of-distribution threshold",
                    f"{metadata['thresholds']['ood_score']:.2f}",
                    f"{with_interval(thresholds['out_of_distribution'], 'refused')} of the photos refused",
                ],
            ],
        ),
        coverage=table(
            ["share of photos", "accuracy (95 % interval)"],
            [[percent(row["coverage"]), with_interval(row, "accuracy")] for row in thresholds["coverage_curve"]],
        ),
        msid_refused=percent(out_of_distribution["msid_refused_out_of_fold"]),
        out_of_distribution=table(
            ["pictures", "number", "AUROC against MSID", "refused", "no answer, for any reason"],
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
                    ("everyday", "photos of everyday objects (ImageNet)"),
                    ("seen", "more of them, used during development"),
                    ("packaged", "training pictures of the score, each left out in turn"),
                    ("synthetic", "synthetic: noise, plain colours, blots; not those of training"),
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
