"""The page as a person uses it, from the photo to what is saved, and what can go wrong on the way."""

import dataclasses
import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
from golden_photos import encoded, skin
from PIL import Image
from web_app import as_base64, resealed, serving

from mpox_keras.inference.prediction import Prediction

LANGUAGES = Path(__file__).parents[2] / "mpox_keras" / "web" / "app" / "languages"


def test_the_whole_way_from_picking_to_saving(app, site, drawn):
    page = app.page
    with page.expect_file_chooser() as chooser:
        page.click("#choose")
    chooser.value.set_files(drawn)
    page.wait_for_selector("#area:not([hidden])")
    app.check()
    assert page.evaluate("document.activeElement.id") == "answer"
    assert "Not a diagnosis" in page.locator("#result").inner_text()
    bars = page.locator("#bars").inner_text().split("\n")
    assert {"mpox", "chickenpox", "measles", "another skin condition", "none of these"} <= set(bars)
    assert page.locator("#next").inner_text()

    def heat_map():
        return page.evaluate("document.getElementById('heat-map').toDataURL()")

    half = heat_map()
    page.locator("#opacity").fill("0")
    none = heat_map()
    page.locator("#opacity").fill("100")
    full = heat_map()
    page.select_option("#heat-map-class", "normal")
    assert len({half, none, full, heat_map()}) == 4
    assert re.search("skin without|none of these", page.locator("#heat-map-text").inner_text())

    data = app.data()
    assert data["notice"] == "Screening aid for research, not a diagnosis."
    assert data["model"]["name"] == "fast_mpoxnet"
    assert data["model"]["sha256"] == hashlib.sha256((site / "bundle" / "SHA256SUMS").read_bytes()).hexdigest()
    fields = {field.name for field in dataclasses.fields(Prediction)} - {"file", "error"}
    assert fields | {"answer"} <= set(data)
    with page.expect_download() as download:
        page.click("#save-image")
    assert re.fullmatch(r"mpox-screening-[\d-]+T[\d-]+\.png", download.value.suggested_filename)
    with Image.open(download.value.path()) as image:
        assert image.width == 1080
        assert image.height > 1200
        assert len(image.convert("RGB").getcolors(2**24)) > 1000
    page.evaluate("() => { window.printed = 0; window.print = () => window.printed++; }")
    page.click("#print")
    assert page.evaluate("window.printed") == 1
    page.emulate_media(media="print")
    assert page.locator("#answer").is_visible()
    assert not page.locator("#photo").is_visible()
    page.emulate_media(media="null")

    page.click("#another")
    assert not page.locator("#result").is_visible()
    page.wait_for_selector("#choose")
    assert app.noise == []


def test_photos_are_dropped_and_pasted(app, drawn):
    for event, carrier in (("drop", "dataTransfer"), ("paste", "clipboardData")):
        app.page.evaluate(
            """([bytes, event, carrier]) => {
                const data = new DataTransfer();
                const content = Uint8Array.from(atob(bytes), (letter) => letter.charCodeAt(0));
                data.items.add(new File([content], "photo.png", { type: "image/png" }));
                const Kind = event === "drop" ? DragEvent : ClipboardEvent;
                document.body.dispatchEvent(new Kind(event, { [carrier]: data, bubbles: true, cancelable: true }));
            }""",
            [as_base64(np.fromfile(drawn, "uint8")), event, carrier],
        )
        app.page.wait_for_selector("#area:not([hidden])")
        assert app.check().data()["photo"] == {"name": "photo.png", "width": 448, "height": 448}
        app.page.click("#another")


def test_an_answer_never_stands_beside_another_photo(app, drawn):
    app.open(drawn).check()
    app.page.click("#another")
    app.page.select_option("#language", "sw")
    app.page.wait_for_selector("html[lang=sw]")
    assert app.page.locator("#result").is_hidden()

    # Another photo comes while the first one is checked.
    app.open(drawn).ready().page.evaluate(
        """(encoded) => {
            document.querySelector("#check").click();
            const samples = Uint8Array.from(atob(encoded), (letter) => letter.charCodeAt(0));
            const files = new DataTransfer();
            files.items.add(new File([samples], "other.png", { type: "image/png" }));
            document.querySelector("#status").textContent = "";
            dispatchEvent(new DragEvent("drop", { dataTransfer: files, cancelable: true }));
        }""",
        as_base64(np.frombuffer(encoded(skin("mpox")), "uint8")),
    )
    app.page.wait_for_selector("#status:not(:empty)", state="attached")
    assert app.ready().page.locator("#result").is_hidden()
    assert app.check().data()["photo"]["name"] == "other.png"


def test_an_answer_is_marked_as_old_when_the_frame_moves(app, drawn):
    page = app.open(drawn).ready().page
    page.click("#smaller")
    assert page.locator("#old").is_hidden()
    app.check()
    assert page.locator("#old").is_hidden()
    page.locator("#frame").press("ArrowLeft")
    assert page.locator("#old").is_visible()
    assert "the area before" in page.locator("#status").inner_text()
    page.locator("#frame").press("ArrowRight")
    assert page.locator("#old").is_hidden()
    page.click("#whole")
    page.click("#larger")
    assert page.locator("#old").is_visible()
    app.check()
    assert page.locator("#old").is_hidden()
    # The frame moves while the area is checked.
    page.evaluate("() => { for (const id of ['check', 'smaller']) document.getElementById(id).click(); }")
    page.wait_for_selector("#old:not([hidden])")


def test_nothing_is_said_of_time_before_an_answer(app, drawn):
    app.tried()
    engine = app.open(drawn).page.locator("#engine")
    assert engine.inner_text() == ""
    app.check()
    assert re.fullmatch(r"Computed by [\w-]+ in [\d.,]+ ms\.", engine.inner_text())
    app.page.click("#another")
    assert engine.inner_text() == ""


def test_the_handles_of_the_smallest_frame_are_whole(app, tmp_path):
    skin(size=(4000, 3000)).save(tmp_path / "photo.png")
    page = app.open(tmp_path / "photo.png").page
    for _ in range(20):
        page.click("#smaller")
    for key in ["ArrowRight"] * 25 + ["ArrowDown"] * 25:
        page.locator("#frame").press(key)
    stage = page.locator(".stage").bounding_box()
    handles = [handle.bounding_box() for handle in page.locator("#frame i").all()]
    for handle in handles:
        assert handle["width"] >= 15
        assert stage["x"] - 1 <= handle["x"] <= stage["x"] + stage["width"] - handle["width"] + 1
        assert stage["y"] - 1 <= handle["y"] <= stage["y"] + stage["height"] - handle["height"] + 1
    # And there is a place between them.
    assert handles[1]["x"] - handles[0]["x"] > handles[0]["width"] + 8
    assert page.evaluate("getComputedStyle(document.querySelector('.stage')).borderRadius") == "0px"


def test_two_fingers_size_the_area(start, server, tmp_path):
    app = start(server.address, has_touch=True)
    skin(size=(800, 800)).save(tmp_path / "photo.png")
    frame = app.open(tmp_path / "photo.png").page.locator("#frame")
    before = frame.bounding_box()
    middle = [before["x"] + before["width"] / 2, before["y"] + before["height"] / 2]
    touch = app.context.new_cdp_session(app.page)

    def fingers(kind, apart):
        points = [{"x": middle[0] + sign * apart, "y": middle[1], "id": sign + 1} for sign in (-1, 1)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points if kind != "touchEnd" else []})

    fingers("touchStart", 120)
    for apart in (110, 100, 80, 60):
        fingers("touchMove", apart)
    fingers("touchEnd", 0)
    after = frame.bounding_box()
    assert after["width"] == pytest.approx(before["width"] / 2, rel=0.1)


def test_the_answer_not_sure_is_shown(app, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 700, 3), "uint8")).save(tmp_path / "noise.png")
    assert app.open(tmp_path / "noise.png").check().data()["answer"] == "not sure"
    assert app.page.locator("#answer").inner_text() == "Not sure"
    assert "unlike the training photos" in app.page.locator("#reason").inner_text()


def test_what_was_computed_of_an_out_of_distribution_picture_is_not_put_forward(app, drawn, tmp_path):
    """The drawn skin gets an answer or is uncertain; the noise is like nothing that was learned from."""
    page = app.page
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 700, 3), "uint8")).save(tmp_path / "noise.png")

    def bars_in_the_saved_image():
        with page.expect_download() as download:
            page.click("#save-image")
        with Image.open(download.value.path()) as image:
            return (np.asarray(image.convert("RGB")) == [0xDD, 0xE6, 0xE6]).all(-1).any()

    assert app.open(drawn).check().data()["abstention_reason"] != "out_of_distribution"
    assert page.locator("#bars").is_visible()
    assert bars_in_the_saved_image()
    page.click("#another")
    assert app.open(tmp_path / "noise.png").check().data()["abstention_reason"] == "out_of_distribution"
    assert not page.locator("#bars").is_visible()
    assert not page.locator("#heat-map").is_visible()
    assert not bars_in_the_saved_image()
    page.click("#findings summary")
    assert page.locator("#bars").is_visible()
    assert page.locator("#heat-map").is_visible()


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("too dark", lambda pixels: pixels * 0.15),
        ("too bright", lambda pixels: 255 - (255 - pixels) * 0.05),
        ("blurred", lambda pixels: np.full_like(pixels, pixels.mean(axis=(0, 1)))),
        ("too small", lambda pixels: pixels[:80, :80]),
        (None, lambda pixels: pixels),
        # Dark skin in good light, whose shine is bright: the mean of the luma is under 40.
        (None, lambda pixels: np.where(np.indices(pixels.shape[:2])[0][..., None] % 25 == 0, 150, pixels * 0.25)),
    ],
)
def test_photos_that_are_hard_to_read_are_told_of_first(app, drawn, tmp_path, name, change):
    pixels = change(np.array(Image.open(drawn)).astype(float)).astype("uint8")
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    app.open(tmp_path / "photo.png").ready().page.click("#check")
    app.ready()
    assert app.page.locator("#warnings").is_visible() == bool(name)
    assert app.page.locator("#result").is_visible() != bool(name)
    if name:
        wanted = "80 pixels" if name == "too small" else name
        assert wanted in app.page.locator("#warnings").inner_text()
        assert app.page.locator("#check").inner_text() == "Check it anyway"
        app.page.click("#check")
        app.page.wait_for_selector("#result:not([hidden])")
        app.page.click("#smaller")
        assert app.page.locator("#check").inner_text() == "Check this area"


def test_the_camera_takes_a_photo(start, server):
    app = start(server.address, permissions=["camera"]).ready()
    app.page.click("#camera")
    app.page.wait_for_selector("#camera-dialog[open]")
    app.page.evaluate("() => new Promise((seen) => document.querySelector('video').requestVideoFrameCallback(seen))")
    app.page.click("#camera-dialog button[value=take]")
    app.page.wait_for_selector("#area:not([hidden])")
    assert app.check().data()["photo"]["width"] >= 320
    app.page.click("#another")
    app.page.click("#camera")
    app.page.click("#camera-dialog button[value=cancel]")
    assert app.page.locator("#drop").is_visible()
    app.page.wait_for_function("() => document.querySelector('video').srcObject === null")


@pytest.mark.parametrize(
    ("error", "words"),
    [("NotAllowedError", "refused"), ("NotFoundError", "No camera"), ("NotReadableError", "another program")],
)
def test_a_camera_that_cannot_be_used_is_told_of(start, server, error, words):
    app = start(server.address)
    app.page.evaluate("(name) => navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', name))", error)
    app.page.click("#camera")
    assert words in app.message()


def test_a_refused_camera_is_told_of(app):
    # This profile has no permission, and nobody to give it.
    app.page.click("#camera")
    assert "refused" in app.message()


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.jpg", lambda: b"no photo at all\n" * 50, "can't be read as a photo"),
        ("cut.jpg", lambda: encoded(skin(), "JPEG")[:200], "can't be read as a photo"),
        ("empty.png", lambda: b"", "can't be read as a photo"),
        ("large.png", lambda: encoded(Image.new("L", (8160, 6144))), "51 million pixels; at most 50"),
        ("tiny.png", lambda: encoded(Image.new("RGB", (7, 300))), "300 pixels; at least 8"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_of(app, drawn, tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content())
    app.ready().page.set_input_files("#file", tmp_path / name)
    assert words in app.message()
    # And the page goes on.
    app.open(drawn)
    assert not app.page.locator("#message").is_visible()
    assert app.check().data()["label"]


def test_a_photo_of_fifty_megapixels_is_read(app, tmp_path):
    Image.new("L", (8000, 6250), 128).save(tmp_path / "large.png")
    data = app.open(tmp_path / "large.png").check().data()
    assert data["area"] == {"x": 875, "y": 0, "width": 6250, "height": 6250}


METADATA, MODEL, LIST = "bundle/metadata.json", "bundle/tfjs/model.json", "bundle/SHA256SUMS"
WEIGHTS = "bundle/tfjs/group1-shard1of1.bin"


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        (MODEL, lambda content: None, "tfjs/model.json is missing"),
        (MODEL, lambda content: b"{}", "damaged: tfjs/model.json"),
        (WEIGHTS, lambda content: bytes(len(content)), "damaged: tfjs/group1-shard1of1.bin"),
        (METADATA, lambda content: None, "metadata.json is missing"),
        (METADATA, lambda content: content.replace(b'"ood_score": 0.', b'"ood_score": 1.'), "damaged: metadata.json"),
        (LIST, lambda content: None, "SHA256SUMS is missing"),
        (LIST, lambda content: b"<html>", "damaged: SHA256SUMS"),
        (LIST, lambda content: b"\n".join(line for line in content.splitlines() if b"metadata" not in line), "SHA256SUMS"),
        (LIST, lambda content: b"\n".join(line for line in content.splitlines() if b".bin" not in line), "SHA256SUMS"),
    ],
)
def test_a_broken_bundle_is_told_of(start, site, file, change, words):
    content = (site / file).read_bytes()
    assert change(content) != content
    with serving(site, changed={file: change(content)}) as server:
        app = start(server.address)
        message = app.message()
        assert words in message
        assert "Whoever runs this page" in message
        assert app.page.locator("#check").is_disabled()


def without_ood_score(model):
    del model["signature"]["outputs"]["ood_score"]
    model["userDefinedMetadata"]["structuredOutputKeys"].remove("ood_score")
    return model


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"metadata": lambda metadata: metadata | {"format_version": 1}}, "bundle_version"),
        ({"metadata": lambda metadata: {key: metadata[key] for key in metadata if key != "format_version"}}, "bundle_version"),
        ({"metadata": lambda metadata: metadata | {"format_version": 3, "classes": None}}, "bundle_version"),
        ({"metadata": lambda metadata: metadata | {"thresholds": {"mpox": 0.1, "confidence": 0.5}}}, "bundle_damaged"),
        ({"metadata": lambda metadata: metadata | {"classes": ["a", "b", "c", "d", "e"]}}, "bundle_damaged"),
        ({"metadata": lambda metadata: metadata | {"operating_points": {"0.9": {"recall": 0.9}}}}, "bundle_damaged"),
        ({"model": without_ood_score}, "bundle_without_ood_score"),
    ],
)
def test_a_bundle_that_the_page_cannot_use_is_refused(start, site, changes, key):
    """Its files are whole, so SHA256SUMS has nothing against them."""
    french = json.loads((LANGUAGES / "fr.json").read_text(encoding="utf-8"))[key]
    with serving(site, changed=resealed(site, **changes)) as server:
        app = start(server.address, locale="fr")
        assert re.fullmatch(re.sub(r"\\\{\w+\\\}", r"[\\w./]+", re.escape(french)), app.message())
        assert app.page.locator("#check").is_disabled()


def test_a_network_without_thresholds_answers_for_every_photo(start, site, tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 700, 3), "uint8")).save(tmp_path / "noise.png")
    changed = resealed(site, model=without_ood_score, metadata=lambda metadata: metadata | {"thresholds": None})
    with serving(site, changed=changed) as server:
        data = start(server.address).open(tmp_path / "noise.png").check().data()
    assert data["answer"] == data["label"]
    assert data["ood_score"] is data["mpox_suspected"] is data["abstention_reason"] is None


def test_an_address_that_is_not_secure_is_told_of(start, site):
    with serving(site) as server:
        app = start(server.address.replace("127.0.0.1", "insecure.test"))
        assert "https" in app.message()


def test_engines_are_tried_and_one_that_works_is_kept(app, drawn):
    measured = app.tried()
    threads = app.page.evaluate("crossOriginIsolated && navigator.hardwareConcurrency > 1")
    assert app.page.evaluate("crossOriginIsolated")
    assert {"wasm", "webgl"} <= set(measured)
    assert ("wasm-threads" in measured) == threads
    times = {name: value for name, value in measured.items() if isinstance(value, (int, float))}
    assert not threads or "wasm-threads" in times
    # Which one, tests/web/test_engines.py tests: there, times are given, not measured.
    assert app.open(drawn).check().data()["engine"]["name"] in times


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads the memory of Chromium's processes from /proc")
def test_memory_is_steady_over_200_predictions(app, chromium, drawn):
    app.open(drawn).check()

    def predict(times):
        app.page.evaluate(
            """async (times) => {
                const button = document.getElementById("check");
                for (let time = 0; time < times; time++) {
                    button.click();
                    while (button.disabled) await new Promise((soon) => setTimeout(soon));
                }
            }""",
            times,
        )

    def megabytes():
        app.context.new_cdp_session(app.page).send("HeapProfiler.collectGarbage")
        processes = chromium.new_browser_cdp_session().send("SystemInfo.getProcessInfo")["processInfo"]
        pages = [process["id"] for process in processes if process["type"] == "renderer"]
        sizes = [Path(f"/proc/{number}/status").read_text() for number in pages]
        return sum(int(re.search(r"VmRSS:\s+(\d+)", size).group(1)) for size in sizes) / 1e3

    predict(50)
    before = megabytes()
    predict(200)
    # A photo as the network takes it is 0.6 MB: 200 that were kept would be 120.
    assert megabytes() < before + 40


@pytest.mark.parametrize("file", ["photo-worker.js", "model-worker.js"])
def test_a_worker_that_cannot_be_loaded_is_told_of(start, site, drawn, file):
    with serving(site, changed={file: None}) as server:
        app = start(server.address)
        if file == "photo-worker.js":
            app.ready().page.set_input_files("#file", drawn)
        assert "can't be run in this browser" in app.message()
