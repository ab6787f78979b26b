"""The network: outputs, budget, ablation switches, deployed form, saving."""

import keras
import numpy as np
import pytest

from mpox_keras import FastMpoxNet, deploy
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.complexity import measure_complexity

SHAPE = (64, 64, 3)


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).uniform(0, 255, (3, *SHAPE)).astype("float32")


@pytest.fixture(scope="module")
def model(photos):
    keras.utils.set_random_seed(0)
    model = FastMpoxNet(input_shape=SHAPE)
    # Statistics far from their start, so that a form that forgot a batch norm would show.
    random = np.random.default_rng(1)
    for variable in model.weights:
        if "normalization" in variable.path:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return model


def test_training_form_gives_logits_of_every_head(model, photos):
    outputs = model(photos)
    assert list(outputs) == ["diagnosis", "auxiliary_2", "auxiliary_3", "auxiliary_4"]
    assert {value.shape for value in outputs.values()} == {(3, 4)}


@pytest.mark.parametrize(
    ("backbone", "size", "parameters", "multiply_adds"),
    [
        ("ShuffleNetV2", 224, 271_300, 36_165_024),
        ("MobileNetV2", 192, 274_156, 38_821_920),
        ("MobileNet", 192, 266_996, 32_710_016),
    ],
)
def test_deployed_model_keeps_the_budget(backbone, size, parameters, multiply_adds):
    """0.265 M to 0.275 M parameters, frozen ones too, and at most 40 M multiply-adds."""
    model = FastMpoxNet(backbone=backbone, input_shape=(size, size, 3))
    model.backbone.trainable = False
    complexity = measure_complexity(deploy(model))
    assert (complexity["trainable_parameters"], complexity["multiply_adds"]) == (parameters, multiply_adds)
    assert sum(part["multiply_adds"] for part in complexity["parts"].values()) == complexity["multiply_adds"]
    assert "backbone" in complexity["parts"]


def test_multiply_adds_of_known_layers():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, padding="same", name="a_convolution")(inputs)
    x = keras.layers.DepthwiseConv2D(3, padding="same", name="a_depthwise")(x)
    x = keras.layers.Dense(5, name="b")(keras.layers.GlobalAveragePooling2D()(x))
    parts = measure_complexity(keras.Model(inputs, x))["parts"]
    assert parts["a"] == {"trainable_parameters": 3 * 3 * 3 * 4 + 4 + 3 * 3 * 4 + 4, "multiply_adds": 64 * (108 + 36)}
    assert parts["b"] == {"trainable_parameters": 25, "multiply_adds": 20}


def test_ablation_switches_remove_their_parts():
    names = {layer.name for layer in FastMpoxNet(fusion=False, auxiliary_heads=False, input_shape=SHAPE).layers}
    assert not {name for name in names if name.startswith(("fusion", "auxiliary"))}
    assert {"fusion_3", "fusion_4"} <= {layer.name for layer in FastMpoxNet(auxiliary_heads=False, input_shape=SHAPE).layers}


def test_any_backbone_with_maps_of_three_strides_will_do():
    backbone = Backbone("MobileNetV3Small", width=0.5, input_shape=(32, 32, 3))
    model = FastMpoxNet(backbone=backbone)
    assert model.backbone is backbone
    assert model.fusion_filters == tuple(backbone.endpoints[stride].shape[-1] for stride in (16, 32))
    assert model.get_layer("projection").filters == model.head_filters == 288
    narrow = FastMpoxNet(backbone=backbone, fusion_filters=(8, 16), head_filters=0)
    assert narrow.get_layer("diagnosis").kernel.shape == (16, 4)


@pytest.mark.parametrize("with_map", [False, True])
def test_deployed_form_computes_what_the_training_form_does(model, photos, with_map):
    deployed = deploy(model, class_activation_map=with_map, temperature=2.0)
    outputs = deployed.predict(photos, verbose=0)
    logits = model.predict(photos, verbose=0)["diagnosis"]
    expected = np.exp(logits / 2) / np.exp(logits / 2).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(outputs["probabilities"], expected, atol=1e-6)
    if with_map:
        assert outputs["class_activation_map"].shape == (3, 2, 2, 4)
        np.testing.assert_allclose(outputs["class_activation_map"].mean(axis=(1, 2)), logits, atol=1e-5)
    assert not [layer.name for layer in deployed.layers if layer.name.startswith("auxiliary")]


@pytest.mark.slow
def test_a_plain_keras_script(tmp_path, photos):
    keras.utils.set_random_seed(0)
    model = FastMpoxNet(classes=3, input_shape=SHAPE)
    labels = np.array([0, 1, 2])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss=dict.fromkeys(model.output_names, loss))
    history = model.fit(photos, dict.fromkeys(model.output_names, labels), epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    for name, values in model.predict(photos, verbose=0).items():
        np.testing.assert_array_equal(loaded.predict(photos, verbose=0)[name], values)


def test_wrong_arguments_are_explained(model):
    with pytest.raises(ValueError, match="multiples of 32"):
        FastMpoxNet(input_shape=(100, 100, 3))
    with pytest.raises(ValueError, match="it to the Backbone"):
        FastMpoxNet(weights="imagenet", backbone=model.backbone)
    with pytest.raises(ValueError, match="temperature must be positive"):
        deploy(model, temperature=0)
