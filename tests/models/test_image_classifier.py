"""A backbone under a classification head, and what a config builds."""

from functools import partial

import keras
import numpy as np
import pytest

from mpox_keras import FastMpoxNet, deploy
from mpox_keras.config import ModelConfig
from mpox_keras.layers.second_moments import SecondMoments
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.build import build_model
from mpox_keras.models.image_classifier import ImageClassifier
from mpox_keras.models.pyramid import pyramid_of

pytestmark = pytest.mark.usefixtures("without_graphs")

SMALL = (64, 64, 3)
PHOTOS = np.random.default_rng(0).uniform(0, 255, (2, *SMALL)).astype("float32")


@pytest.mark.parametrize("network", ["MobileNetV2", "EfficientNetB0"])
def test_the_last_maps_are_pooled_and_classified_and_the_map_explains_it(network):
    keras.utils.set_random_seed(0)
    model = ImageClassifier(Backbone(network, input_shape=SMALL), classes=3, pyramid=False)
    features = np.mean(model.backbone(PHOTOS)["stride_32"], axis=(1, 2))
    kernel, bias = model.get_layer("diagnosis").get_weights()
    logits = np.asarray(model(PHOTOS)["diagnosis"])
    np.testing.assert_allclose(logits, features @ kernel + bias, atol=1e-4, rtol=1e-4)
    outputs = deploy(model, class_activation_map=True)(PHOTOS)
    np.testing.assert_allclose(np.mean(outputs["class_activation_map"], axis=(1, 2)), logits, atol=1e-4, rtol=1e-4)


def test_a_pyramid_is_of_the_maps_from_stride_8_on_and_the_map_explains_it():
    keras.utils.set_random_seed(0)
    model = ImageClassifier(Backbone("MobileNet", 0.25, SMALL), classes=3)
    maps = [np.asarray(model.backbone(PHOTOS)[f"stride_{stride}"]) for stride in (8, 16, 32)]
    # At 64 pixels the last maps have 2x2 positions, for grids of 2x2 cells and one; the first are averaged before.
    near = [maps[0].reshape(2, 4, 2, 4, 2, -1).mean(axis=(2, 4)), *maps[1:]]
    cells = [each.reshape(2, 2, 2, 2, 2, -1).max(axis=(2, 4)) for each in near if each.shape[1] == 4]
    parts = [*(each.mean(axis=(1, 2)) for each in (*maps, *cells)), *(each.max(axis=(1, 2)) for each in near)]
    parts.append(np.mean(SecondMoments(2, group=4)(maps[1]), axis=(1, 2)))
    features = np.concatenate(parts, axis=1)
    kernel, bias = model.get_layer("diagnosis").get_weights()
    logits = np.asarray(model(PHOTOS)["diagnosis"])
    np.testing.assert_allclose(logits, features @ kernel + bias, atol=1e-4)
    outputs = deploy(model, class_activation_map=True)(PHOTOS)
    assert outputs["class_activation_map"].shape == (2, 2, 2, 3)
    np.testing.assert_allclose(np.mean(outputs["class_activation_map"], axis=(1, 2)), logits, atol=1e-4)


def halved(maps):
    batch, size, _, channels = maps.shape
    return np.reshape(maps, (batch, size // 2, 2, size // 2, 2, channels)).mean(axis=(2, 4))


def test_products_of_the_channels_of_bottlenecks_are_classified_too():
    keras.utils.set_random_seed(0)
    model = ImageClassifier(Backbone("MobileNetV2", 0.35, SMALL), classes=3)
    maps = model.backbone(PHOTOS)
    parts = [pyramid_of([maps[f"stride_{stride}"] for stride in (8, 16, 32)])]
    wider, narrow = halved(maps["bottleneck_16"]), maps["bottleneck_24"]
    parts += [SecondMoments(2)(each) for each in (np.concatenate([wider, narrow], axis=-1), halved(narrow))]
    parts.append(SecondMoments(2, group=6)(maps["stride_16"]))
    features = np.concatenate([np.mean(part, axis=(1, 2)) for part in parts], axis=1)
    kernel, bias = model.get_layer("diagnosis").get_weights()
    logits = np.asarray(model(PHOTOS)["diagnosis"])
    np.testing.assert_allclose(logits, features @ kernel + bias, atol=1e-4)
    found = deploy(model, class_activation_map=True)(PHOTOS)["class_activation_map"]
    np.testing.assert_allclose(np.mean(found, axis=(1, 2)), logits, atol=1e-4)


@pytest.mark.parametrize("pyramid", [True, False])
@pytest.mark.parametrize(
    "build",
    [lambda **options: ImageClassifier(Backbone("MobileNet", 0.25, SMALL), **options), partial(FastMpoxNet, input_shape=SMALL)],
)
def test_a_saved_network_is_the_same(build, pyramid, tmp_path):
    model = build(classes=3, dropout=0.5, pyramid=pyramid, ood_score=True)
    model.backbone.trainable = False
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(again) is type(model)
    assert again.get_config() == model.get_config()
    assert again.pyramid == pyramid
    assert again.backbone is again.get_layer("backbone")
    for name, values in model(PHOTOS).items():
        np.testing.assert_array_equal(again(PHOTOS)[name], values)


def test_a_frozen_backbone_stays_as_it_is():
    keras.utils.set_random_seed(0)
    model = ImageClassifier(Backbone("MobileNet", 0.25, SMALL), classes=2)
    model.backbone.trainable = False
    before = model.backbone.get_weights(), model.get_layer("diagnosis").get_weights()
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    model.fit(PHOTOS, {"diagnosis": np.array([0, 0])}, epochs=2, verbose=0)
    for values, old in zip(model.backbone.get_weights(), before[0], strict=True):
        np.testing.assert_array_equal(values, old)
    assert not np.array_equal(model.get_layer("diagnosis").get_weights()[1], before[1][1])


@pytest.mark.parametrize(
    ("config", "network", "width"),
    [
        ({"network": "FastMpoxNet"}, "MobileNetV2", 0.35),
        ({"network": "FastMpoxNet", "pyramid": False}, "MobileNetV2", 0.35),
        ({"network": "MobileNetV3Small", "width": 0.5}, "MobileNetV3Small", 0.5),
        ({"network": "MobileNetV3Small", "width": 0.5, "pyramid": False}, "MobileNetV3Small", 0.5),
    ],
)
def test_a_config_names_its_network(config, network, width):
    model = build_model(ModelConfig(**config, weights=None, image_size=64, dropout=0.4), classes=5)
    assert isinstance(model, FastMpoxNet) == (config["network"] == "FastMpoxNet")
    assert (model.backbone.network, model.backbone.width) == (network, width)
    assert model.pyramid == config.get("pyramid", True)
    assert model.inputs[0].shape == (None, *SMALL)
    assert model.output["diagnosis"].shape == (None, 5)
    assert model.get_layer("diagnosis_dropout").rate == 0.4
