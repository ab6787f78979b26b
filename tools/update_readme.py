"""Write the tables of README.md from the committed results files; a test fails where they differ.

python tools/update_readme.py
"""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

from mpox_keras.data.folder import CLASSES
from mpox_keras.evaluation.compare import compare_accuracy
from mpox_keras.files import replacing

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "configs" / "results"


def load(name):
    """A results file by name."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def percent(value):
    """0.8845 -> 88.5 %."""
    return f"{100 * value:.1f} %"


def with_interval(figures, name):
    """Value with its 95 % interval."""
    low, high = figures[f"{name}_interval"]
    return f"{percent(figures[name])} ({100 * low:.1f} to {100 * high:.1f})"


def table(header, rows):
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def crossval_table():
    """Networks on the same folds."""
    rows = []
    for name, title in (
        ("fast_mpoxnet", "[Fast-MpoxNet, pretrained backbone](configs/fast_mpoxnet.yaml)"),
        ("fast_mpoxnet_scratch", "[Fast-MpoxNet, from random weights](configs/fast_mpoxnet_scratch.yaml)"),
        ("peer_mobilenet_v3_small_050", "MobileNetV3-Small at width 0.5, from random weights"),
    ):
        results = load(name)
        rows.append(
            [
                title,
                _over_folds(results),
                with_interval(results, "accuracy"),
                percent(results["macro_f1"]),
                with_interval(results["rash_classes_only"], "accuracy"),
                f"{results['mpox_against_other_rashes']['auc']:.3f}",
            ]
        )
    return table(_CROSSVAL_HEADER, rows)


_CROSSVAL_HEADER = [
    "network",
    "accuracy over folds, mean ± SD",
    "all photos (95 % interval)",
    "macro F1",
    "rash classes only",
    "AUC, mpox against other rashes",
]


def _over_folds(results):
    return f"{percent(results['accuracy_mean'])} ± {100 * results['accuracy_sd']:.1f}"


def schedule_table():
    """One network, trained for longer, and on smaller pictures."""
    rows = []
    for name, title in (
        ("fast_mpoxnet", "30 epochs at 224 pixels (as above)"),
        ("schedule_80_epochs", "80 epochs at 224 pixels"),
        ("schedule_100_epochs_192", "100 epochs at 192 pixels"),
        ("schedule_80_epochs_256", "80 epochs at 224 pixels, photos judged at 256"),
    ):
        results = load(name)
        answered = next(row for row in results["limits"]["coverage_curve"] if row["coverage"] == 0.9)
        rows.append(
            [
                title,
                _over_folds(results),
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
        ("fast_mpoxnet", "with both (as above)"),
    ):
        results = load(name)
        points = "" if name == "ablation_backbone" else _gain(compare(name, "ablation_backbone"))
        auc = f"{results['mpox_against_other_rashes']['auc']:.3f}"
        rash = with_interval(results["rash_classes_only"], "accuracy")
        rows.append([title, _over_folds(results), points, rash, auc, f"{results['external_auc']:.2f}"])
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
        ("fast_mpoxnet", "scenes kept together (as above)"),
        ("protocol_stratified", "scenes ignored, duplicates left in"),
        ("protocol_copies_first", "nine augmented copies of each photo made before the split, the copies judged too"),
    ):
        results = load(name)
        rash = with_interval(results["rash_classes_only"], "accuracy")
        auc = f"{results['mpox_against_other_rashes']['auc']:.3f}"
        rows.append([title, results["photos"], _over_folds(results), rash, auc])
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
                f"[{name}](configs/{name}.yaml)",
                _over_folds(candidate),
                with_interval(candidate["rash_classes_only"], "accuracy"),
                f"{candidate['trainable_parameters']:,}",
                f"{candidate['tflite_bytes'] / 1e6:.2f} MB",
                f"{candidate['milliseconds']:.2f}",
                len(chosen),
            ]
        )
    header = ["candidate", "accuracy over folds, mean ± SD", "rash classes only", "parameters", "TFLite model", "ms"]
    made = table([*header, f"folds of {len(results['chosen'])} that chose it"], rows)
    return f"{made}\n\nNested estimate: {with_interval(results, 'accuracy')}; over folds {_over_folds(results)}."


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
    """The preset on photos from elsewhere."""
    figures = load("external")
    rows = []
    for unit in ("patient", "photo"):
        low, high = figures[f"auc_per_{unit}_interval"]
        rows.append([f"per {unit}", figures[f"{unit}s"], f"{figures[f'auc_per_{unit}']:.2f} ({low:.2f} to {high:.2f})"])
    return table(["mpox against other rashes", "number", "AUC (95 % interval)"], rows)


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


def duplicates_table():
    """The check against the audit."""
    results = load("duplicates_msid")
    rows = []
    for key, title in (("all", "audit as given"), ("without_groups_set_aside", "without its group 115")):
        figures = results[key]["grouped"]
        rows.append([title, figures["true_pairs"], percent(figures["precision"]), percent(figures["recall"])])
    return table(["pairs of one scene", "in the audit", "precision", "recall"], rows)


def speed_table():
    """Training speed by threads and precision."""
    rows = []
    for setting in load("training_speed")["settings"]:
        speed = setting["steps_per_second"]
        rows.append(
            [
                setting["threads"],
                setting["precision"],
                f"{speed['pipeline']['median']:.2f}",
                f"{speed['cached']['median']:.2f}",
                percent(setting["pipeline_cost"]["median"]),
            ]
        )
    return table(["threads", "precision", "steps/s", "steps/s, batches from memory", "cost of the pipeline"], rows)


def parity_table():
    """What each kind of export keeps."""
    rows = []
    for row in load("parity")["rows"]:
        judged = row["out_of_fold"]
        rows.append(
            [
                row["format"],
                row["precision"],
                f"{row['model_bytes'] / 1e6:.2f} MB",
                f"{judged['largest_difference']:.0e}",
                f"{judged['mean_difference']:.0e}",
                f"{100 * judged['top_class_agreement']:.2f} %",
                f"{100 * judged['answer_agreement']:.2f} %",
                f"{100 * (judged['exported_accuracy'] - judged['trained_accuracy']):+.2f}",
                f"{100 * row['preset']['top_class_agreement']:.2f} %",
            ]
        )
    header = ["format", "precision", "model", "largest difference of a probability", "mean", "same top class"]
    return table([*header, "same answer or both not sure", "accuracy, points", "same top class, preset"], rows)


def benchmark_table():
    """One photo through this network and its peers."""
    with (RESULTS / "benchmark.csv").open(newline="", encoding="utf-8") as stream:
        entries = list(csv.DictReader(stream))
    two = {(entry["network"], entry["runtime"]): entry["median_ms"] for entry in entries if entry["threads"] == "2"}
    rows = []
    for entry in sorted((entry for entry in entries if entry["threads"] == "1"), key=lambda entry: float(entry["median_ms"])):
        spread = f"{float(entry['tenth_percentile_ms']):.2f} to {float(entry['ninetieth_percentile_ms']):.2f}"
        share = percent(float(entry["share_of_peak"])) if entry["share_of_peak"] else ""
        rows.append(
            [
                entry["network"],
                entry["runtime"],
                f"{float(entry['median_ms']):.2f} ({spread})",
                f"{float(two[entry['network'], entry['runtime']]):.2f}",
                entry["ratio_to_ours"],
                f"{int(entry['multiply_adds']) / 1e6:.1f} M",
                f"{int(entry['model_bytes']) / 1e6:.2f} MB",
                f"{entry['peak_memory_mb']} MB" if entry["peak_memory_mb"] else "",
                share,
            ]
        )
    header = ["network", "runtime", "ms, one thread (80 % of runs)", "two threads", "ratio to ours", "multiply-adds", "model"]
    return table([*header, "peak memory", "share of peak"], rows)


def convolutions_table():
    """Where the time goes."""
    shares = load("benchmark")["share_of_time_in_convolutions"]
    return table(["runtime", "share of the time in convolutions"], [[name, percent(share)] for name, share in shares.items()])


def web_table():
    """What the page loads, and how long a prediction takes."""
    figures = load("web")
    rows = [[name, f"{value:.1f}"] for name, value in sorted(figures["prediction_ms"].items(), key=lambda entry: entry[1])]
    rows += [
        [f"from a photo of {figures['photo_megapixels']} megapixels to the answer", f"{figures['photo_to_answer_ms']:.0f}"],
        ["of these, the page blocked", f"{figures['page_blocked_ms']:.0f}"],
    ]
    return table(["", "ms"], rows) + f"\n\nA first visit loads {figures['first_visit_bytes'] / 1e6:.2f} MB; later ones nothing."


def photo_checks_table():
    """Of how many photos the page complains."""
    figures = load("photo_checks")
    kinds = ("too_dark", "too_bright", "too_blurred")
    names = [name for name, value in figures.items() if isinstance(value, dict) and set(value) == set(kinds)]
    rows = [[name, *(percent(figures[name][kind]) for kind in kinds)] for name in names]
    return table([f"{figures['photos']} photos of MSID", "too dark", "too bright", "blurred"], rows)


def explanations_table():
    """How faithful each method's maps are."""
    rows = []
    for name, figures in load("explanations")["methods"].items():
        cells = [f"{figures[kind]:.3f} ± {figures[f'{kind}_error']:.3f}" for kind in ("deletion", "insertion")]
        known = "seconds" in figures
        cells.append(f"{figures['correlation_with_shuffled_weights']:+.2f}" if known else "")
        cells.append(f"{figures['seconds']:.3f}" if known else "")
        rows.append([name.replace("_", " "), *cells])
    header = ["method", "deletion", "insertion", "correlation with shuffled weights", "seconds a map"]
    agreement = load("explanations")["agreement"]["class_activation_map grad_cam"]
    return table(header, rows) + f"\n\nClass activation map and Grad-CAM correlate at {agreement:.4f}."


def fuzz_table():
    """What came of damaged files."""
    results = load("fuzz")
    titles = {"metadata": "`metadata.json`", "bundle": "`model.tflite` of a bundle", "classifier": "`model.keras` of a fit"}
    rows = []
    for name, counts in sorted(results["outcomes"].items(), key=lambda entry: (entry[0] in titles, entry[0])):
        kinds = [counts.get(kind, 0) for kind in ("accepted", "refused", "failed")]
        rows.append([titles.get(name, name.upper()), f"{sum(kinds):,}", *(f"{count:,}" for count in kinds)])
    seconds, megabytes = results["slowest_seconds"]["photo"], results["peak_megabytes"]["photo"]
    found = table(["damaged", "cases", "read", "refused", "failed"], rows)
    failures = "; ".join(f"{failure['kind']}, case {failure['case']}: {failure['what']}" for failure in results["failures"])
    return (
        f"{found}\n\nThe slowest photo took {seconds:.1f} s of one core, the largest process for photos {megabytes} MB. "
        f"Failed means a crash, a hang, too much memory or another error ({failures or 'none'})."
    )


TABLES = {
    "fuzz": fuzz_table,
    "explanations": explanations_table,
    "web": web_table,
    "photo_checks": photo_checks_table,
    "parity": parity_table,
    "benchmark": benchmark_table,
    "convolutions": convolutions_table,
    "crossval": crossval_table,
    "schedule": schedule_table,
    "ablation": ablation_table,
    "protocol": protocol_table,
    "comparison": comparison_table,
    "shortcuts": shortcuts_table,
    "external": external_table,
    "per_class": per_class_table,
    "select": select_table,
    "duplicates": duplicates_table,
    "speed": speed_table,
}


def render(text):
    """The README with every table made anew."""
    for name, make in TABLES.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, count = re.subn(pattern, lambda match, make=make: f"{match[1]}{make()}\n{match[2]}", text, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"README.md must hold the markers of the table {name} once, not {count} times.")
    return text


if __name__ == "__main__":
    readme = ROOT / "README.md"
    text = render(readme.read_text(encoding="utf-8"))
    with replacing(readme) as temporary:
        temporary.write_text(text, encoding="utf-8")
