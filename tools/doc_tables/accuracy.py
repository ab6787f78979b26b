"""Tables of how well networks answer."""

from __future__ import annotations

import csv

from run_campaign import RUNS

from doc_tables.common import RESULTS, load, over_folds, percent, table, with_interval
from mpox_keras.data.folder import CLASSES
from mpox_keras.evaluation.compare import compare_accuracy

_CROSSVAL_HEADER = [
    "network",
    "accuracy over folds, mean ± SD",
    "all photos (95 % interval)",
    "macro F1",
    "rash classes only",
    "AUC, mpox against other rashes",
]


def crossval_table():
    """Networks on the same folds."""
    rows = []
    for name, title in (
        ("fast_mpoxnet", "[Fast-MpoxNet, pretrained backbone](configs/fast_mpoxnet.yaml)"),
        ("efficientnet_lite0", "[EfficientNet-Lite0, pretrained, its features frozen](configs/efficientnet_lite0.yaml)"),
        ("fast_mpoxnet_scratch", "[Fast-MpoxNet, from random weights](configs/fast_mpoxnet_scratch.yaml)"),
        ("peer_mobilenet_v3_small_050", "MobileNetV3-Small at width 0.5, from random weights"),
    ):
        results = load(name)
        rows.append(
            [
                title,
                over_folds(results),
                with_interval(results, "accuracy"),
                percent(results["macro_f1"]),
                with_interval(results["rash_classes_only"], "accuracy"),
                f"{results['mpox_against_other_rashes']['auc']:.3f}",
            ]
        )
    return table(_CROSSVAL_HEADER, rows)


def schedule_table():
    """One network, trained for longer, and on smaller pictures."""
    rows = []
    for name, title in (
        ("fast_mpoxnet", "30 epochs at 224 pixels (as in the README)"),
        ("schedule_80_epochs", "80 epochs at 224 pixels"),
        ("schedule_100_epochs_192", "100 epochs at 192 pixels"),
        ("schedule_80_epochs_256", "80 epochs at 224 pixels, photos judged at 256"),
    ):
        results = load(name)
        answered = next(row for row in results["limits"]["coverage_curve"] if row["coverage"] == 0.9)
        rows.append(
            [
                title,
                over_folds(results),
                with_interval(results["rash_classes_only"], "accuracy"),
                f"{results['mpox_against_other_rashes']['auc']:.3f}",
                percent(answered["accuracy"]),
                percent(results["limits"]["expected_calibration_error_after"]),
                f"{results['external_auc']:.2f}",
            ]
        )
    header = ["training", "accuracy over folds, mean ± SD", "rash classes only", "AUC, mpox against other rashes"]
    return table([*header, "accuracy of the surest 90 %", "calibration error", "AUC per patient, elsewhere"], rows)


def ablation_table():
    """What fusion and auxiliary losses add to the backbone."""
    rows = []
    for name, title in (
        ("ablation_backbone", "backbone alone"),
        ("ablation_fusion", "with ABLGFM"),
        ("ablation_auxiliary", "with auxiliary losses"),
        ("fast_mpoxnet", "with both (as in the README)"),
    ):
        results = load(name)
        points = "" if name == "ablation_backbone" else _gain(compare(name, "ablation_backbone"))
        auc = f"{results['mpox_against_other_rashes']['auc']:.3f}"
        rash = with_interval(results["rash_classes_only"], "accuracy")
        rows.append([title, over_folds(results), points, rash, auc, f"{results['external_auc']:.2f}"])
    header = ["network", "accuracy over folds, mean ± SD", "points more (95 % interval)", "rash classes only"]
    return table([*header, "AUC, mpox against other rashes", "AUC per patient, elsewhere"], rows)


def compare(name, other):
    """Figures of `compare_accuracy` for the out-of-fold predictions of two results."""
    first, second = _predictions(name), _predictions(other)
    if list(first) != list(second):
        raise SystemExit(f"{name}.csv and {other}.csv are of different photos.")
    right = ([_is_right(row) for row in predictions.values()] for predictions in (first, second))
    return compare_accuracy(*right, [row["group"] for row in first.values()])


def _gain(figures):
    low, high = figures["difference_interval"]
    return f"{100 * figures['difference']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def protocol_table():
    """One network, three ways to split."""
    rows = []
    for name, title in (
        ("fast_mpoxnet", "scenes kept together (as in the README)"),
        ("protocol_stratified", "scenes ignored, duplicates left in"),
        ("protocol_copies_first", "nine mild copies of each photo made before the split and judged too"),
    ):
        results = load(name)
        rash = with_interval(results["rash_classes_only"], "accuracy")
        auc = f"{results['mpox_against_other_rashes']['auc']:.3f}"
        rows.append([title, results["photos"], over_folds(results), rash, auc])
    return table(
        ["split", "photos", "accuracy over folds, mean ± SD", "rash classes only", "AUC, mpox against other rashes"], rows
    )


def comparison_table():
    """Fast-MpoxNet against a peer of its size, photo by photo."""
    rows = []
    for name, title in (("fast_mpoxnet_scratch", "both from random weights"), ("fast_mpoxnet", "ours pretrained")):
        figures = compare(name, "peer_mobilenet_v3_small_050")
        alone = f"{figures['only_first']} : {figures['only_second']}"
        rows.append([title, _gain(figures), alone, f"{figures['p_value']:.1g}"])
    header = ["Fast-MpoxNet against MobileNetV3-Small 0.5", "accuracy, points (95 % interval)", "right alone", "McNemar's p"]
    return table(header, rows)


def select_table():
    """Candidates of the choice, the most accurate first, and what the choice is worth."""
    results = load("select")
    rows = []
    for name, candidate in sorted(results["candidates"].items(), key=lambda entry: -entry[1]["accuracy"]):
        chosen = [fold for fold, choice in results["chosen"].items() if choice["network"] == name]
        rows.append(
            [
                f"[{name}](../configs/{name}.yaml)",
                over_folds(candidate),
                with_interval(candidate["rash_classes_only"], "accuracy"),
                f"{candidate['trainable_parameters']:,}",
                f"{candidate['tflite_bytes'] / 1e6:.2f} MB",
                f"{candidate['milliseconds']:.2f}",
                len(chosen),
            ]
        )
    header = ["candidate", "accuracy over folds, mean ± SD", "rash classes only", "parameters", "TFLite model", "ms"]
    made = table([*header, f"folds of {len(results['chosen'])} that chose it"], rows)
    return f"{made}\n\nNested estimate: {with_interval(results, 'accuracy')}; over folds {over_folds(results)}."


def _predictions(name):
    with (RESULTS / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        return {row["file"]: row for row in csv.DictReader(stream)}


def _is_right(row):
    return max(CLASSES, key=lambda name: float(row[name])) == row["label"]


def shortcuts_table():
    """What is left without lesions."""
    rows = []
    results = load("shortcuts")
    for name, title in (
        ("whole", "the network, whole photos"),
        ("only_middle", "the network, only the middle half of each photo"),
        ("middle_masked", "the network, the middle half painted over"),
        ("traits_alone", "a linear classifier of 28 traits: colours, sharpness, JPEG blocks, share of skin"),
    ):
        figures = results[name]
        auc = f"{figures['auc_mpox_against_other_rashes']:.3f}"
        rows.append([title, with_interval(figures, "accuracy"), with_interval(figures["rash_classes_only"], "accuracy"), auc])
    return table(["what judges", "accuracy", "rash classes only", "AUC, mpox against other rashes"], rows)


def external_table():
    """The presets on photos from elsewhere."""
    rows = []
    for preset, title in (
        ("fast_mpoxnet_msid", "[fast_mpoxnet_msid](MODEL_CARD.md)"),
        ("efficientnet_lite0_msid", "[efficientnet_lite0_msid](docs/model_card_efficientnet_lite0_msid.md)"),
    ):
        figures = load(f"external_{preset}")
        rows.append([title, *(_auc_per(unit, figures) for unit in ("patient", "photo"))])
    counts = [f"{unit}, of {figures[f'{unit}s']} (95 % interval)" for unit in ("patient", "photo")]
    return table(["mpox against other rashes", *(f"AUC per {count}" for count in counts)], rows)


def _auc_per(unit, figures):
    low, high = figures[f"auc_per_{unit}_interval"]
    return f"{figures[f'auc_per_{unit}']:.2f} ({low:.2f} to {high:.2f})"


def style_table():
    """Networks trained on one framing and judged on the other, and the other way round."""
    rows = []
    for name, title in (("fast_mpoxnet", "Fast-MpoxNet"), ("efficientnet_lite0", "EfficientNet-Lite0, its features frozen")):
        for run, judged in ((name, "the other scenes, of both framings"), (f"style_{name}", "the other framing")):
            results = load(run)
            rash = with_interval(results["rash_classes_only"], "accuracy")
            auc = f"{results['mpox_against_other_rashes']['auc']:.3f}"
            rows.append([title, judged, with_interval(results, "accuracy"), rash, auc])
    header = ["network", "judged on", "accuracy (95 % interval)", "rash classes only", "AUC, mpox against other rashes"]
    return table(header, rows)


def log_table():
    """Every cross-validation of the campaign, with what it changes."""
    rows = []
    for name, (config, *changed) in RUNS.items():
        if not (RESULTS / f"{name}.json").is_file():
            continue
        results = load(name)
        minutes = results["training_seconds"]["total"] / 60
        rows.append(
            [
                name,
                " ".join([f"[{config}](../configs/{config}.yaml)", *(f"`{change}`" for change in changed)]),
                over_folds(results),
                with_interval(results["rash_classes_only"], "accuracy"),
                f"{results['external_auc']:.2f}",
                f"{minutes:.0f}",
            ]
        )
    header = ["run", "config and what is changed in it", "accuracy over folds, mean ± SD", "rash classes only"]
    return table([*header, "AUC per patient, elsewhere", "core minutes"], rows)


def per_class_table():
    """The classes of the pretrained network."""
    rows = [
        [
            name,
            with_interval(figures, "recall"),
            with_interval(figures, "specificity"),
            with_interval(figures, "precision"),
            f"{figures['auc']:.3f}",
            figures["support"],
        ]
        for name, figures in load("fast_mpoxnet")["per_class"].items()
    ]
    return table(["class", "recall", "specificity", "precision", "AUC", "photos"], rows)
