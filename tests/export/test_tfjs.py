"""TF.js graph models: what the files say, and what Node and a browser compute from them."""

import functools
import http.server
import json
import shutil
import subprocess
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tiny_network import small

from mpox_keras.config import PAIR
from mpox_keras.export import tfjs
from mpox_keras.export.bundle import export_bundle
from mpox_keras.export.formats import PRECISIONS
from mpox_keras.inference.runtimes import GraphModel
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.deploy import deploy
from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.models.image_classifier import ImageClassifier

JAVASCRIPT = Path(__file__).parent.parent / "javascript"
CONVERTER = shutil.which("tensorflowjs_converter")

needs_packages = pytest.mark.skipif(
    not shutil.which("node") or not (JAVASCRIPT / "node_modules").is_dir(),
    reason="needs Node and: npm ci --prefix tests/javascript",
)


@pytest.fixture(scope="module")
def written(preset, tmp_path_factory):
    """The preset in a precision; the graph, which is the same for all of them, is made once."""
    with pytest.MonkeyPatch.context() as patch:
        graph = tfjs._frozen_graph(deploy(preset.trained, True, preset.metadata["temperature"]))
        patch.setattr(tfjs, "_frozen_graph", lambda model: graph)

        @functools.cache
        def write(precision):
            folder = tmp_path_factory.mktemp(precision)
            tfjs.write_tfjs(folder, preset.trained, preset.metadata["temperature"], precision)
            return folder

        for precision in PRECISIONS["tfjs"]:
            write(precision)
    return write


def assert_close(found, expected, tolerance):
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert found[name].shape == values.shape
        np.testing.assert_allclose(found[name], values, atol=tolerance * np.abs(values).max(), err_msg=name)


@pytest.mark.parametrize(
    ("precision", "tolerance", "megabytes"),
    [("float32", 1e-5, 1.3), ("float16", 1e-2, 0.75), ("uint16", 2e-3, 0.75), ("uint8", 0.6, 0.55)],
)
def test_files_say_what_the_trained_network_computes(written, expected, pixels, precision, tolerance, megabytes):
    folder = written(precision)
    assert_close(GraphModel(folder)(pixels), expected, tolerance)
    assert sum(path.stat().st_size for path in folder.iterdir()) < megabytes * 1e6


def test_no_batch_norm_is_left_and_operators_are_fused(written):
    topology = json.loads((written("float32") / "model.json").read_text())
    kinds = [node["op"] for node in topology["modelTopology"]["node"]]
    apart = {"FusedBatchNormV3", "BiasAdd", "Relu", "Relu6", "DepthwiseConv2dNative", "Pad"}
    assert not {*apart, "Tile"}.intersection(kinds)
    # Each of the three maps is cut into cells once, and all products are classified.
    assert [kinds.count(kind) for kind in ("Transpose", "BatchMatMulV2", "GatherV2")] == [3, 3, 0]
    # Without a bias: the backbone's last one, and those of every part of the class activation map but one.
    assert [kinds.count(kind) for kind in ("_FusedConv2D", "FusedDepthwiseConv2dNative", "Conv2D")] == [46, 17, 11]


@pytest.mark.parametrize("activation", [None, "relu"])
def test_sums_behind_convolutions_stay_apart(activation):
    """TensorFlow fuses them on some processors, and TF.js knows no such operator."""
    keras.utils.set_random_seed(0)

    def convolution(maps):
        maps = keras.layers.Conv2D(4, 3, padding="same", use_bias=False)(maps)
        return keras.layers.BatchNormalization(beta_initializer="random_normal")(maps)

    image = keras.Input((8, 8, 3), name="image")
    first = keras.layers.ReLU()(convolution(image))
    added = keras.layers.Activation(activation)(
        keras.layers.Add()([first, convolution(keras.layers.ReLU()(convolution(first)))])
    )
    model = keras.Model(image, {"maps": convolution(added)})
    graph, _ = tfjs._frozen_graph(model)
    steps = [b" ".join(node.attr["fused_ops"].list.s) for node in graph.node if node.op == "_FusedConv2D"]
    assert sorted(steps) == [b"BiasAdd", b"BiasAdd", b"BiasAdd Relu", b"BiasAdd Relu"]
    photos = np.random.default_rng(0).uniform(0, 1, (2, 8, 8, 3)).astype("float32")
    found = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), []).prune("image:0", "maps:0")
    np.testing.assert_allclose(found(tf.constant(photos)), model(photos)["maps"], atol=1e-5)


@pytest.mark.parametrize(("zeros", "size", "is_kept"), [(((0, 1), (0, 1)), 8, False), (1, 8, True), (1, 7, False)])
def test_zeros_that_a_convolution_adds_itself_are_not_added_before(zeros, size, is_kept):
    keras.utils.set_random_seed(0)
    image = keras.Input((size, size, 3), name="image")
    padded = keras.layers.ZeroPadding2D(zeros)(image)
    model = keras.Model(image, {"maps": keras.layers.DepthwiseConv2D(3, strides=2, bias_initializer="random_normal")(padded)})
    graph, _ = tfjs._frozen_graph(model)
    assert ("Pad" in {node.op for node in graph.node}) == is_kept
    photos = np.random.default_rng(0).uniform(0, 1, (2, size, size, 3)).astype("float32")
    found = tf.compat.v1.wrap_function(lambda: tf.import_graph_def(graph, name=""), []).prune("image:0", "maps:0")
    np.testing.assert_allclose(found(tf.constant(photos)), model(photos)["maps"], atol=1e-5)


def test_weights_are_divided_into_shards(tmp_path, monkeypatch):
    model = small(32)
    _, whole = tfjs.write_tfjs(tmp_path / "whole", model)
    monkeypatch.setattr(tfjs, "_SHARD_BYTES", (tmp_path / "whole" / whole).stat().st_size // 3 + 1)
    names = tfjs.write_tfjs(tmp_path, model)
    assert names == ["model.json", *(f"group1-shard{number}of3.bin" for number in (1, 2, 3))]
    photos = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype="uint8")
    assert_close(GraphModel(tmp_path)(photos), deploy(model, class_activation_map=True).predict(photos, verbose=0), 1e-5)


@pytest.mark.parametrize(
    "build",
    [
        lambda: ImageClassifier(Backbone("MobileNetV3Small", 0.5, (64, 64, 3))),
        pytest.param(lambda: ImageClassifier(Backbone(PAIR, input_shape=(64, 64, 3))), marks=pytest.mark.slow),
        lambda: FastMpoxNet(input_shape=(64, 64, 3)),
        lambda: FastMpoxNet(input_shape=(64, 64, 3), pyramid=False),
    ],
    ids=["MobileNetV3Small", PAIR, "FastMpoxNet", "FastMpoxNet without pyramid"],
)
def test_other_networks_are_written_too(tmp_path, build):
    keras.utils.set_random_seed(0)
    model = build()
    photos = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype="uint8")
    tfjs.write_tfjs(tmp_path, model)
    logits = model.predict(photos, verbose=0)["diagnosis"]
    found = GraphModel(tmp_path)(photos)
    np.testing.assert_allclose(found["probabilities"], keras.ops.softmax(logits), atol=1e-5)
    assert found["class_activation_map"].shape == (2, 2, 2, 4)
    np.testing.assert_allclose(found["class_activation_map"].mean(axis=(1, 2)), logits, atol=1e-4, rtol=1e-4)


@pytest.mark.skipif(not CONVERTER, reason="needs the official tensorflowjs_converter, which wants an environment of its own")
def test_the_official_converter_makes_the_same_operators_of_it(written, tmp_path):
    export_bundle("fast_mpoxnet", tmp_path / "bundle", "saved_model")
    subprocess.run(
        [CONVERTER, "--input_format=tf_saved_model", tmp_path / "bundle" / "saved_model", tmp_path / "official"],
        check=True,
        capture_output=True,
    )
    kinds = []
    for folder in (written("float32"), tmp_path / "official"):
        topology = json.loads((folder / "model.json").read_text())["modelTopology"]
        kinds.append(sorted(node["op"] for node in topology["node"] if node["op"] != "Const"))
    assert kinds[0] == kinds[1]


@needs_packages
@pytest.mark.parametrize(
    ("precision", "backend", "tolerance"),
    [
        ("float32", "wasm", 1e-4),
        ("float16", "wasm", 1e-2),
        ("uint16", "wasm", 2e-3),
        ("uint8", "wasm", 0.6),
        ("float32", "cpu", 1e-4),
    ],
)
def test_node_computes_the_same(written, expected, pixels, tmp_path, precision, backend, tolerance):
    photos = slice(2) if backend == "cpu" else slice(None)
    pixels[photos].tofile(tmp_path / "pixels")
    command = [
        "node",
        JAVASCRIPT / "run_graph_model.mjs",
        written(precision),
        tmp_path / "pixels",
        str(pixels.shape[1]),
        backend,
    ]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert answer.returncode == 0, answer.stderr
    # TF.js greets on standard output in some versions; the answer is the last line.
    outputs = json.loads(answer.stdout.splitlines()[-1])
    found = {name: np.reshape(output["values"], output["shape"]) for name, output in outputs.items()}
    assert_close(found, {name: values[photos] for name, values in expected.items()}, tolerance)


@needs_packages
def test_the_example_page_answers_in_a_browser(preset, tmp_path, pixels, expected, chromium):
    folder = tmp_path / "bundle"
    export_bundle("fast_mpoxnet", folder, "tfjs", "float16")
    (folder / "node_modules").symlink_to(JAVASCRIPT / "node_modules")
    Image.fromarray(pixels[0]).save(folder / "photo.png")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    page = chromium.new_page()
    page.goto(f"http://127.0.0.1:{server.server_port}/example.html?photo=photo.png")
    page.wait_for_function("document.querySelector('pre').textContent", timeout=120_000)
    shown = page.locator("pre").inner_text().splitlines()
    page.close()
    server.shutdown()
    probabilities = dict(line.split() for line in shown[1:])
    found = [float(probabilities[name]) for name in preset.classes]
    np.testing.assert_allclose(found, expected["probabilities"][0], atol=0.01)
