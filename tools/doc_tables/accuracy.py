"""Tables of how well networks answer."""

from __future__ import annotations

import csv

import numpy as np
from run_campaign import RUNS

from doc_tables.common import RESULTS, load, over_folds, percent, table, with_interval
from mpox_keras.data.folder import CLASSES
from mpox_keras.evaluation.comparison import compare_accuracy

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
        ("fast_mpoxnet_seed_1", "the same from another seed"),
        ("fast_mpoxnet_seed_2", "the same from a third seed"),
        ("peer_shufflenet_v2_050", "ShuffleNetV2 0.5x with its usual head, the same pretrained backbone"),
        ("efficientnet_lite0", "[EfficientNet-Lite0, pretrained, its features frozen](configs/efficientnet_lite0.yaml)"),
        ("fast_mpoxnet_scratch", "[Fast-MpoxNet, from random weights](configs/fast_mpoxnet_scratch.yaml)"),
        ("peer_mobilenet_v3_small_050", "MobileNetV3-Small at width 0.5, from random weights"),
        ("peer_mobilenet_v3_small_100", "MobileNetV3-Small, from random weights"),
        ("peer_mobilenet_v2", "MobileNetV2, from random weights"),
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
        ("schedule_80_epochs_256", "80 epochs at 224 pixels, photos evaluated at 256"),
    ):
        results = load(name)
        answered = next(row for row in results["thresholds"]["coverage_curve"] if row["coverage"] == 0.9)
        rows.append(
            [
                title,
                over_folds(results),
                with_interval(results["rash_classes_only"], "accuracy"),
                f"{results['mpox_against_other_rashes']['auc']:.3f}",
                percent(answered["accuracy"]),
                percent(results["thresholds"]["expected_calibration_error_after"]),
                f"{results['external_auc']:.2f}",
            ]
        )
    header = ["training", "accuracy over folds, mean ± SD", "rash classes only", "AUC, mpox against other rashes"]
    return table([*header, "accuracy of the surest 90 %", "calibration error", "AUC per patient, external"], rows)


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
        points = "" if name == "ablation_backbone" else gain(compare([name], ["ablation_backbone"]))
        auc = f"{results['mpox_against_other_rashes']['auc']:.3f}"
        rash = with_interval(results["rash_classes_only"], "accuracy")
        rows.append([title, over_folds(results), points, rash, auc, f"{results['external_auc']:.2f}"])
    header = ["network", "accuracy over folds, mean ± SD", "points more (95 % interval)", "rash classes only"]
    return table([*header, "AUC, mpox against other rashes", "AUC per patient, external"], rows)


def seeds_table():
    """Both ends of the ablation from three seeds."""
    seeds = ["", "_seed_1", "_seed_2"]
    rows = []
    for name, title in (("ablation_backbone", "backbone alone"), ("fast_mpoxnet", "with both")):
        each = [load(f"{name}{seed}") for seed in seeds]
        mean = np.mean([results["accuracy"] for results in each])
        rows.append([title, *(over_folds(results) for results in each), percent(mean)])
    points = gain(compare([f"fast_mpoxnet{seed}" for seed in seeds], [f"ablation_backbone{seed}" for seed in seeds]))
    made = table(["network", "seed 0", "seed 1", "seed 2", "mean"], rows)
    return f"{made}\n\nPoints more, over the three (95 % interval): {points}."


VARIANTS = {
    "fusion_last": "ABLGFM of stages 3 and 4 alone",
    "fusion_reduction_16": "ABLGFM with a reduction of 16 (4 in the README)",
    "auxiliary_equal": "auxiliary losses all of weight 0.3",
    "auxiliary_last": "auxiliary loss of stage 4 alone",
}


def variants_table():
    """Other forms of the fusion, and other weights of the auxiliary losses."""
    base = ["fast_mpoxnet", "fast_mpoxnet_seed_1", "fast_mpoxnet_seed_2"]
    rows = []
    for name, title in VARIANTS.items():
        results = load(name)
        points = gain(compare([name] * len(base), base))
        rash = with_interval(results["rash_classes_only"], "accuracy")
        rows.append([title, over_folds(results), points, rash, f"{results['external_auc']:.2f}"])
    header = ["network", "accuracy over folds, mean ± SD", "points more than three seeds (95 % interval)"]
    return table([*header, "rash classes only", "AUC per patient, external"], rows)


def compare(names, baseline):
    """Figures of `compare_accuracy` for out-of-fold predictions of the same photos, of one or more results on either side."""
    first, second = ([row for name in side for row in predictions(name).items()] for side in (names, baseline))
    if [file for file, _ in first] != [file for file, _ in second]:
        raise SystemExit(f"{', '.join([*names, *baseline])} are of different photos.")
    right = ([_is_right(row) for _, row in rows] for rows in (first, second))
    return compare_accuracy(*right, [row["group"] for _, row in first])


def gain(figures):
    """Points more, with their interval."""
    low, high = figures["difference_interval"]
    return f"{100 * figures['difference']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def flips_table():
    """What averaging over flipped photos adds."""
    flips = load("flips")
    titles = VARIANTS | {"schedule_80_epochs_256": "80 epochs, photos evaluated at 256 pixels"}
    rows = [[titles[name], *(over_folds(kinds[kind]) for kind in kinds)] for name, kinds in flips["networks"].items()]
    rows.append(["points more over all (95 % interval)", "", *(gain(figures) for figures in flips["gains"].values())])
    return table(["network", "photos as they are", "with their mirror images", "with all four flips"], rows)


def protocol_table():
    """One network, three ways to split."""
    rows = []
    for name, title in (
        ("fast_mpoxnet", "scenes kept together (as in the README)"),
        ("protocol_stratified", "scenes ignored, duplicates left in"),
        ("protocol_copies_settings_grouped", "scenes kept together, with the settings of the next row"),
        ("protocol_copies_first", "nine mild copies of each photo made before the split and evaluated too"),
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
        figures = compare([name], ["peer_mobilenet_v3_small_050"])
        alone = f"{figures['only_first']} : {figures['only_second']}"
        rows.append([title, gain(figures), alone, f"{figures['p_value']:.1g}"])
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


def predictions(name):
    """Out-of-fold predictions of a results file: photo -> row."""
    with (RESULTS / f"{name}.csv").open(newline="", encoding="utf-8") as stream:
        return {row["file"]: row for row in csv.DictReader(stream)}


def _is_right(row):
    return max(CLASSES, key=lambda name: float(row[name])) == row["label"]


def occlusion_table():
    """What is left without lesions."""
    rows = []
    results = load("occlusion_tests")
    for name, title in (
        ("whole", "the network, whole photos"),
        ("only_middle", "the network, only the middle half of each photo"),
        ("middle_masked", "the network, the middle half painted over"),
        ("traits_alone", "a linear classifier of 28 traits: colours, sharpness, JPEG blocks, share of skin"),
    ):
        figures = results[name]
        auc = f"{figures['auc_mpox_against_other_rashes']:.3f}"
        rows.append([title, with_interval(figures, "accuracy"), with_interval(figures["rash_classes_only"], "accuracy"), auc])
    return table(["what evaluates", "accuracy", "rash classes only", "AUC, mpox against other rashes"], rows)


def external_table():
    """The presets on external photos."""
    rows = []
    for preset, title in (
        ("fast_mpoxnet_msid", "[fast_mpoxnet_msid](MODEL_CARD.md)"),
        ("efficientnet_lite0_msid", "[efficientnet_lite0_msid](docs/model_card_efficientnet_lite0_msid.md)"),
    ):
        figures, everyday = load(f"external_{preset}"), load(f"out_of_distribution_{preset}")["everyday"]
        refused = with_interval(everyday, "refused")
        rows.append([title, *(_auc_per(unit, figures) for unit in ("patient", "photo")), refused])
    counts = [f"{unit}, of {figures[f'{unit}s']} (95 % interval)" for unit in ("patient", "photo")]
    header = ["preset", *(f"mpox against other rashes, AUC per {count}" for count in counts)]
    return table([*header, f"everyday photos refused, of {everyday['pictures']:,}"], rows)


def _auc_per(unit, figures):
    low, high = figures[f"auc_per_{unit}_interval"]
    return f"{figures[f'auc_per_{unit}']:.2f} ({low:.2f} to {high:.2f})"


def framing_split_table():
    """Networks trained on one framing and evaluated on the other, and the other way round."""
    rows = []
    for name, title in (("fast_mpoxnet", "Fast-MpoxNet"), ("efficientnet_lite0", "EfficientNet-Lite0, its features frozen")):
        for run, evaluated in ((name, "the other scenes, of both framings"), (f"framing_{name}", "the other framing")):
            results = load(run)
            rash = with_interval(results["rash_classes_only"], "accuracy")
            auc = f"{results['mpox_against_other_rashes']['auc']:.3f}"
            rows.append([title, evaluated, with_interval(results, "accuracy"), rash, auc])
    header = ["network", "evaluated on", "accuracy (95 % interval)", "rash classes only", "AUC, mpox against other rashes"]
    return table(header, rows)


def framing_table():
    """What was done against learning the framing."""
    rows = []
    for name, title in (
        ("framing_fast_mpoxnet", "as in the README"),
        ("framing_small_crops", "crops from 8 % of the area (35)"),
        ("framing_degradation", "half coarsened, half noisy, half encoded anew (none)"),
        ("framing_background", "half with what is no skin painted over (none)"),
        ("framing_all_changes", "small crops, degradation, grey and painted background together"),
    ):
        results = load(name)
        points = "" if name == "framing_fast_mpoxnet" else gain(compare([name], ["framing_fast_mpoxnet"]))
        auc = f"{results['mpox_against_other_rashes']['auc']:.3f}"
        rash = with_interval(results["rash_classes_only"], "accuracy")
        rows.append([title, with_interval(results, "accuracy"), points, rash, auc, f"{results['external_auc']:.2f}"])
    header = ["training photos", "the other framing (95 % interval)", "points more (95 % interval)", "rash classes only"]
    return table([*header, "AUC, mpox against other rashes", "AUC per patient, external"], rows)


def freezing_table():
    """How much of the backbone learns."""
    rows = []
    for name, title in (
        ("fast_mpoxnet", "everything"),
        ("frozen_to_stage_2", "stage 3 and on"),
        ("frozen_to_stage_3", "stage 4 and on"),
        ("frozen_to_stage_4", "fusion and heads alone"),
    ):
        scenes, framing = load(name), load(f"framing_{name}")
        rows.append(
            [title, *(with_interval(results, "accuracy") for results in (scenes, framing)), f"{scenes['external_auc']:.2f}"]
        )
    return table(["what learns", "other scenes, of both framings", "the other framing", "AUC per patient, external"], rows)


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
    return table([*header, "AUC per patient, external", "minutes of a core that some runs shared"], rows)


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
