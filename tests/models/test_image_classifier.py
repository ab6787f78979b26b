"""A backbone under a classification head, and what a config builds."""

import keras
import numpy as np
import pytest

from mpox_keras import FastMpoxNet, deploy
from mpox_keras.config import ModelConfig
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.build import build_model
from mpox_keras.models.image_classifier import ImageClassifier

SMALL = (32, 32, 3)
PHOTOS = np.random.default_rng(0).uniform(0, 255, (2, *SMALL)).astype("float32")


@pytest.mark.parametrize("network", ["MobileNetV2", "EfficientNetB0", "ShuffleNetV2"])
def test_the_last_maps_are_pooled_and_classified_and_the_map_explains_it(network):
    keras.utils.set_random_seed(0)
    model = ImageClassifier(Backbone(network, input_shape=SMALL), classes=3)
    features = np.mean(model.backbone(PHOTOS)["stride_32"], axis=(1, 2))
    kernel, bias = model.get_layer("diagnosis").get_weights()
    logits = np.asarray(model(PHOTOS)["diagnosis"])
    np.testing.assert_allclose(logits, features @ kernel + bias, atol=1e-4, rtol=1e-4)
    outputs = deploy(model, class_activation_map=True)(PHOTOS)
    np.testing.assert_allclose(np.mean(outputs["class_activation_map"], axis=(1, 2)), logits, atol=1e-4, rtol=1e-4)


def test_maps_of_three_depths_are_normalised_first():
    model = build_model(ModelConfig(network="EfficientNetLite0", weights=None, image_size=64), classes=4)
    normalization = model.get_layer("diagnosis_normalization")
    assert normalization.input.shape[-1] == 1280 + 320 + 112
    assert model.get_layer("diagnosis_pooling").input is normalization.output


@pytest.mark.parametrize(
    "build", [lambda **options: ImageClassifier(Backbone("MobileNet", 0.25, SMALL), **options), FastMpoxNet]
)
def test_a_saved_network_is_the_same(build, tmp_path):
    options = {"input_shape": SMALL} if build is FastMpoxNet else {}
    model = build(classes=3, dropout=0.5, ood_score=True, **options)
    model.backbone.trainable = False
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert type(again) is type(model)
    assert again.get_config() == model.get_config()
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
        ({"network": "FastMpoxNet"}, "ShuffleNetV2", 1.0),
        ({"network": "FastMpoxNet", "backbone": "MobileNetV2"}, "MobileNetV2", 0.35),
        ({"network": "MobileNetV3Small", "width": 0.5}, "MobileNetV3Small", 0.5),
    ],
)
def test_a_config_names_its_network(config, network, width):
    model = build_model(ModelConfig(**config, weights=None, image_size=64, dropout=0.4), classes=5, image_size=32)
    assert isinstance(model, FastMpoxNet) == (config["network"] == "FastMpoxNet")
    assert (model.backbone.network, model.backbone.width) == (network, width)
    assert model.inputs[0].shape == (None, *SMALL)
    assert model.output["diagnosis"].shape == (None, 5)
    assert model.get_layer("diagnosis_dropout").rate == 0.4
