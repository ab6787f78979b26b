"""Tables of speed, exports, explanations and what else is measured."""

from __future__ import annotations

from doc_tables.common import PRESETS, load, load_preset, load_rows, percent, table, with_interval
from mpox_keras.inference.metadata import MODEL_PLACES
from mpox_keras.utils.files import PRESETS_FOLDER


def duplicates_table():
    """The duplicate check against the audit."""
    results = load("duplicates_msid")
    rows = []
    for key, title in (("all", "audit as published"), ("without_groups_set_aside", "without its group 115")):
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


def augmentation_table():
    """Processor time of augmentation layers."""
    times = load("augmentation_speed")["cpu_milliseconds"]
    titles = {"augmentation_layers": "all augmentation of a config", "step": "training step without augmentation"}
    return table(["layer", "ms of processor time"], [[titles.get(name, name), f"{value:.1f}"] for name, value in times.items()])


def parity_table(preset):
    """What each kind of export of a preset keeps."""
    rows = []
    for row in load(f"parity_{preset}").get("rows", ()):
        evaluated = row["out_of_fold"]
        rows.append(
            [
                row["format"],
                row["precision"],
                f"{row['model_bytes'] / 1e6:.2f} MB",
                f"{evaluated['largest_difference']:.0e}",
                f"{evaluated['mean_difference']:.0e}",
                f"{100 * evaluated['top_class_agreement']:.2f} %",
                f"{100 * evaluated['answer_agreement']:.2f} %",
                f"{100 * (evaluated['exported_accuracy'] - evaluated['trained_accuracy']):+.2f}",
                f"{100 * row['preset']['top_class_agreement']:.2f} %",
            ]
        )
    header = ["format", "precision", "model", "largest difference of a probability", "mean", "same top class"]
    return table([*header, "same answer or both not sure", "accuracy, points", "same top class, preset"], rows)


def benchmark_table():
    """One photo through this network and its peers."""
    entries = load_rows("benchmark")
    two = {(entry["network"], entry["runtime"]): entry["median_ms"] for entry in entries if entry["threads"] == "2"}
    rows = []
    for entry in sorted((entry for entry in entries if entry["threads"] == "1"), key=lambda entry: float(entry["median_ms"])):
        middle_runs = f"{float(entry['tenth_percentile_ms']):.2f} to {float(entry['ninetieth_percentile_ms']):.2f}"
        share = percent(float(entry["share_of_peak"])) if entry["share_of_peak"] else ""
        rows.append(
            [
                entry["network"],
                entry["runtime"],
                f"{float(entry['median_ms']):.2f} ({middle_runs})",
                f"{float(two[entry['network'], entry['runtime']]):.2f}",
                entry["ratio_to_ours"],
                f"{int(entry['multiply_adds']) / 1e6:.1f} M",
                f"{int(entry['model_bytes']) / 1e6:.2f} MB",
                f"{entry['peak_memory_mb']} MB" if entry["peak_memory_mb"] else "",
                share,
            ]
        )
    header = ["network", "runtime", "ms, one thread (80 % of runs)", "two threads", "ratio to ours", "multiply-adds", "model"]
    made = table([*header, "peak memory", "share of peak"], rows)
    return f"{made}\n\n![Time of one photo by multiply-adds](benchmark.svg)" if made else ""


def where_time_goes_table():
    """Where the time goes."""
    shares = load("benchmark").get("share_of_time", {})
    return table(["part of the network", "share of its time"], [[name, percent(share)] for name, share in shares.items()])


def web_table():
    """What the page loads, and how long a prediction takes."""
    figures = load("web")
    rows = []
    for name, value in sorted(figures["quietest_round_ms"].items(), key=lambda entry: entry[1]):
        differences = figures["largest_difference"].get(name, {}).values()
        largest = f"{max(differences):.0e}" if differences else ""
        rows.append([name, f"{value:.1f}", f"{figures['prediction_ms'][name]:.1f}", largest])
    header = ["engine", "ms, median of the quietest round", "ms, median of all"]
    made = table([*header, f"largest difference from TFLite, {figures['golden_photos']} golden photos"], rows)
    steps = [
        f"The load of the machine was {figures['load']:.0f} on {figures['cores']} processors. From a photo of "
        f"{figures['photo_megapixels']} megapixels to the answer it took {figures['photo_to_answer_ms']:.0f} ms, with the page "
        f"blocked for {figures['page_blocked_ms']:.0f} ms.",
        f"A first visit loads {figures['first_visit_bytes'] / 1e6:.2f} MB, and once there is an answer "
        f"{figures['bytes_after_the_first_answer'] / 1e6:.2f} MB for LiteRT; later visits load nothing.",
    ]
    return "\n\n".join([made, *steps])


def camera_table():
    """How the viewfinder keeps up."""
    figures = load("live_camera")
    before, after = figures["megabytes"]
    longest = figures["longest_task_ms"]
    rows = [
        ["frames", str(figures["frames"])],
        ["frames per second", f"{figures['frames_per_second']:.1f}"],
        ["processor time per frame, the fake camera's too", f"{figures['processor_ms_per_frame']:.0f} ms"],
        ["longest task over 50 ms that blocked the page", "none" if longest is None else f"{longest:.0f} ms"],
        ["memory of the page and its workers, before and after", f"{before:.0f} MB, {after:.0f} MB"],
        ["load of the machine meanwhile, on its processors", f"{figures['load']:.0f} on {figures['cores']}"],
    ]
    return table(["Chromium's fake camera", ""], rows)


def photo_checks_table():
    """How many photos the app complains about."""
    figures = load("photo_checks")
    kinds = ("too_dark", "too_bright", "too_blurred")
    names = [name for name, value in figures.items() if isinstance(value, dict) and set(value) == set(kinds)]
    rows = [[name, *(percent(figures[name][kind]) for kind in kinds)] for name in names]
    return table([f"{figures['photos']} photos of MSID", "too dark", "too bright", "blurred"], rows)


def tones_table():
    """How many photos the app complains about, by skin tone."""
    changes = ("as they are", "half the light", "a quarter of the light")
    rows = []
    for name, figures in load("photo_checks")["tones"].items():
        shares = [percent(figures[change]["too_dark"]) for change in changes]
        rows.append([name, str(figures["photos"]), *shares, percent(figures["as they are"]["too_blurred"])])
    header = ["skin tone", "photos", *(f"too dark, {change}" for change in changes), "blurred, as they are"]
    return table(header, rows)


_METHODS = {
    "class_activation_map": "class activation map",
    "grad_cam_plus_plus": "Grad-CAM++",
    "score_cam": "Score-CAM",
    "smooth_grad": "SmoothGrad",
    "integrated_gradients": "integrated gradients",
    "occlusion": "occlusion",
    "lime": "LIME",
    "shap": "Kernel SHAP",
    "random": "random map",
}


def explanations_table():
    """How faithful each method's maps are."""
    results = load("explanations")
    if not results:
        return ""
    rows = []
    for name, title in _METHODS.items():
        figures = results["methods"][name]
        cells = [f"{figures[kind]:.3f} ± {figures[f'{kind}_error']:.3f}" for kind in ("deletion", "insertion")]
        known = "seconds" in figures
        cells.append(f"{figures['correlation_with_shuffled_weights']:+.2f}" if known else "")
        cells.append(f"{figures['seconds']:.3f}" if known else "")
        rows.append([title, *cells])
    header = ["method", "deletion", "insertion", "correlation with shuffled weights", "seconds per map"]
    counts = f"{results['photos']} photos, {results['shuffled_photos']} of them for the shuffled weights."
    return f"{table(header, rows)}\n\n{counts} A correlation of exactly 0 means that the map of the shuffled network is flat."


def fuzz_table():
    """What happened to damaged files."""
    results = load("fuzz")
    titles = {"metadata": "`metadata.json`", "bundle": "`model.tflite` of a bundle", "classifier": "`model.keras` of a fit"}
    rows = []
    for name, counts in sorted(results["outcomes"].items(), key=lambda entry: (entry[0] in titles, entry[0])):
        kinds = [counts.get(kind, 0) for kind in ("accepted", "refused", "failed")]
        rows.append([titles.get(name, name.upper()), f"{sum(kinds):,}", *(f"{count:,}" for count in kinds)])
    seconds, megabytes = results["slowest_seconds"]["photo"], results["peak_megabytes"]["photo"]
    found = table(["damaged file", "cases", "read", "refused", "failed"], rows)
    failures = "; ".join(f"{failure['kind']}, case {failure['case']}: {failure['what']}" for failure in results["failures"])
    return (
        f"{found}\n\nThe slowest photo took {seconds:.1f} s of one core; the largest process for photos used {megabytes} MB. "
        f"Failed means a crash, a hang, too much memory or an unexpected error ({failures or 'none'})."
    )


def screening_table():
    """Speed of `screen` beside decoding alone, and its memory."""
    results = load("screening")
    rows = [
        [row["workers"], row["screening_photos_per_second"], row["decoding_photos_per_second"], percent(row["share"])]
        for row in results["speed"]
    ]
    speed = table(["workers", "photos per second", "decoding alone", "share"], rows)
    rows = [[f"{row['photos']:,}", f"{row['parent_peak_mb']} MB", f"{row['worker_peak_mb']} MB"] for row in results["memory"]]
    memory = table(["photos, two workers", "peak memory of the command", "of a worker"], rows)
    size = f"{results['pixels'] / 1e6:.1f} megapixels and {results['file_kb']} kB"
    return f"{results['photos']:,} synthetic photos of {size}, {results['cores']} cores:\n\n{speed}\n\n{memory}"


def presets_table():
    """What each preset is, how large and how fast it is, and how it may be used."""
    rows = []
    timed = {"Fast-MpoxNet": PRESETS[0], PRESETS[1]: PRESETS[1]}
    times = {
        timed[row["network"]]: f"{float(row['median_ms']):.1f} ms"
        for row in load_rows("benchmark")
        if row["network"] in timed and (row["runtime"], row["threads"]) == ("TFLite float32", "1")
    }
    for name in PRESETS:
        metadata = load_preset(name)
        sizes = ((PRESETS_FOLDER / name / MODEL_PLACES[format]).stat().st_size / 1e6 for format in ("tflite", "keras"))
        pixels, classes = metadata["image_size"], ", ".join(metadata["classes"])
        cells = [
            metadata["config"]["model"]["network"],
            f"{pixels} x {pixels}",
            *(f"{size:.2f} MB" for size in sizes),
            times.get(name, ""),
            classes,
        ]
        rows.append(
            [f"`{name}`", *cells, with_interval(metadata["out_of_fold"], "accuracy"), metadata["licence"].split(",")[0]]
        )
    header = [
        "preset",
        "network",
        "photo",
        "as TFLite",
        "as Keras",
        "one photo",
        "classes",
        "accuracy out of fold (95 % interval)",
        "licence",
    ]
    return table(header, rows)
