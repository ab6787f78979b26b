"""The engines that run the network: which one is kept, that all of them answer alike, and when LiteRT is loaded."""

import numpy as np
import pytest
from golden_photos import GOLDEN
from web_app import as_base64, serving

from mpox_keras.data.decode import decode_photo, resize_photo
from mpox_keras.inference.classifier import load_classifier
from mpox_keras.inference.runtimes import LiteRT

LITERT = ["/bundle/model.tflite", "/vendor/litert_wasm_compat_internal.js", "/vendor/litert_wasm_compat_internal.wasm"]

# Outputs of an engine for photos, one after another.
RUN = """async ([samples, engine]) => {
    const { loadBundle } = await import("./bundle.js");
    const { callsTo } = await import("./worker-call.js");
    const { artifacts, metadata, readTflite } = await loadBundle();
    const network = engine === "litert" ? await readTflite() : artifacts;
    const worker = new Worker("model-worker.js");
    const call = callsTo(worker);
    const size = metadata.image_size;
    await call("start", { engine, network, size });
    const photos = Uint8Array.from(atob(samples), (letter) => letter.charCodeAt(0));
    const answers = [];
    for (let start = 0; start < photos.length; start += size * size * 3) {
        const outputs = await call("predict", { pixels: photos.slice(start, start + size * size * 3) });
        delete outputs.milliseconds;
        answers.push(Object.fromEntries(Object.entries(outputs).map(([name, values]) => [name, [...values]])));
    }
    worker.terminate();
    return answers;
}"""

# Workers that answer at once and say how long it took; the engines that are not named can't be had.
PRETEND = """async ([engines, renderer]) => {
    Object.defineProperty(navigator, "gpu", { value: {}, configurable: true });
    const gl = { RENDERER: 1, getExtension: () => null, getParameter: () => renderer };
    HTMLCanvasElement.prototype.getContext = () => (renderer ? gl : null);
    window.Worker = class {
        postMessage({ id, name, argument }) {
            this.engine ??= argument.engine;
            const { milliseconds, outputs } = engines[this.engine] ?? {};
            const failure = { key: "worker_failed", values: { reason: "not to be had" } };
            const value = name === "predict" ? { by: this.engine } : { milliseconds, outputs };
            setTimeout(() => this.onmessage({ data: outputs ? { id, value } : { id, failure } }));
        }
        terminate() {}
    };
    const { Classifier } = await import("./classifier.js");
    const bundle = { metadata: { image_size: 8 }, artifacts: {}, readTflite: async () => new ArrayBuffer(8) };
    const classifier = await Classifier.start(bundle);
    await classifier.improve();
    await classifier.improveFurther();
    return [classifier.engine.name, (await classifier.predict(new Uint8Array(192))).by, classifier.measured];
}"""
OUTPUTS = {"probabilities": [0.9, 0.1], "class_activation_map": [8.0, -3.0, 1.0, 0.5], "ood_score": [0.2]}


@pytest.fixture(scope="module")
def server_with_litert(site_with_litert):
    with serving(site_with_litert) as running:
        yield running


@pytest.fixture
def pretend(chromium, server):
    """What is kept of engines that take so many milliseconds, with outputs that differ from the others' where it says so."""
    page = chromium.new_page()
    # Not the page itself, which would try its own.
    page.goto(f"{server.address}version.js")

    def run(renderer="Adreno (TM) 610", **engines):
        made = {name: {"milliseconds": time, "outputs": OUTPUTS | changed} for name, (time, changed) in engines.items()}
        return page.evaluate(PRETEND, [{name.replace("_", "-"): engine for name, engine in made.items()}, renderer])

    yield run
    page.close()


@pytest.fixture(scope="module")
def golden(tmp_path_factory, classifier):
    """Golden photos as the network takes them."""
    folder, photos = tmp_path_factory.mktemp("golden"), []
    for name, make in GOLDEN.items():
        (folder / name).write_bytes(make())
        photos.append(resize_photo(decode_photo(folder / name), classifier.image_size))
    return np.stack(photos)


def run_engine(page, engine, photos):
    answers = page.evaluate(RUN, [as_base64(photos), engine])
    return {name: np.array([answer[name] for answer in answers]) for name in answers[0]}


def assert_close(found, wanted, tolerance):
    assert set(found) == set(wanted)
    for name, values in wanted.items():
        most = tolerance * max(1, np.abs(values).max())
        np.testing.assert_allclose(found[name], values.reshape(found[name].shape), atol=most, rtol=0, err_msg=name)


@pytest.mark.parametrize("engine", ["wasm", "wasm-threads", "litert"])
def test_engines_agree_on_the_golden_photos(chromium, server_with_litert, site_with_litert, golden, engine):
    page = chromium.new_page()
    page.goto(f"{server_with_litert.address}version.js")
    found = run_engine(page, engine, golden)
    page.close()
    wanted = LiteRT(site_with_litert / "bundle" / "model.tflite")(golden)
    # TF.js has weights of 16 bits; LiteRT has the same file as Python.
    assert_close(found, wanted, 2e-5 if engine == "litert" else 1e-3)


def test_webgl_gives_the_same_answer(chromium, server, bundle, golden):
    page = chromium.new_page()
    page.goto(f"{server.address}version.js")
    if not page.evaluate("Boolean(new OffscreenCanvas(1, 1).getContext('webgl2'))"):
        pytest.skip("this Chromium has no WebGL")
    # The same 16-bit weights: only the runtimes differ.
    assert_close(run_engine(page, "webgl", golden[:1]), load_classifier(bundle).predict_pixels(golden[:1]), 1e-4)


def test_litert_is_loaded_after_the_first_answer_and_kept(start, site_with_litert, drawn):
    with serving(site_with_litert) as server:
        app = start(server.address).kept_offline()
        app.tried()
        app.page.wait_for_timeout(500)
        assert not {path for _, path in server.answered}.intersection(LITERT)
        first = app.open(drawn).check().data()
        assert first["engine"]["name"] != "litert"
        measured = app.tried_all()
        assert sorted(path for _, path in server.answered if path in LITERT) == LITERT
    assert measured["litert"] > 0
    assert app.noise == []
    # The server is gone; the network too.
    app.context.set_offline(True)
    app.page = app.new_page()
    app.ready().open(drawn).check()
    assert app.tried_all()["litert"] > 0
    again = app.check().data()
    for name, value in first["probabilities"].items():
        assert again["probabilities"][name] == pytest.approx(value, abs=1e-3)


def test_another_file_than_that_of_the_version_is_not_used(start, site_with_litert, drawn):
    with serving(site_with_litert, changed={"bundle/model.tflite": b"of another version"}) as server:
        app = start(server.address).kept_offline()
        app.open(drawn).check()
        assert "model.tflite" in app.tried_all()["litert"]
        assert app.check().data()["engine"]["name"] != "litert"
        assert app.page.locator("#message").is_hidden()


def test_the_fastest_engine_is_kept(pretend):
    name, answering, measured = pretend(wasm=(9, {}), webgl=(90, {}), litert=(3, {}))
    assert name == answering == "litert"
    assert measured == {"wasm": 9, "wasm-threads": "not to be had", "webgpu": "not to be had", "webgl": 90, "litert": 3}
    assert pretend(wasm=(9, {}), webgpu=(2, {}), litert=(3, {}))[0] == "webgpu"
    assert pretend(wasm=(4, {}), wasm_threads=(3, {}), litert=(5, {}))[0] == "wasm-threads"
    # By too little to be sure of it.
    assert pretend(wasm=(4, {}), litert=(3.9, {}))[0] == "wasm"


@pytest.mark.parametrize(
    "changed",
    [
        {"probabilities": [0.898, 0.102]},
        {"class_activation_map": [8.0, -3.0, 1.0, 0.51]},
        {"ood_score": [0.202]},
        {"ood_score": [None]},
        {"class_activation_map": [8.0]},
    ],
)
def test_an_engine_with_another_answer_is_not_taken(pretend, changed):
    name, _, measured = pretend(wasm=(9, {}), webgpu=(1, changed), litert=(2, changed))
    assert name == "wasm"
    assert measured["webgpu"] == measured["litert"] == "another answer"


@pytest.mark.parametrize("renderer", ["ANGLE (Google, SwiftShader driver)", "llvmpipe, or similar", None])
def test_webgl_is_not_tried_without_a_graphics_processor(pretend, renderer):
    name, _, measured = pretend(renderer, wasm=(9, {}), webgl=(1, {}))
    assert (name, measured["webgl"]) == ("wasm", "no graphics processor")


def test_small_differences_do_not_matter(pretend):
    close = {"probabilities": [0.9004, 0.0996], "class_activation_map": [8.005, -3.0, 1.0, 0.5], "ood_score": [0.2005]}
    assert pretend(wasm=(9, {}), litert=(2, close))[0] == "litert"


def test_without_a_tflite_file_litert_is_not_offered(app, site, drawn):
    app.open(drawn).check()
    app.page.wait_for_timeout(500)
    assert "litert" not in app.tried()
    assert not list(site.rglob("*litert_wasm*"))
