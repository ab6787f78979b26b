"""Measure the web app in Chromium: what a first visit loads, how long the page is blocked, and what a prediction takes.

    python tools/measure_web.py
    python tools/measure_web.py --camera

Writes configs/results/web.json. Chromium's engines and TFLite take turns in one run, each on the same photo, and their answers
for the tests' golden photos are compared. With `--camera` it measures the viewfinder before Chromium's fake camera instead, and
writes configs/results/live_camera.json.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import click
import numpy as np
from playwright.sync_api import sync_playwright

from mpox_keras.data.decode import decode_photo, resize_photo
from mpox_keras.data.synthetic import draw_scene
from mpox_keras.export.bundle import export_bundle
from mpox_keras.inference.classifier import DEFAULT_PRESET, load_classifier
from mpox_keras.utils.files import write_json
from mpox_keras.web.server import make_server
from mpox_keras.web.site import build_site

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "configs" / "results"
ENGINES = {
    "litert": "LiteRT.js, WASM SIMD, one thread",
    "wasm": "TF.js, WASM SIMD, one thread",
    "wasm-threads": "TF.js, WASM SIMD, threads",
    "webgl": "TF.js, WebGL",
    "webgpu": "TF.js, WebGPU",
}
_ROUNDS, _WARM_UP, _RUNS, _VISITS = 20, 40, 10, 5

START = """async (engine) => {
    const { loadBundle } = await import("./bundle.js");
    const { callsTo } = await import("./worker-call.js");
    const { artifacts, metadata, readTflite } = await loadBundle();
    const call = callsTo(new Worker("model-worker.js"));
    const network = engine === "litert" ? await readTflite() : artifacts;
    await call("start", { engine, network, size: metadata.image_size });
    (window.calls ??= {})[engine] = call;
}"""

PREDICT = """async ([engine, pixels, times]) => {
    const milliseconds = [];
    for (let time = 0; time < times; time++) {
        milliseconds.push((await window.calls[engine]("predict", { pixels: Uint8Array.from(pixels) })).milliseconds);
    }
    return milliseconds;
}"""

ANSWER = """async ([engine, pixels]) => {
    const { milliseconds, ...outputs } = await window.calls[engine]("predict", { pixels: Uint8Array.from(pixels) });
    return Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, [...values]]));
}"""

# Tasks over 50 ms block the page; what came before does not count.
OBSERVE = """() => {
    window.tasks = [];
    new PerformanceObserver((list) => window.tasks.push(...list.getEntries().map(({ duration }) => duration)))
        .observe({ type: "longtask" });
}"""


# Each frame that the viewfinder asks for is counted.
COUNT = """() => {
    window.frames_seen = 0;
    const ask = HTMLVideoElement.prototype.requestVideoFrameCallback;
    HTMLVideoElement.prototype.requestVideoFrameCallback = function (answer) {
        window.frames_seen++;
        return ask.call(this, answer);
    };
}"""
_FRAMES_BEFORE, _FRAMES = 200, 2000
_FAKE_CAMERA = ["--use-fake-device-for-media-stream=fps=30", "--use-fake-ui-for-media-stream"]


@click.command()
@click.option("--camera", is_flag=True, help="Measure the viewfinder.")
def main(camera):
    """Write configs/results/web.json or live_camera.json."""
    if camera:
        measure_camera()
    else:
        measure_page()


def measure_camera():
    """Frames per second, long tasks and memory of the viewfinder."""
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        build_site(DEFAULT_PRESET, Path(scratch) / "site")
        server, _ = counting_server(Path(scratch) / "site")
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", *_FAKE_CAMERA])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/")
        page.wait_for_selector("#engine[data-measured]", state="attached", timeout=120_000)
        page.evaluate(COUNT)
        page.click("#camera")
        wait_for_frames(page, _FRAMES_BEFORE)
        page.evaluate(OBSERVE)
        before, busy, started = megabytes(browser, page), processor_seconds(browser), time.perf_counter()
        wait_for_frames(page, _FRAMES_BEFORE + _FRAMES)
        seconds, busy = time.perf_counter() - started, processor_seconds(browser) - busy
        results = {
            "machine": {"processor": platform.processor() or platform.machine(), "chromium": browser.version},
            "cores": len(os.sched_getaffinity(0)),
            # Of other programs, too, which take their share of the processors.
            "load": os.getloadavg()[0],
            "frames": _FRAMES,
            "frames_per_second": _FRAMES / seconds,
            "processor_ms_per_frame": busy / _FRAMES * 1000,
            "longest_task_ms": max(page.evaluate("window.tasks"), default=None),
            "megabytes": [before, megabytes(browser, page)],
        }
        browser.close()
        server.shutdown()
    write_json(RESULTS / "live_camera.json", results)
    click.echo(json.dumps(results, indent=2))


def wait_for_frames(page, frames):
    """Until the viewfinder has asked for so many."""
    page.wait_for_function("(frames) => window.frames_seen >= frames", arg=frames, timeout=600_000)


def processor_seconds(browser):
    """What all of Chromium's processes have used, the fake camera's too."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    return sum(process["cpuTime"] for process in processes)


def megabytes(browser, page):
    """What the page and its workers hold in memory, after what is not needed was collected."""
    page.context.new_cdp_session(page).send("HeapProfiler.collectGarbage")
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
    numbers = [process["id"] for process in processes if process["type"] == "renderer"]
    sizes = [Path(f"/proc/{number}/status").read_text(encoding="utf-8") for number in numbers]
    return sum(int(re.search(r"VmRSS:\s+(\d+)", size).group(1)) for size in sizes) / 1e3


def measure_page():
    """The page with photos from files."""
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        scratch = Path(scratch)
        export_bundle(DEFAULT_PRESET, scratch / "tflite", "tflite", "float32")
        build_site(DEFAULT_PRESET, scratch / "site")
        draw_scene("mpox", np.random.default_rng(5)).resize((4000, 3000)).save(scratch / "photo.jpg", quality=90)
        server, sent = counting_server(scratch / "site")
        address = f"http://127.0.0.1:{server.server_port}/"
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        visits = [visit(browser, address, scratch / "photo.jpg", sent) for _ in range(_VISITS)]
        golden = golden_photos(scratch)
        times, refused, differences = predictions(browser, address, load_classifier(scratch / "tflite"), golden)
        results = {
            "machine": {"processor": platform.processor() or platform.machine(), "chromium": browser.version},
            "cores": len(os.sched_getaffinity(0)),
            # Of other programs, too, which take their share of the processors.
            "load": os.getloadavg()[0],
            "first_visit_bytes": visits[0]["bytes"],
            "bytes_after_the_first_answer": visits[0]["bytes_later"],
            "photo_megapixels": 12,
            "photo_to_answer_ms": statistics.median(entry["milliseconds"] for entry in visits),
            "page_blocked_ms": max(entry["blocked"] for entry in visits),
            "prediction_ms": {name: float(np.median(rounds)) for name, rounds in times.items()},
            # What other programs take is least in the quietest round.
            "quietest_round_ms": {name: min(map(statistics.median, rounds)) for name, rounds in times.items()},
            "golden_photos": len(golden),
            "largest_difference": differences,
            "not_available": refused,
        }
        browser.close()
        server.shutdown()
    write_json(RESULTS / "web.json", results)
    click.echo(json.dumps(results, indent=2))


def counting_server(site):
    """A running server, and the list of what it sent, in bytes, headers too."""
    server, sent = make_server(site), []
    setup = server.RequestHandlerClass.setup

    def counting(handler):
        setup(handler)
        write = handler.wfile.write
        handler.wfile.write = lambda content: sent.append(len(content)) or write(content)

    server.RequestHandlerClass.setup = counting
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server, sent


def visit(browser, address, photo, sent):
    """A first visit, in a profile of its own, from an empty page to an answer."""
    sent.clear()
    context = browser.new_context()
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector("#offline:not(:empty)", timeout=60_000)
    page.wait_for_selector("#engine[data-measured]", state="attached", timeout=120_000)
    first = sum(sent)
    page.evaluate(OBSERVE)
    started = time.perf_counter()
    page.set_input_files("#file", photo)
    page.wait_for_selector("#area:not([hidden])")
    # Twice where the picture, which is drawn and enlarged, is found blurred.
    while not page.locator("#result").is_visible():
        page.click("#check")
        page.wait_for_selector("#check:not([disabled])")
    milliseconds = (time.perf_counter() - started) * 1000
    page.wait_for_selector("#engine[data-measured*=litert]", state="attached", timeout=120_000)
    tasks = page.evaluate("window.tasks")
    context.close()
    return {"bytes": first, "bytes_later": sum(sent) - first, "milliseconds": milliseconds, "blocked": sum(tasks)}


def golden_photos(scratch):
    """Those of the tests, decoded."""
    sys.path.insert(0, str(ROOT / "tests" / "web"))
    from golden_photos import GOLDEN

    for name, make in GOLDEN.items():
        (scratch / name).write_bytes(make())
    return [decode_photo(scratch / name) for name in GOLDEN]


def predictions(browser, address, tflite, golden):
    """Milliseconds of each prediction by runtime, in rounds; what this Chromium does not have; and by engine and output how far
    the answers for golden photos are from TFLite's, as a share of the largest number, or of 1 where that is more.
    """
    pixels = np.array(draw_scene("mpox", np.random.default_rng(5)).resize((tflite.image_size, tflite.image_size)))
    page = browser.new_page()
    # Not the page itself, which would try its engines meanwhile.
    page.goto(f"{address}version.js")
    times, differences, refused = {"TFLite, one thread": []}, {}, {}
    engines = {}
    for engine, name in ENGINES.items():
        try:
            page.evaluate(START, engine)
            page.evaluate(PREDICT, [engine, pixels.ravel().tolist(), _WARM_UP])
            engines[engine], times[name] = name, []
        except Exception as error:
            refused[name] = str(error).splitlines()[0]
            continue
        differences[name] = {}
        for photo in golden:
            cut = resize_photo(photo, tflite.image_size)
            found = page.evaluate(ANSWER, [engine, cut.ravel().tolist()])
            for output, values in tflite.predict_pixels(cut[None]).items():
                difference = np.abs(np.array(found[output]) - values.ravel()).max() / max(1, np.abs(values).max())
                differences[name][output] = max(float(difference), differences[name].get(output, 0))
    batch = pixels[None].astype("float32")
    for _ in range(_ROUNDS):
        for engine, name in engines.items():
            times[name].append(page.evaluate(PREDICT, [engine, pixels.ravel().tolist(), _RUNS]))
        times["TFLite, one thread"].append([])
        for _ in range(_RUNS):
            started = time.perf_counter()
            tflite.predict_pixels(batch)
            times["TFLite, one thread"][-1].append((time.perf_counter() - started) * 1000)
    page.close()
    return times, refused, differences


if __name__ == "__main__":
    main()
