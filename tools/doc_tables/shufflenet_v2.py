"""Tables of the four-class networks on ShuffleNetV2, the backbone of release 0.1.0."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from doc_tables.common import (
    ALL,
    AUC,
    EXTERNAL,
    MEAN,
    RASH,
    SEEDS,
    all_runs,
    compare,
    gain,
    gain_over,
    load,
    log_table,
    of_msid_recipe,
    over_folds,
    percent,
    run_interval,
    run_predictions,
    runs_table,
    table,
)

BEST = "schedule_80_epochs_256"
SHIPPED_SEEDS = [f"fast_mpoxnet{seed}" for seed in SEEDS]

VARIANTS = {
    "fusion_last": "ABLGFM on stages 3 and 4 only",
    "fusion_reduction_16": "ABLGFM with a reduction of 16 instead of 4",
    "auxiliary_equal": "all auxiliary losses with weight 0.3",
    "auxiliary_last": "auxiliary loss on stage 4 only",
}


def crossval_table():
    """All networks on the same folds."""
    titles = {
        "fast_mpoxnet": "Fast-MpoxNet, pretrained backbone",
        "fast_mpoxnet_seed_1": "Fast-MpoxNet, second seed",
        "fast_mpoxnet_seed_2": "Fast-MpoxNet, third seed",
        "peer_shufflenet_v2_050": "ShuffleNetV2 0.5x with its usual head, same pretrained backbone",
        "efficientnet_lite0": "EfficientNet-Lite0, frozen pretrained features",
        "fast_mpoxnet_scratch": "Fast-MpoxNet, random initial weights",
        "peer_mobilenet_v3_small_050": "MobileNetV3-Small 0.5, random initial weights",
        "peer_mobilenet_v3_small_100": "MobileNetV3-Small 1.0, random initial weights",
        "peer_mobilenet_v2": "MobileNetV2, random initial weights",
    }
    return runs_table("network", titles, [MEAN, ALL, "macro F1", RASH, AUC])


def comparison_table():
    """Fast-MpoxNet against a peer of its size, photo by photo."""
    rows = []
    for name, title in (("fast_mpoxnet_scratch", "both with random initial weights"), ("fast_mpoxnet", "ours pretrained")):
        figures = compare([name], ["peer_mobilenet_v3_small_050"])
        alone = f"{figures['only_first']} : {figures['only_second']}"
        rows.append([title, gain(figures), alone, f"{figures['p_value']:.1g}"])
    header = ["Fast-MpoxNet against MobileNetV3-Small 0.5", "accuracy, points (95 % interval)", "only one right"]
    return table([*header, "McNemar's p"], rows)


def schedule_table():
    """One network with longer training and other resolutions."""
    titles = {
        "fast_mpoxnet": "30 epochs at 224 pixels (settings of the preset)",
        "schedule_80_epochs": "80 epochs at 224 pixels",
        "schedule_100_epochs_192": "100 epochs at 192 pixels",
        BEST: "80 epochs at 224 pixels, evaluated at 256",
    }
    return runs_table("training", titles, [MEAN, RASH, AUC, "accuracy of the surest 90 %", "calibration error", EXTERNAL])


def ablation_table():
    """What fusion and auxiliary losses add to the backbone."""
    titles = {
        "ablation_backbone": "backbone alone",
        "ablation_fusion": "with ABLGFM",
        "ablation_auxiliary": "with auxiliary losses",
        "fast_mpoxnet": "with both (settings of the preset)",
    }
    points = ("points more (95 % interval)", gain_over(["ablation_backbone"]))
    return runs_table("network", titles, [MEAN, points, RASH, AUC, EXTERNAL])


def variants_table():
    """Other forms of the fusion, and other weights of the auxiliary losses."""
    points = ("points more than three seeds (95 % interval)", gain_over(SHIPPED_SEEDS))
    return runs_table("network", VARIANTS, [MEAN, points, RASH, EXTERNAL])


def flips_table():
    """What averaging over flipped photos adds."""
    flips = load("flips")
    titles = VARIANTS | {BEST: "80 epochs, evaluated at 256 pixels"}
    rows = [[titles[name], *map(over_folds, kinds.values())] for name, kinds in flips["networks"].items()]
    rows.append(["points more, all networks (95 % interval)", "", *map(gain, flips["gains"].values())])
    return table(["network", "photo as it is", "with its mirror image", "with all four flips"], rows)


def protocol_table():
    """One network, three ways to split."""
    titles = {
        "fast_mpoxnet": "scenes kept together (all other tables)",
        "protocol_stratified": "scenes ignored, duplicates left in",
        "protocol_copies_settings_grouped": "scenes kept together, settings of the next row",
        "protocol_copies_first": "nine mild copies of each photo made before the split and evaluated too",
    }
    return runs_table("split", titles, ["photos", MEAN, RASH, AUC])


def framing_split_table():
    """Networks trained on one framing and evaluated on the other, and the other way round."""
    rows = []
    for name, title in (("fast_mpoxnet", "Fast-MpoxNet"), ("efficientnet_lite0", "EfficientNet-Lite0, frozen features")):
        for run, evaluated in ((name, "other scenes, both framings"), (f"framing_split_{name}", "the other framing")):
            run = all_runs()[run]
            cells = (run_interval(run, "accuracy"), run_interval(run, "rash_accuracy"), f"{run.mpox_auc:.3f}")
            rows.append([title, evaluated, *cells])
    return table(["network", "evaluated on", "accuracy (95 % interval)", RASH, AUC], rows)


def framing_split_changes_table():
    """What was tried against learning the framing."""
    baseline = "framing_split_fast_mpoxnet"
    titles = {
        baseline: "as in the preset",
        "framing_split_small_crops": "crops from 8 % of the area instead of 35 %",
        "framing_split_degradation": "half blurred, half with noise, half as JPEG again",
        "framing_split_background": "background painted over in half of them",
        "framing_split_all_changes": "small crops, degradation, grey and painted background together",
    }
    points = ("points more (95 % interval)", gain_over([baseline]))
    return runs_table("training photos", titles, [ALL, points, RASH, AUC, EXTERNAL])


def freezing_table():
    """How much of the backbone is trained."""
    titles = {
        "fast_mpoxnet": "everything",
        "frozen_to_stage_2": "from stage 3 on",
        "frozen_to_stage_3": "from stage 4 on",
        "frozen_to_stage_4": "fusion and heads only",
    }
    columns = [
        ("other scenes, both framings", lambda run: run_interval(run, "accuracy")),
        ("the other framing", lambda run: run_interval(all_runs()[f"framing_split_{run.name}"], "accuracy")),
        EXTERNAL,
    ]
    return runs_table("trained", titles, columns)


def select_table():
    """Candidates of the choice, the most accurate first, and what the choice is worth."""
    runs = all_runs()
    candidates = [run for name, run in runs.items() if name.startswith("select ")]
    folds = sum(run.chosen_by_folds for run in candidates)
    titles = {run.name: run.config for run in sorted(candidates, key=lambda run: -run.accuracy)}
    columns = [
        ("parameters", lambda run: f"{run.parameters:,}"),
        ("TFLite model", lambda run: f"{run.tflite_bytes / 1e6:.2f} MB"),
        ("ms", lambda run: f"{run.milliseconds:.2f}"),
        (f"chosen by folds, of {folds}", lambda run: run.chosen_by_folds),
    ]
    made = runs_table("candidate", titles, [MEAN, RASH, *columns])
    nested = runs["select"]
    return f"{made}\n\nNested estimate: {run_interval(nested, 'accuracy')}; over folds {over_folds(vars(nested))}."


def aims_table():
    """What was aimed at and not reached, and the best that was."""
    best = all_runs()[BEST]
    auc_larger = f"{all_runs()['efficientnet_lite0'].external_auc:.2f}"
    names = ("fast_mpoxnet", "efficientnet_lite0")
    refused_ours, refused_larger = (percent(load(f"out_of_distribution_{name}_msid")["everyday"]["refused"]) for name in names)
    flipped = over_folds(load("flips")["networks"][BEST]["with_all_flips"])
    behind = gain(compare(["fast_mpoxnet_scratch"], ["peer_mobilenet_v3_small_050"]))
    larger = "EfficientNet-Lite0"
    rows = [
        ["accuracy, scenes kept together", "90 %", f"{over_folds(vars(best))}, evaluated at 256 pixels; {flipped} with flips"],
        ["accuracy, scenes ignored", "94.3 % (Yue et al.)", over_folds(vars(all_runs()["protocol_stratified"]))],
        ["accuracy of the surest 90 %", "97 %", f"{percent(best.accuracy_of_surest_90)}, evaluated at 256 pixels"],
        [EXTERNAL, "0.80", f"{best.external_auc:.2f}, evaluated at 256 pixels; {larger} {auc_larger}"],
        ["everyday photos refused, at 10 % of MSID refused", "90 %", f"{refused_ours}; {larger} {refused_larger}"],
        ["points ahead of MobileNetV3-Small 0.5, both with random initial weights", "over 0", behind],
    ]
    return table(["Fast-MpoxNet", "aim", "reached"], rows)


def together_table():
    """What averaging trained networks gains."""
    larger = "efficientnet_lite0"
    schedules = [name for name in all_runs() if name.startswith("schedule_")]
    predictions = run_predictions()
    rows = []
    for title, names in (
        ("Fast-MpoxNet, 80 epochs, evaluated at 256 pixels", [BEST]),
        ("Fast-MpoxNet, three seeds", SHIPPED_SEEDS),
        ("Fast-MpoxNet, four trainings", ["fast_mpoxnet", *schedules]),
        ("EfficientNet-Lite0, frozen features", [larger]),
        ("the first and EfficientNet-Lite0", [BEST, larger]),
    ):
        rows.append([title, len(names), percent(np.mean(predictions.top_classes(names) == predictions.labels))])
    return table(["networks", "averaged", "accuracy"], rows)


def misclassified_by_all_table():
    """Photos that every pretrained network on the grouped folds takes for another class."""
    predictions = run_predictions()
    runs = [all_runs()[name] for name in predictions.probabilities if not of_msid_recipe(name)]
    pretrained = [run for run in runs if run.config != "fast_mpoxnet_scratch" and "model.weights" not in run.changes]
    names = [run.name for run in pretrained if run.split == "grouped"]
    wrong = ~np.any([predictions.right(name) for name in names], axis=0)
    together = predictions.top_classes(names)
    rows = []
    for label in predictions.classes:
        indices = np.flatnonzero(wrong & (predictions.labels == label))
        listed = [f"{Path(predictions.photos[index][0]).stem} ({together[index]})" for index in indices]
        rows.append([label, (predictions.labels == label).sum(), len(listed), ", ".join(listed)])
    header = ["label", "photos", f"wrong in all {len(names)} networks", "these, and what the networks say together"]
    return table(header, rows)


def runs_of_this_page():
    """Every recorded cross-validation, with what it changes."""
    return log_table(name for name in all_runs() if not name.startswith("select") and not of_msid_recipe(name))
