"""Time one photo through this network and its peers, in one interleaved run.

    python tools/benchmark.py

Writes configs/results/benchmark.csv (a row per network, runtime and number of threads), benchmark.json (the machine and where
the time goes) and docs/benchmark.svg. All networks take photos of the preset's size unless their name says another. Peers
have random weights, which take as long as trained ones, and their usual heads. On a busy machine times rise; ratios of one run
hold better. About ten minutes. Needs PyTorch, and for TF.js `npm ci --prefix tests/javascript`.
"""

from __future__ import annotations

import csv
import json
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import keras
import matplotlib.pyplot as plt
import numpy as np
import torch
from ai_edge_litert.interpreter import Interpreter
from torch_fast_mpoxnet import TorchFastMpoxNet

from mpox_keras.data.synthetic import draw_scene
from mpox_keras.export.tfjs import write_tfjs
from mpox_keras.export.tflite import convert_to_tflite, to_tflite
from mpox_keras.inference.classifier import load_classifier
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.complexity import measure_complexity
from mpox_keras.models.deploy import deploy
from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.models.image_classifier import ImageClassifier
from mpox_keras.utils.files import replacing

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "configs" / "results"
OURS, LARGER = "Fast-MpoxNet", "efficientnet_lite0"
_OTHER_SIZES = (128, 160, 224)
_RUNS, _WARM_UP = 300, 30
_PAUSE_SECONDS = 0.02
_PEERS = {
    "MobileNetV3-Small 0.5": ("MobileNetV3Small", 0.5, None),
    "MobileNetV3-Small 0.5 at 224 pixels": ("MobileNetV3Small", 0.5, 224),
    "MobileNetV3-Small 1.0": ("MobileNetV3Small", 1.0, None),
    "MobileNetV2 0.35": ("MobileNetV2", 0.35, None),
    "MobileNetV2 1.0": ("MobileNetV2", 1.0, None),
    "MobileNet 0.25": ("MobileNet", 0.25, None),
    "EfficientNet-Lite0": ("EfficientNetLite0", 1.0, None),
}
"""Name -> network, width, and pixels if not those of the preset."""

_COLUMNS = (
    "network",
    "runtime",
    "threads",
    "median_ms",
    "tenth_percentile_ms",
    "ninetieth_percentile_ms",
    "ratio_to_ours",
    "multiply_adds",
    "model_bytes",
    "peak_memory_mb",
    "share_of_peak",
)


@click.command()
def main():
    """Write configs/results/benchmark.csv, benchmark.json and docs/benchmark.svg."""
    with tempfile.TemporaryDirectory() as folder:
        networks = build(Path(folder))
        calls = {
            (network, runtime, threads): make(threads)
            for threads in (1, 2)
            for (network, runtime), (make, *_) in networks.items()
        }
        seconds = {}
        for threads in (1, 2):
            torch.set_num_threads(threads)
            seconds |= interleaved({key: call for key, call in calls.items() if key[2] == threads})
        peak = matrix_multiply_peak()
        rows = [row(key, times, networks[key[:2]], seconds, peak) for key, times in seconds.items()]
        where = {
            "the backbone, in TFLite": backbone_share(Path(folder)),
            "convolutions, in TF.js with WASM": tfjs_convolutions(Path(folder)),
            "convolutions, in PyTorch eager": torch_convolutions(networks),
        }
    with replacing(RESULTS / "benchmark.csv") as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, _COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    details = {
        "machine": f"{platform.machine()}, {cpu()}",
        "image_size": load_classifier().image_size,
        "runs": _RUNS,
        "peak_multiply_adds_per_second": peak,
        "share_of_time": where,
    }
    with replacing(RESULTS / "benchmark.json") as temporary:
        temporary.write_text(json.dumps(details, indent=2) + "\n", encoding="utf-8")
    with replacing(ROOT / "docs" / "benchmark.svg") as temporary:
        plot(rows, temporary)
    for entry in rows:
        click.echo("  ".join(f"{entry[key]!s:>12}" for key in _COLUMNS))


def build(folder):
    """(network, runtime) -> what makes a call for a number of threads, multiply-adds, bytes, and the file if there is one."""
    keras.utils.set_random_seed(0)
    classifier = load_classifier()
    trained, size = classifier.trained, classifier.image_size
    random = np.random.default_rng(0)
    drawn = np.stack([np.asarray(draw_scene("mpox", random).resize((size, size))) for _ in range(16)])
    deployed = deploy(trained, class_activation_map=True)
    files = {
        (OURS, "TFLite float32"): (to_tflite(deployed, "float32"), deployed),
        (OURS, "TFLite float16"): (to_tflite(deployed, "float16"), deployed),
        (OURS, "TFLite int8"): (convert_to_tflite(trained, 1.0, "int8", drawn), deployed),
    }
    larger = deploy(load_classifier(LARGER).trained, class_activation_map=True)
    files[LARGER, "TFLite float32"] = (to_tflite(larger, "float32"), larger)
    for other in _OTHER_SIZES:
        resized = FastMpoxNet(len(classifier.classes), "fast_mpoxnet", (other, other, 3))
        resized = deploy(resized, class_activation_map=True)
        files[f"{OURS} at {other} pixels", "TFLite float32"] = (to_tflite(resized, "float32"), resized)
    for name, (network, width, pixels) in _PEERS.items():
        shape = (pixels or size, pixels or size, 3)
        peer = deploy(ImageClassifier(Backbone(network, width, shape), len(classifier.classes), pyramid=False))
        files[name, "TFLite float32"] = (to_tflite(peer, "float32"), peer)
    networks = {}
    for number, (key, (content, model)) in enumerate(files.items()):
        path = folder / f"{number}.tflite"
        path.write_bytes(content)
        networks[key] = (
            lambda threads, path=path: interpreter(path, threads).invoke,
            measure_complexity(model)["multiply_adds"],
            len(content),
            path,
        )
    photo = torch.tensor(drawn[:1].astype("float32").transpose(0, 3, 1, 2))
    twin, deployed = TorchFastMpoxNet(trained).eval(), deploy(trained)
    np.testing.assert_allclose(run_torch(twin, photo).numpy(), deployed.predict_on_batch(drawn[:1])["probabilities"], atol=1e-4)
    networks[OURS, "PyTorch eager"] = (
        lambda threads: lambda: run_torch(twin, photo),
        measure_complexity(deployed)["multiply_adds"],
        sum(value.numel() * value.element_size() for value in twin.state_dict().values()),
        None,
    )
    return networks


@torch.inference_mode()
def run_torch(model, photo):
    """The twin's answer."""
    return model(photo)


def interpreter(path, threads):
    """A TFLite file, ready to be invoked on a random photo."""
    loaded = Interpreter(str(path), num_threads=threads)
    loaded.allocate_tensors()
    detail = loaded.get_input_details()[0]
    photo = np.random.default_rng(0).integers(0, 256, detail["shape"])
    loaded.set_tensor(detail["index"], photo.astype(detail["dtype"]))
    return loaded


def interleaved(calls, runs=_RUNS):
    """Seconds of each call, taken in turn, so that whatever else the machine does falls on all alike.

    Before each there is a pause and a call that is not timed, because the threads of PyTorch, which ran before ours, wait for
    more work and keep a core busy, and every network leaves its own numbers in the caches.
    """
    seconds = {key: [] for key in calls}
    for _ in range(runs + _WARM_UP):
        for key, call in calls.items():
            time.sleep(_PAUSE_SECONDS)
            call()
            start = time.perf_counter()
            call()
            seconds[key].append(time.perf_counter() - start)
    return {key: np.array(values[_WARM_UP:]) for key, values in seconds.items()}


def row(key, times, network, seconds, peak):
    """A line of the table."""
    _, multiply_adds, size, path = network
    ours = np.median(seconds[OURS, "TFLite float32", key[2]])
    low, median, high = np.quantile(times, [0.1, 0.5, 0.9])
    floating = "int8" not in key[1]
    return {
        "network": key[0],
        "runtime": key[1],
        "threads": key[2],
        "median_ms": f"{1000 * median:.3f}",
        "tenth_percentile_ms": f"{1000 * low:.3f}",
        "ninetieth_percentile_ms": f"{1000 * high:.3f}",
        "ratio_to_ours": f"{median / ours:.2f}",
        "multiply_adds": multiply_adds,
        "model_bytes": size,
        "peak_memory_mb": "" if path is None else f"{peak_memory(path):.0f}",
        "share_of_peak": f"{multiply_adds / median / peak:.3f}" if floating and key[2] == 1 else "",
    }


def peak_memory(path):
    """Peak memory in MB of a process that loads a TFLite file and runs it."""
    # The high-water mark of the process itself; what getrusage tells begins with that of its parent.
    command = (
        "import sys; from ai_edge_litert.interpreter import Interpreter; loaded = Interpreter(sys.argv[1]); "
        "loaded.allocate_tensors(); loaded.invoke(); "
        "print(next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')))"
    )
    answer = subprocess.run([sys.executable, "-c", command, str(path)], capture_output=True, text=True, check=True)
    return float(answer.stdout) / 1024


def matrix_multiply_peak():
    """Multiply-adds per second of a float32 matrix product on one thread: the best of PyTorch's and of TFLite's."""
    torch.set_num_threads(1)
    size = 1024
    left, right = torch.rand(size, size), torch.rand(size, size)
    inputs = keras.Input((size, size))
    product = keras.Model(inputs, keras.layers.Dense(size, use_bias=False)(inputs))
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(to_tflite(product, "float32"))
        file.flush()
        calls = {"torch": lambda: left @ right, "tflite": interpreter(file.name, 1).invoke}
        return size**3 / min(np.median(times) for times in interleaved(calls, runs=20).values())


def backbone_share(folder):
    """Share of the network's time in TFLite that its backbone takes alone."""
    trained = load_classifier().trained
    models = {
        "whole": deploy(trained, class_activation_map=True),
        "backbone": keras.Model(trained.backbone.inputs, trained.backbone.outputs),
    }
    calls = {}
    for name, model in models.items():
        path = folder / f"{name}.tflite"
        path.write_bytes(to_tflite(model, "float32"))
        calls[name] = interpreter(path, 1).invoke
    medians = {name: np.median(times) for name, times in interleaved(calls).items()}
    return float(medians["backbone"] / medians["whole"])


def tfjs_convolutions(folder):
    """Share of the graph model's time that TF.js's profiler puts on convolutions; needs `npm ci --prefix tests/javascript`."""
    classifier = load_classifier()
    write_tfjs(folder / "tfjs", classifier.trained)
    command = ["node", ROOT / "tools" / "profile_tfjs.mjs", folder / "tfjs", str(classifier.image_size)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(answer.stdout.splitlines()[-1])


def torch_convolutions(networks):
    """Share of the twin's time that PyTorch's profiler puts on convolutions."""
    call = networks[OURS, "PyTorch eager"][0](1)
    # `torch.profiler` imports Triton, which crashes beside TensorFlow.
    with torch.autograd.profiler.profile() as profile:
        for _ in range(20):
            call()
    events = profile.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    return sum(event.self_cpu_time_total for event in events if "conv" in event.key) / total


def cpu():
    """The processor's name, where the system tells it."""
    path = Path("/proc/cpuinfo")
    names = [line.split(":")[1].strip() for line in path.read_text().splitlines() if line.startswith("model name")]
    return f"{names[0]}, {len(names)} logical cores" if names else platform.processor()


def plot(rows, path):
    """Time of one photo on one thread, the fastest first."""
    shown = sorted((entry for entry in rows if entry["threads"] == 1), key=lambda entry: -float(entry["median_ms"]))
    figure, axes = plt.subplots(figsize=(7.5, 3.6))
    for place, entry in enumerate(shown):
        median, low, high = (float(entry[key]) for key in ("median_ms", "tenth_percentile_ms", "ninetieth_percentile_ms"))
        ours = entry["network"].startswith(OURS)
        axes.barh(place, median, color="tab:red" if ours else "tab:gray", xerr=[[median - low], [high - median]])
        axes.text(high + 0.08, place, f"{median:.2f} ms, {entry['multiply_adds'] / 1e6:.0f} M", va="center", fontsize=8)
    axes.set_yticks(range(len(shown)), [f"{entry['network']}, {entry['runtime']}" for entry in shown], fontsize=8)
    axes.set_xlabel("ms for one photo on one thread, median and 80 % of the runs; multiply-adds", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlim(right=1.3 * max(float(entry["ninetieth_percentile_ms"]) for entry in shown))  # room for what stands beside
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


if __name__ == "__main__":
    main()
