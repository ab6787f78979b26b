"""Write the presets' model cards from their metadata and the committed results files; a test fails where they differ.

python tools/build_model_card.py
"""

from __future__ import annotations

from string import Template

import yaml
from doc_tables.common import load, load_preset, percent, table, with_interval
from doc_tables.runs import ROOT

from mpox_keras.config import PAIR
from mpox_keras.inference.classifier import DEFAULT_PRESET, preset_names
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.utils.files import replacing

_NETWORKS = {
    "FastMpoxNet": "Fast-MpoxNet (Yue et al., arXiv 2308.13492, reconstructed) on MobileNetV2 0.35: averages and maxima of the "
    "backbone's feature maps, averages of products of their channels, and the fusion by ABLGFM, under one linear classifier. "
    "The backbone is as ImageNet made it",
    PAIR: "EfficientNet-Lite0 (Tan and Le 2019) and the MobileNetV2 0.35 of Fast-MpoxNet side by side, both as ImageNet made "
    "them: averages and maxima of their feature maps, and averages of products of EfficientNet-Lite0's channels, under one "
    "linear classifier",
}

_TEXT = Template("""\
---
$front_matter---

# Model card: $name

**$disclaimer**

`tools/build_model_card.py` writes this page from the preset's metadata and the committed results.

## Other skin conditions, and mpox of another source

Measured on $conditions_photos photos of other skin conditions from two atlases, and on $external_mpox_photos photos of
$external_mpox_patients patients with mpox and $other_rashes photos of other rashes from a third source. The network was not
trained on any of them, and no setting was chosen with them. Mpox is suspected from a threshold on; there are two, and the
first is in force unless the other is asked for (`--recall 0.95`):

$alarms

$aucs

Few patients with mpox were at hand, so what is said of them is uncertain. The result does not show how the network works in
other places, on other phones or on other skin tones. The conditions with the most false alarms: $worst.

Among the rashes of the third source alone, mpox is told from the others with an AUC of $external_auc per patient
($external_interval) and $external_photo_auc per photo ($external_photo_interval); 0.5 is chance.

## Model

$network. Input: a photo of $size x $size pixels with values from 0 to 255. Output: probabilities of $classes; a class
activation map; and an out-of-distribution score, which is high for pictures that do not show skin. `other` is another skin
condition than the three that have a class. Probabilities are for a place where all classes are as frequent as each other;
`--prevalence` changes that.

## Intended use

Research on screening from photos, teaching, and a starting point for training on better data. The network must not be used
to decide about a person. It does not replace a clinician or a PCR test.

## Training data

$training_data: $training_photos. No photo of mpox is confirmed by PCR, stages are not recorded, and all of them are from one
collection of the web. The out-of-distribution score was also trained on pictures of things: Caltech-101, pictures that come
with scikit-image and scikit-learn, and synthetic ones.

## Out of fold

$protocol. The figures below are those of networks trained in the same way on the other folds; the preset itself was trained
on all photos.

$classes_table

The four classes of MSID alone, without the probability of `other`:

$msid

$sources
The temperature and the thresholds were chosen on all out-of-fold predictions but those of photos whose label is doubtful. To
estimate what they achieve, each fold was also evaluated with values chosen on the other folds:

$thresholds

Accuracy of the predictions with the highest confidence:

$coverage

The out-of-distribution threshold refuses $refused of the training photos, out of fold. It should not refuse the rashes of
the first row. The other pictures show no skin, except that some have people in them:

$out_of_distribution

## Limitations

- All photos of mpox in the training data are from one collection, and the network may still know it by more than lesions.
- Conditions that look like mpox raise more alarms than others, as the first table shows. A network that saw a photo alone
  cannot do what a clinician with a history and a test can.
- In a clinic mpox is rare, so most alarms are false even at a high specificity. `mpox-keras predict --prevalence 0.02` says
  how many.
- The intervals of shares treat photos as independent. Several photos show the same scene or person, so the true uncertainty
  is larger.

## Licence

$licence
""")


def path(preset):
    """The path of a preset's card."""
    return ROOT / "MODEL_CARD.md" if preset == DEFAULT_PRESET else ROOT / "docs" / f"model_card_{preset}.md"


def render(preset):
    """The card as Markdown."""
    metadata, conditions = load_preset(preset), load(f"conditions_{preset}")
    refusals = load(f"out_of_distribution_{preset}")
    evaluated, external = metadata["out_of_fold"], metadata["external"]
    return _TEXT.substitute(
        front_matter=yaml.safe_dump(_front_matter(metadata, conditions), sort_keys=False, allow_unicode=True),
        name=metadata["name"],
        disclaimer=DISCLAIMER,
        conditions_photos=f"{sum(conditions['photos'].values()):,}",
        external_mpox_photos=conditions["external_mpox_photos"],
        external_mpox_patients=conditions["external_mpox_patients"],
        other_rashes=external["photos"] - conditions["external_mpox_photos"],
        alarms=_alarms(conditions),
        aucs=_aucs(conditions),
        worst=", ".join(
            f"{row['condition'].replace('_', ' ')} ({percent(row['alarms'])} of {row['photos']})"
            for row in conditions["worst_conditions"][:5]
        ),
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
        classes_table=table(
            ["class", "recall", "specificity", "precision"],
            [
                [name, *(with_interval(figures, key) for key in ("recall", "specificity", "precision"))]
                for name, figures in evaluated["per_class"].items()
            ],
        ),
        msid=_msid(evaluated["msid"]),
        sources=_sources(evaluated.get("left_out_sources", {})),
        thresholds=_thresholds(metadata, evaluated["thresholds"]),
        coverage=table(
            ["share of photos", "accuracy (95 % interval)"],
            [[percent(row["coverage"]), with_interval(row, "accuracy")] for row in evaluated["thresholds"]["coverage_curve"]],
        ),
        refused=percent(refusals["refused_out_of_fold"]),
        out_of_distribution=table(
            ["pictures", "number", "AUROC against training photos", "refused", "no answer, for any reason"],
            [
                [
                    title,
                    refusals[kind]["pictures"],
                    f"{refusals[kind]['auroc']:.3f}",
                    with_interval(refusals[kind], "refused"),
                    with_interval(refusals[kind], "not_answered"),
                ]
                for kind, title in (
                    ("rashes", "rashes of another source"),
                    ("everyday", "photos of everyday objects (ImageNet)"),
                    ("seen", "more of them, used during development"),
                    ("synthetic", "synthetic: noise, plain colours, blots; not those of training"),
                )
            ],
        ),
        licence=metadata["licence"],
    )


def _front_matter(metadata, conditions):
    """What Hugging Face reads: https://huggingface.co/docs/hub/model-cards."""
    evaluated = metadata["out_of_fold"]
    point = next(iter(conditions["operating_points"].values()))
    on_training_photos = [("Accuracy", "accuracy", evaluated["accuracy"]), ("Macro F1", "f1", evaluated["macro_f1"])]
    on_other_sources = [
        ("AUC of mpox against other conditions", "roc_auc", conditions["auc"]["all"]["auc"]),
        ("Recall for mpox", "recall", point["recall"]),
    ]
    results = (
        ("Training photos of all sources, out of fold", "mpox-keras-field", on_training_photos),
        ("Other skin conditions, and mpox, of sources that nothing was trained on", "mpox-keras-conditions", on_other_sources),
    )
    return {
        "license": "cc-by-nc-4.0",
        "library_name": "keras",
        "pipeline_tag": "image-classification",
        "tags": ["keras", "tensorflow", "tflite", "image-classification", "medical", "dermatology", "mpox"],
        "metrics": ["accuracy", "f1", "recall", "roc_auc"],
        "model-index": [
            {
                "name": metadata["name"],
                "results": [
                    {
                        "task": {"type": "image-classification"},
                        "dataset": {"name": dataset, "type": kind},
                        "metrics": [{"type": type, "name": name, "value": round(value, 4)} for name, type, value in figures],
                    }
                    for dataset, kind, figures in results
                ],
            }
        ],
    }


def _alarms(conditions):
    header = [
        "threshold",
        "no alarm at other conditions",
        "at pox-like ones",
        "mpox found",
        "alarm at that source's other rashes",
    ]
    rows = [
        [
            f"for a recall of {100 * float(recall):.0f} % out of fold: {point['threshold']:.3f}",
            *(with_interval(point["no_alarm"][kind], "share") for kind in ("other", "pox_like")),
            with_interval(point, "recall"),
            with_interval(point, "alarm_at_external_other_rashes"),
        ]
        for recall, point in conditions["operating_points"].items()
    ]
    return table(header, rows)


def _aucs(conditions):
    titles = {"all": "all of them", "other": "other conditions", "pox_like": "pox-like conditions"}
    found = {title: conditions["auc"][kind] for kind, title in titles.items()}
    rows = [[title, f"{figures['auc']:.3f} ({_range(figures['interval'])})"] for title, figures in found.items()]
    return table(["mpox of the third source against", "AUC (95 % interval)"], rows)


def _msid(figures):
    titles = {"all": "all photos", "without_doubtful": "without doubtful labels"}
    rows = [
        [
            f"{title}, {figures[kind]['photos']}",
            f"{percent(figures[kind]['accuracy_mean'])} ± {100 * figures[kind]['accuracy_sd']:.1f}",
            percent(figures[kind]["macro_f1"]),
            with_interval(figures[kind]["rash_classes_only"], "accuracy"),
            f"{figures[kind]['mpox_against_other_rashes']['auc']:.3f}",
        ]
        for kind, title in titles.items()
    ]
    return table(
        ["photos", "accuracy over folds, mean ± SD", "macro F1", "rash classes only", "AUC, mpox against other rashes"], rows
    )


def _sources(sources):
    if not sources:
        return ""
    rows = [
        [source, name, row["photos"], with_interval(row, "no_alarm"), f"{row['auc']:.3f}"]
        for source, figures in sources.items()
        for name, row in figures["no_alarm"].items()
    ]
    made = table(["source", "class", "photos", "no alarm (95 % interval)", "AUC of mpox against them"], rows)
    return f"Sources that a network was trained without, at the threshold for a recall of 90 %:\n\n{made}\n"


def _thresholds(metadata, thresholds):
    shipped, abstention = metadata["thresholds"], thresholds["abstention"]
    rows = [
        [
            "temperature",
            f"{metadata['temperature']:.3f}",
            f"calibration error {percent(thresholds['expected_calibration_error_before'])} before, "
            f"{percent(thresholds['expected_calibration_error_after'])} after",
        ]
    ]
    for recall, point in thresholds["operating_points"].items():
        silent = "; ".join(f"{name} {with_interval(share, 'share')}" for name, share in point["no_alarm"].items())
        what = f"p(mpox) from which mpox is suspected, for a recall of {100 * float(recall):.0f} %"
        rows.append([what, f"{point['threshold']:.3f}", f"recall {with_interval(point, 'recall')}; no alarm at {silent}"])
    answered = (
        f"{with_interval(abstention, 'coverage')} of the photos answered, accuracy {with_interval(abstention, 'accuracy')}"
    )
    refused = f"{with_interval(thresholds['out_of_distribution'], 'refused')} of the photos refused"
    rows.append(["confidence threshold for an answer", f"{shipped['confidence']:.3f}", answered])
    rows.append(["out-of-distribution threshold", f"{shipped['ood_score']:.2f}", refused])
    return table(["value", "shipped", "out of fold"], rows)


def _range(interval):
    return f"{interval[0]:.2f} to {interval[1]:.2f}"


if __name__ == "__main__":
    for preset in preset_names():
        with replacing(path(preset)) as temporary:
            temporary.write_text(render(preset), encoding="utf-8")
