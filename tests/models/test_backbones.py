"""Backbones of every origin behind one interface: raw pixels, named endpoints, stages, weights."""

import sys

import keras
import numpy as np
import pytest

from mpox_keras import FastMpoxNet
from mpox_keras.config import NETWORKS, PAIR
from mpox_keras.models.backbones import Backbone, NetworkError, PretrainedWeightsError
from mpox_keras.models.image_classifier import ImageClassifier
from mpox_keras.utils.files import PRESETS_FOLDER

SMALL = (32, 32, 3)
PHOTOS = np.random.default_rng(0).uniform(0, 255, (2, *SMALL)).astype("float32")


def test_a_config_may_name_every_network_of_keras():
    of_keras = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(NETWORKS) == {"FastMpoxNet", "EfficientNetLite0", PAIR, *of_keras}


@pytest.mark.parametrize(
    ("network", "options", "layers"),
    [
        (
            "MobileNetV2",
            {"width": 0.35, "last": "block_16_project"},
            ("block_3_expand_relu", "block_6_expand_relu", "block_13_expand_relu", "block_16_project"),
        ),
        ("MobileNet", {"width": 0.25}, ("conv_pw_3_relu", "conv_pw_5_relu", "conv_pw_11_relu", "conv_pw_13_relu")),
        (
            "EfficientNetLite0",
            {},
            (*(f"block_{number}_expand_activation" for number in (3, 5, 11)), "block_15_project_normalization"),
        ),
        ("ResNet50", {}, (*(f"conv{stage}_block{blocks}_out" for stage, blocks in ((2, 3), (3, 4), (4, 6), (5, 3))),)),
    ],
)
@pytest.mark.parametrize("size", [32, 64])
def test_endpoints_are_the_last_maps_of_each_stride(network, options, layers, size):
    backbone = Backbone(network, input_shape=(size, size, 3), **options)
    assert list(backbone.endpoints) == [4, 8, 16, 32]
    for (stride, maps), layer in zip(backbone.endpoints.items(), layers, strict=True):
        assert maps is backbone.get_layer(layer).output
        assert maps.shape[1:3] == (size // stride, size // stride)
    photos = PHOTOS if size == 32 else PHOTOS.repeat(2, 1).repeat(2, 2)
    found = {name: maps.shape for name, maps in backbone(photos).items() if name.startswith("stride_")}
    assert found == {f"stride_{stride}": (2, *maps.shape[1:]) for stride, maps in backbone.endpoints.items()}


@pytest.mark.parametrize(
    ("network", "width", "layers"),
    [
        ("MobileNetV2", 0.35, {16: "block_5_add", 24: "block_9_add"}),
        ("MobileNet", 0.25, {}),
        ("EfficientNetLite0", 1.0, {40: "block_4_add"}),
        ("ResNet50", 1.0, {}),
    ],
)
def test_bottlenecks_are_the_last_sums_of_the_narrowest_widths(network, width, layers):
    backbone = Backbone(network, width, SMALL)
    assert backbone.textures == [[*(f"bottleneck_{channels}" for channels in layers), "stride_16"]]
    for channels, layer in layers.items():
        assert backbone.output[f"bottleneck_{channels}"] is backbone.get_layer(layer).output


@pytest.mark.slow
def test_networks_side_by_side_give_the_maps_of_both(tmp_path):
    pair = Backbone(PAIR, input_shape=SMALL, weights="imagenet")
    parts = [
        Backbone("MobileNetV2", 0.35, SMALL, last="block_16_project", weights="imagenet"),
        Backbone("EfficientNetLite0", input_shape=SMALL, weights="imagenet"),
    ]
    of_parts = [part(PHOTOS) for part in parts]
    found = pair(PHOTOS)
    for names, part, maps in zip(pair.textures, parts, of_parts, strict=True):
        for name, own in zip(names, part.textures[0], strict=True):
            np.testing.assert_allclose(found.pop(name), maps[own], atol=1e-4)
    assert len(found) == 4
    for stride, maps in found.items():
        np.testing.assert_allclose(maps, np.concatenate([each[stride] for each in of_parts], axis=-1), atol=1e-4)
    ImageClassifier(pair).save(tmp_path / "pair.keras")
    again = Backbone(PAIR, input_shape=(64, 64, 3), weights=tmp_path / "pair.keras")
    for values, wanted in zip(again.get_weights(), pair.get_weights(), strict=True):
        np.testing.assert_array_equal(values, wanted)
    # One of the two may be taken from it.
    alone = Backbone("EfficientNetLite0", input_shape=SMALL, weights=tmp_path / "pair.keras")
    np.testing.assert_array_equal(alone(PHOTOS)["stride_32"], of_parts[1]["stride_32"])


# One of each kind of preprocessing, and the gates of the networks for phones.
@pytest.mark.parametrize("network", ["MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "DenseNet121", "ResNet50"])
def test_a_network_takes_raw_pixels(network):
    keras.utils.set_random_seed(0)
    backbone = Backbone(network, input_shape=SMALL)
    build = getattr(keras.applications, network)
    plain = build(input_shape=SMALL, include_top=False, weights=None)
    plain.set_weights(backbone.get_weights())
    pixels = PHOTOS
    if network == "EfficientNetB0":  # as Keras does it itself, where it fetches the weights
        deviation = np.sqrt([0.229, 0.224, 0.225])
        pixels = PHOTOS / deviation + 255 * np.array([0.485, 0.456, 0.406]) * (1 - 1 / deviation)
    expected = plain(sys.modules[build.__module__].preprocess_input(pixels.copy()))
    np.testing.assert_allclose(backbone(PHOTOS)["stride_32"], expected, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize(
    ("network", "options"),
    [("ResNet50", {}), ("MobileNetV2", {"width": 0.35, "last": "block_16_project"})],
)
def test_a_saved_backbone_is_the_same(network, options, tmp_path):
    backbone = Backbone(network, input_shape=SMALL, **options)
    backbone.trainable = False
    backbone.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert again.get_config() == backbone.get_config()
    assert not again.trainable
    for name, maps in backbone(PHOTOS).items():
        np.testing.assert_array_equal(again(PHOTOS)[name], maps)


def test_every_layer_is_in_one_stage():
    stages = Backbone("MobileNet", 0.25, (64, 64, 3)).stages
    # A depthwise layer of stride 2 begins a stage.
    blocks = [[1], [2, 3], [4, 5], range(6, 12), [12, 13]]
    expected = [
        {f"conv_{kind}_{block}{part}" for block in each for kind in ("dw", "pw") for part in ("", "_bn")} for each in blocks
    ]
    expected[0] |= {"conv1", "conv1_bn"}
    assert [{layer.name for layer in stage} for stage in stages] == expected


def test_gates_belong_to_the_stage_that_they_are_in():
    """Squeeze and excitation works on maps of one pixel, wherever in the network it is."""
    backbone = Backbone("MobileNetV3Small", width=0.5, input_shape=(64, 64, 3))
    assert len(backbone.stages) == 5
    for number, stage in enumerate(backbone.stages, 1):
        heights = {layer.output.shape[1] for layer in stage}
        assert heights <= {64 >> number, 1}
        assert 64 >> number in heights
    weighted = {layer.name for layer in backbone.layers if layer.trainable_variables}
    assert {layer.name for stage in backbone.stages for layer in stage} == weighted


def test_frozen_layers_stay_in_their_stages():
    backbone = Backbone("MobileNet", 0.25, SMALL)
    before = backbone.stages
    backbone.trainable = False
    assert backbone.stages == before


def test_a_few_steps_are_enough_for_the_statistics_to_follow():
    """keras.applications lets batch norms move by a thousandth a step; a short training would be evaluated by stale ones."""
    backbone = Backbone("MobileNetV3Small", width=0.5, input_shape=SMALL, last="expanded_conv_project")
    first = next(layer for layer in backbone.layers if isinstance(layer, keras.layers.BatchNormalization))
    photos = np.random.default_rng(0).uniform(0, 255, (8, *SMALL)).astype("float32")
    for _ in range(50):
        backbone(photos, training=True)
    inside = keras.Model(backbone.inputs, first.input)(photos)
    np.testing.assert_allclose(first.moving_mean, np.mean(inside, axis=(0, 1, 2)), atol=0.02)


@pytest.mark.slow
def test_weights_from_a_file_are_those_that_keras_would_fetch(tmp_path, monkeypatch):
    """EfficientNets rescale their input once more where the weights are called "imagenet", and nowhere else."""
    from keras.src.applications import efficientnet

    file = tmp_path / "efficientnetb0_notop.weights.h5"
    published = keras.applications.EfficientNetB0(input_shape=(64, 64, 3), include_top=False, weights=None)
    for layer in published.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
    published.save_weights(file)
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *arguments, **options: file)
    fetched = keras.applications.EfficientNetB0(input_shape=SMALL, include_top=False, weights="imagenet")

    def stem(network):
        return keras.Model(network.input, network.get_layer("stem_activation").output)(PHOTOS)

    for weights in ("imagenet", file):
        found = Backbone("EfficientNetB0", input_shape=SMALL, weights=weights)
        for ours, theirs in zip(found.get_weights(), fetched.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        np.testing.assert_allclose(stem(found), stem(fetched), atol=1e-5)


def test_weights_without_the_top_load_into_a_network_that_ends_before_it(tmp_path):
    whole = keras.applications.MobileNetV2(alpha=0.35, include_top=False, input_shape=SMALL, weights=None)
    whole.save_weights(tmp_path / "notop.weights.h5")
    options = {"width": 0.35, "last": "block_16_project", "weights": tmp_path / "notop.weights.h5"}
    backbone = Backbone("MobileNetV2", input_shape=(64, 64, 3), **options)
    last = whole.get_layer("block_16_project").get_weights()[0]
    np.testing.assert_array_equal(backbone.get_layer("block_16_project").get_weights()[0], last)


def test_weights_of_a_trained_network_are_those_of_its_backbone(tmp_path):
    trained = ImageClassifier(Backbone("MobileNet", 0.25, SMALL), classes=3)
    trained.save(tmp_path / "model.keras")
    for source in (tmp_path, tmp_path / "model.keras"):
        backbone = Backbone("MobileNet", 0.25, (64, 64, 3), weights=source)
        for ours, theirs in zip(backbone.get_weights(), trained.backbone.get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    with pytest.raises(PretrainedWeightsError, match=r"backbone \{'network': 'MobileNet', 'width': 0.25.*not of"):
        Backbone("MobileNet", 0.5, SMALL, weights=tmp_path)


@pytest.fixture(scope="module")
def preset():
    return keras.models.load_model(PRESETS_FOLDER / "fast_mpoxnet" / "model.keras", compile=False)


def test_weights_of_a_preset_go_wherever_they_fit(preset):
    model = FastMpoxNet(6, "fast_mpoxnet", SMALL)
    for name in ("backbone", "fusion_3", "fusion_4"):
        for ours, theirs in zip(model.get_layer(name).get_weights(), preset.get_layer(name).get_weights(), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    assert model.get_layer("auxiliary_4").kernel.shape == (20, 6)


def test_weights_of_imagenet_come_with_the_package(preset):
    model = FastMpoxNet(4, "imagenet", SMALL)
    for ours, theirs in zip(model.backbone.get_weights(), preset.backbone.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(model.get_layer("fusion_4").get_weights()[0], preset.get_layer("fusion_4").get_weights()[0])


def test_without_a_network_the_message_says_where_to_put_the_file(monkeypatch):
    from keras.src.applications import mobilenet_v2

    def unreachable(name, origin, **options):
        raise Exception(f"URL fetch failure on {origin}: None -- Name or service not known")

    monkeypatch.setattr(mobilenet_v2.file_utils, "get_file", unreachable)
    with pytest.raises(PretrainedWeightsError, match=r"fetch failure on https://.*no_top\.h5.*put it into .*models.*random"):
        Backbone("MobileNetV2", input_shape=SMALL, weights="imagenet")


@pytest.mark.parametrize(
    ("network", "options", "message"),
    [
        ("AlexNet", {}, "no network 'AlexNet'"),
        ("Xception", {}, "Xception can't be built .* photos of .*32"),
        ("MobileNetV2", {"last": "block_99"}, "no layer 'block_99' to end with.*out_relu"),
        ("EfficientNetLite0", {"width": 0.35}, "EfficientNetLite0 has one width; leave out width=0.35"),
        ("EfficientNetLite0+MobileNetV2", {"last": "out_relu"}, "has two ends; leave out last='out_relu'"),
        ("MobileNetV2", {"weights": "nowhere.h5"}, "nowhere.h5.* is no file .*fast_mpoxnet"),
        ("MobileNetV2", {"weights": __file__}, "is no file of weights or trained network"),
        ("EfficientNetLite0", {"weights": "fast_mpoxnet"}, "'MobileNetV2'.*not of.*'EfficientNetLite0'"),
        ("keras_hub:nowhere", {}, "preset nowhere of keras-hub can't be had"),
        ("keras_hub:nowhere", {"weights": "file.h5"}, "a preset of keras-hub has its own weights"),
    ],
)
def test_what_cannot_be_built_is_said(network, options, message):
    if network.startswith("keras_hub"):
        pytest.importorskip("keras_hub")
    with pytest.raises((NetworkError, PretrainedWeightsError), match=message):
        Backbone(network, input_shape=SMALL, **options)


def test_a_file_of_other_weights_is_refused(tmp_path):
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save_weights(tmp_path / "other.weights.h5")
    with pytest.raises(PretrainedWeightsError, match=r"other\.weights\.h5 does not hold the weights of MobileNet"):
        Backbone("MobileNet", 0.25, input_shape=SMALL, weights=tmp_path / "other.weights.h5")


def test_a_preset_of_keras_hub_keeps_its_weights_and_its_own_preprocessing(tmp_path):
    keras_hub = pytest.importorskip("keras_hub")
    published = keras_hub.models.ResNetBackbone([64, 64], [3, 3], [64, 64], [1, 1], [1, 2], "basic_block")
    published.save_to_preset(tmp_path / "preset")
    keras_hub.layers.ImageConverter(scale=1 / 127.5, offset=-1.0).save_to_preset(tmp_path / "preset")
    backbone = Backbone(f"keras_hub:{tmp_path / 'preset'}", input_shape=SMALL, weights="imagenet")
    deepest = f"stride_{max(backbone.endpoints)}"
    np.testing.assert_allclose(backbone(PHOTOS)[deepest], published(PHOTOS / 127.5 - 1), atol=1e-4, rtol=1e-4)
    assert len(backbone.stages) > 1
    random = Backbone(f"keras_hub:{tmp_path / 'preset'}", input_shape=SMALL)
    assert not np.array_equal(random.get_weights()[0], backbone.get_weights()[0])
    # A saved one needs no preset.
    backbone.save(tmp_path / "model.keras")
    (tmp_path / "preset").rename(tmp_path / "gone")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(PHOTOS)[deepest], backbone(PHOTOS)[deepest])
