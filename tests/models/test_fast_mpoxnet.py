"""The network: outputs, budget, ablation switches, deployed form, saving."""

import keras
import numpy as np
import pytest

from mpox_keras import FastMpoxNet, deploy
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


def test_deployed_model_keeps_the_budget_of_the_paper():
    complexity = measure_complexity(deploy(FastMpoxNet()))
    assert 265_000 <= complexity["trainable_parameters"] <= 275_000
    assert complexity["multiply_adds"] <= 45_000_000
    assert sum(part["multiply_adds"] for part in complexity["parts"].values()) == complexity["multiply_adds"]


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
    last = FastMpoxNet(fusion_start=3, fusion_reduction=16, auxiliary_heads=False, input_shape=SHAPE)
    assert "fusion_3" not in {layer.name for layer in last.layers}
    assert last.get_layer("fusion_4").input[0] is last.get_layer("stage3_unit8").output
    assert last.get_layer("fusion_4").position[0].filters == 12


def test_refuses_a_fusion_that_starts_nowhere():
    with pytest.raises(ValueError, match="fusion_start must be 2 or 3; got 4"):
        FastMpoxNet(fusion_start=4, input_shape=SHAPE)


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
    with pytest.raises(ValueError, match="temperature must be positive"):
        deploy(model, temperature=0)
