"""Tables of the present networks: other skin conditions first, then sources left out, MSID, and what is no skin."""

from __future__ import annotations

from itertools import pairwise, zip_longest

from mpox_keras.evaluation.intervals import proportion

from . import runs
from .common import (
    ALL,
    AUC,
    MEAN,
    MSID_RECIPE,
    PRESETS,
    RASH,
    all_runs,
    gain_over,
    load,
    load_preset,
    load_rows,
    log_table,
    of_msid_recipe,
    out_of_fold,
    over_folds,
    percent,
    run_interval,
    runs_table,
    table,
    with_interval,
)

RELEASE_BEFORE = {
    "fast_mpoxnet_msid": {"auc": "0.73", "no_alarm": "19.5 %", "answered_mpox": "25 %"},
    "efficientnet_lite0_msid": {"auc": "0.74", "no_alarm": "13.1 %", "answered_mpox": "28 %"},
}
"""The presets of release 0.1.0, which knew the four classes of MSID alone, on photos of other skin conditions and with the
thresholds that they shipped with: the figures that their issue reports. They are not measured again."""

_BEFORE = "{} of release 0.1.0"


def conditions_table():
    """How well mpox is told from other skin conditions, and how often these are called mpox outright."""
    rows = [
        [name, *(_auc(figures["auc"][kind]) for kind in ("all", "other", "pox_like")), *_answers(figures)]
        for name, figures in _measured().items()
    ]
    before = [[_BEFORE.format(name), row["auc"], "", "", row["answered_mpox"], ""] for name, row in RELEASE_BEFORE.items()]
    header = ["network", "AUC, mpox against all (95 % interval)", "against other conditions", "against pox-like ones"]
    return table([*header, "answered mpox", "not answered"], [*before, *rows] if rows else [])


def alarms_table():
    """What each threshold costs, and what it finds."""
    rows = []
    for name, figures in _measured().items():
        points = load_preset(name).get("out_of_fold", {}).get("thresholds", {}).get("operating_points", {})
        for recall, point in figures["operating_points"].items():
            normal = points.get(recall, {}).get("no_alarm", {}).get("normal")
            shares = _with_all(point["no_alarm"], figures["photos"])
            rows.append(
                [
                    name,
                    "" if recall == "given" else f"{100 * float(recall):.0f} %",
                    *(with_interval(shares[kind], "share") for kind in ("all", "other", "pox_like")),
                    with_interval(point, "recall"),
                    with_interval(point, "alarm_at_external_other_rashes"),
                    with_interval(normal, "share") if normal else "",
                ]
            )
    before = [[_BEFORE.format(name), "95 %", row["no_alarm"], *[""] * 5] for name, row in RELEASE_BEFORE.items()]
    header = ["network", "threshold for a recall of", "no alarm: all (95 % interval)", "other conditions", "pox-like ones"]
    header += ["mpox of another source found", "alarm at other rashes of that source", "no alarm: healthy skin, out of fold"]
    return table(header, [*before, *rows] if rows else [])


def headline_table():
    """The presets in a line each, for the README: the threshold in force, on sources that nothing was trained on."""
    rows = []
    for name in PRESETS:
        if figures := load(f"conditions_{name}"):
            point = next(iter(figures["operating_points"].values()))
            shares = (with_interval(point["no_alarm"][kind], "share") for kind in ("other", "pox_like"))
            rows.append([_card(name), _auc(figures["auc"]["all"]), *shares, with_interval(point, "recall")])
    header = ["preset", "AUC, mpox against other conditions (95 % interval)", "no alarm: other conditions"]
    return table([*header, "no alarm: pox-like conditions", "mpox found"], rows)


def sources_table():
    """Sources that a network was trained without."""
    found = {name: load_preset(name).get("out_of_fold", {}).get("left_out_sources", {}) for name in PRESETS}
    found = {name: sources for name, sources in found.items() if sources}
    lines = {(source, label): each for of in found.values() for source, row in of.items() for label, each in _classes(row)}
    rows = []
    for (source, label), any_of in sorted(lines.items()):
        of_each = [dict(_classes(of.get(source, {}))).get(label) for of in found.values()]
        cells = ([with_interval(row, "no_alarm"), f"{row['auc']:.3f}"] if row else ["", ""] for row in of_each)
        rows.append([source, label, any_of["photos"], *(cell for pair in cells for cell in pair)])
    header = [text for name in found for text in (f"{name}: no alarm (95 % interval)", "AUC")]
    return table(["source left out", "class", "photos", *header], rows)


def msid_table():
    """The four classes of MSID, on its own folds."""
    rows = []
    for name in PRESETS:
        kinds = load_preset(name).get("out_of_fold", {}).get("msid", {})
        for kind, title in (("all", "recipe of the preset {}"), ("without_doubtful", "the same, without doubtful labels")):
            if figures := kinds.get(kind):
                rash, auc = figures["rash_classes_only"], figures["mpox_against_other_rashes"]["auc"]
                cells = [over_folds(figures), with_interval(figures, "accuracy"), percent(figures["macro_f1"])]
                rows.append([title.format(name), figures["photos"], *cells, with_interval(rash, "accuracy"), f"{auc:.3f}"])
    if run := all_runs().get(MSID_RECIPE):
        cells = [over_folds(vars(run)), run_interval(run, "accuracy"), percent(run.macro_f1)]
        title = "Fast-MpoxNet fine-tuned whole, as the paper trains it, first seed"
        rows.append([title, run.photos, *cells, run_interval(run, "rash_accuracy"), f"{run.mpox_auc:.3f}"])
    return table(["network", "photos", MEAN, ALL, "macro F1", RASH, AUC], rows)


def protocols_table():
    """The paper's recipe with parts left out, and with folds that leak."""
    titles = {
        MSID_RECIPE: "as above: the whole network, scenes kept together",
        f"{MSID_RECIPE}_backbone": "without ABLGFM and auxiliary losses",
        f"{MSID_RECIPE}_stratified": "scenes ignored, duplicates left in",
        f"{MSID_RECIPE}_copies_settings_grouped": "settings of the next row, scenes kept together",
        f"{MSID_RECIPE}_copies_first": "nine mild copies of each photo made before the split and evaluated too",
    }
    more = gain_over([MSID_RECIPE])
    points = ("points more, the same photos (95 % interval)", lambda run: more(run) if run.split == "grouped" else "")
    return runs_table("recipe of the paper", titles, ["photos", MEAN, points, RASH, AUC])


def runs_of_this_page():
    """Every recorded run of the paper's recipe."""
    return log_table(filter(of_msid_recipe, all_runs()))


def external_table():
    """Mpox against other rashes of another source."""
    rows = []
    for name in PRESETS:
        if figures := load_preset(name).get("external"):
            aucs = (
                {"auc": figures[key], "interval": figures[f"{key}_interval"]} for key in ("auc_per_patient", "auc_per_photo")
            )
            counts = [figures[key] for key in ("photos", "patients", "mpox_patients")]
            rows.append([name, *counts, *map(_auc, aucs)])
    header = ["preset", "photos", "patients", "of them with mpox"]
    return table([*header, "AUC per patient (95 % interval)", "AUC per photo (95 % interval)"], rows)


def refused_table():
    """What the out-of-distribution score refuses, which should be much, and what it should not."""
    rows = []
    for name in PRESETS:
        if figures := load(f"out_of_distribution_{name}"):
            everyday = figures["everyday"]
            cells = (with_interval(everyday, "refused"), with_interval(everyday, "not_answered"))
            wrongly = (with_interval(figures["rashes"], "refused"), with_interval(figures, "refused_out_of_fold"))
            rows.append([name, f"{everyday['pictures']:,}", *cells, *wrongly])
    header = ["preset", "everyday photos", "of them refused (95 % interval)", "not answered, for any reason"]
    return table([*header, "rashes of another source refused", "training photos refused, out of fold"], rows)


def worst_table():
    """The conditions with the most false alarms."""
    found = {name: rows for name in PRESETS if (rows := load(f"conditions_{name}").get("worst_conditions"))}
    rows = [
        [cell for row in place for cell in ([row["condition"], row["photos"], percent(row["alarms"])] if row else [""] * 3)]
        for place in zip_longest(*found.values())
    ]
    return table([text for name in found for text in (f"{name}: condition", "photos", "alarms")], rows)


def certainty_table():
    """How often the presets are right, out of fold, by how sure they are."""
    rows = []
    measured = [preset for preset in PRESETS if (runs.RESULTS / f"out_of_fold_{preset}.csv.gz").is_file()]
    if not measured:
        return ""
    found = [out_of_fold(preset) for preset in measured]
    for low, high in pairwise((0, 0.5, 0.6, 0.7, 0.8, 0.9, 1)):
        cells = []
        for labels, probabilities, _ in found:
            top = probabilities.max(axis=1)
            chosen = (top >= low) & ((top < high) | (high == 1))
            right = (probabilities.argmax(axis=1) == labels)[chosen]
            cells += [f"{len(right):,}", with_interval(proportion("accuracy", right.sum(), len(right)), "accuracy")]
        rows.append([f"{low:.0%} to {high:.0%}", *cells])
    header = [cell for preset in measured for cell in (f"{preset}: photos", "right (95 % interval)")]
    return table(["probability of the answer", *header], rows)


_RECIPE = (
    "second moments, L2 0.2 and a third of it on the variance of the logits: means and maxima in grids of 6, 2 and 1 cells; "
    "of the bottlenecks of 16, at half its size, and 24 channels put together, of the latter at half its size, and of the "
    "largest of each six neighbouring channels of stride 16"
)

_SIZES = (
    (128, "Fast-MpoxNet at 128 pixels", f"{_RECIPE}, photos of 128 pixels"),
    (160, "Fast-MpoxNet at 160 pixels", f"{_RECIPE}, photos of 160 pixels"),
    (192, "Fast-MpoxNet", _RECIPE),
    (224, "Fast-MpoxNet at 224 pixels", f"{_RECIPE}, photos of 224 pixels"),
)
"""Size of the photos, its network of the benchmark, its trial."""


def trials_table():
    """The thirty best of what was tried, by the score that chose among them."""
    columns = {
        "what": str,
        "selection_score": lambda text: f"{float(text):.3f}",
        "rash_auc": lambda text: f"{float(text):.3f}",
        "specificity_of_left_out_sources": lambda text: percent(float(text)),
        "msid_accuracy": lambda text: percent(float(text)),
        "note": str,
    }
    trials = sorted(load_rows("field_trials"), key=lambda row: -float(row["selection_score"] or 0))
    rows = [[write(row[name]) if row[name] else "" for name, write in columns.items()] for row in trials[:30]]
    header = ["tried", "selection score", "AUC, mpox against other rashes", "no alarm on sources left out", "accuracy on MSID"]
    return table([*header, "note"], rows)


def sizes_table():
    """What the size of the photos costs and gains: time, and the figures of the linear classifier on the backbone."""
    of_trials = {row["what"]: row for row in load_rows("field_trials")}
    times = {
        row["network"]: row for row in load_rows("benchmark") if row["runtime"] == "TFLite float32" and row["threads"] == "1"
    }
    found = []
    for size, network, trial in _SIZES:
        if network in times and trial in of_trials:
            row = of_trials[trial]
            shares = [percent(float(row[name])) for name in ("specificity_of_left_out_sources", "msid_accuracy")]
            time = f"{float(times[network]['median_ms']):.2f}"
            found.append([str(size), time, f"{float(row['rash_auc']):.3f}", *shares, f"{float(row['selection_score']):.3f}"])
    header = ["pixels", "ms", "AUC, mpox against other rashes", "no alarm on sources left out", "accuracy on MSID"]
    return table([*header, "selection score"], found) if found else ""


def _measured():
    """Network -> its figures on other skin conditions, the presets first."""
    names = sorted(path.stem.removeprefix("conditions_") for path in runs.RESULTS.glob("conditions_*.json"))
    names = [*(name for name in PRESETS if name in names), *(name for name in names if name not in PRESETS)]
    return {name: load(f"conditions_{name}") for name in names}


def _auc(figures):
    if not figures["interval"]:
        return f"{figures['auc']:.2f}"
    low, high = figures["interval"]
    return f"{figures['auc']:.2f} ({low:.2f} to {high:.2f})"


def _answers(figures):
    return [with_interval(figures, key) if key in figures else "" for key in ("answered_mpox", "not_answered")]


def _with_all(shares, photos):
    """Shares by kind of photo, and of all kinds together."""
    silent = sum(round(shares[kind]["share"] * count) for kind, count in photos.items())
    return shares | {"all": proportion("share", silent, sum(photos.values()))}


def _card(preset):
    return f"[{preset}]({'MODEL_CARD.md' if preset == PRESETS[0] else f'docs/model_card_{preset}.md'})"


def _classes(source):
    return source.get("no_alarm", {}).items()
