"""The network: outputs, budget, ablation switches, deployed form, saving."""

import keras
import numpy as np
import pytest
from scipy.special import log_softmax
from tiny_network import tiny_fast_mpoxnet

from mpox_keras import FastMpoxNet, deploy
from mpox_keras.config import ModelConfig
from mpox_keras.layers.second_moments import SOFTENING
from mpox_keras.models.backbones import Backbone, NetworkError
from mpox_keras.models.complexity import measure_complexity
from mpox_keras.models.pyramid import pyramid_of

pytestmark = pytest.mark.usefixtures("without_graphs")

SHAPE = (64, 64, 3)


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).uniform(0, 255, (3, *SHAPE)).astype("float32")


@pytest.fixture(scope="module", params=[True, False], ids=["pyramid", "no pyramid"])
def model(photos, request):
    keras.utils.set_random_seed(0)
    model = FastMpoxNet(input_shape=SHAPE, pyramid=request.param)
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
    ("pyramid", "parameters", "multiply_adds"), [(True, 273_917, 38_651_596), (False, 274_269, 38_822_032)]
)
def test_deployed_model_keeps_the_budget(pyramid, parameters, multiply_adds):
    """0.265 M to 0.275 M parameters, frozen ones too, and at most 40 M multiply-adds."""
    model = FastMpoxNet(classes=5, pyramid=pyramid)
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


def means(maps):
    return np.mean(maps, axis=(1, 2))


def halved(maps):
    batch, height, width, channels = maps.shape
    return maps.reshape(batch, height // 2, 2, width // 2, 2, channels).mean(axis=(2, 4))


def largest_of(count, maps):
    return np.reshape(maps, (*maps.shape[:3], -1, count)).max(axis=-1)


def second_moments(maps):
    """Signed roots of the means of the products of any two channels, softened."""
    first, second = np.triu_indices(maps.shape[-1])
    products = np.einsum("byxi,byxj->bij", maps, maps)[:, first, second] / np.prod(maps.shape[1:3])
    return products / np.sqrt(np.abs(products) + SOFTENING)


@pytest.mark.parametrize("pyramid", [True, False])
def test_every_head_classifies_the_means_of_its_maps(photos, pyramid):
    """Beside a pyramid, of which the backbone is frozen, the later auxiliary heads are on what the fusion gives."""
    model = FastMpoxNet(input_shape=SHAPE, pyramid=pyramid)
    stages = [model.backbone(photos)[f"stride_{stride}"] for stride in (8, 16, 32)]
    first = model.get_layer("fusion_3")(stages[:2])
    last = model.get_layer("fusion_4")([first, stages[2]])
    if pyramid:
        wider, narrow = (np.asarray(model.backbone(photos)[f"bottleneck_{channels}"]) for channels in (16, 24))
        joined = np.concatenate([halved(wider), narrow], axis=-1)
        moments = [second_moments(maps) for maps in (joined, halved(narrow), largest_of(6, stages[1]))]
        features = {
            "diagnosis": np.concatenate([means(pyramid_of(stages, (2, 1))), *moments, means(last)], axis=-1),
            "auxiliary_2": means(stages[0]),
            "auxiliary_3": means(first),
            "auxiliary_4": means(last),
        }
    else:
        features = {"diagnosis": means(last), **{f"auxiliary_{number}": means(maps) for number, maps in enumerate(stages, 2)}}
    found = model(photos)
    assert set(found) == set(features)
    for name, values in features.items():
        kernel, bias = model.get_layer(name).get_weights()
        np.testing.assert_allclose(found[name], values @ kernel + bias, atol=1e-4, err_msg=name)


@pytest.mark.parametrize("pyramid", [True, False])
def test_ablation_switches_remove_their_parts(pyramid):
    def names(**options):
        return {layer.name for layer in FastMpoxNet(input_shape=SHAPE, pyramid=pyramid, **options).layers}

    assert not {name for name in names(fusion=False, auxiliary_heads=False) if name.startswith(("fusion", "auxiliary"))}
    assert {"fusion_3", "fusion_4"} <= names(auxiliary_heads=False)


def test_any_backbone_with_maps_of_three_strides_will_do():
    backbone = Backbone("MobileNetV3Small", width=0.5, input_shape=(32, 32, 3))
    model = FastMpoxNet(backbone=backbone)
    assert model.backbone is backbone
    assert [model.get_layer(f"fusion_{stage}").filters for stage in (3, 4)] == [16, 20]
    moments = [layer.output.shape[1:] for layer in model.layers if layer.name.startswith("second_moments")]
    # 16 and 24 channels put together, 24 at half the size, and the 144 of stride 16 by fours.
    assert moments == [(1, 1, pairs) for pairs in (40 * 41 / 2, 24 * 25 / 2, 36 * 37 / 2)]
    narrow = FastMpoxNet(backbone=backbone, pyramid=False, fusion_filters=(8, 16))
    assert narrow.get_layer("diagnosis").kernel.shape == (16, 4)
    with pytest.raises(ValueError, match=r"MobileNet has no feature maps of stride 8"):
        FastMpoxNet(backbone=Backbone("MobileNet", 0.25, (32, 32, 3), last="conv_pw_2_relu"))


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


def test_one_loss_is_that_of_every_head(tmp_path, photos):
    keras.utils.set_random_seed(0)
    model = tiny_fast_mpoxnet(ModelConfig(image_size=64), 3, ood_score=True)
    labels = np.array([0, 1, 2])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    found = model.evaluate(photos, labels, return_dict=True, verbose=0)
    outputs = model.predict(photos, verbose=0)
    cross_entropy = {name: -np.mean(log_softmax(outputs[name], axis=1)[[0, 1, 2], labels]) for name in model.heads}
    weights = {"diagnosis": 1, "auxiliary_2": 0.1, "auxiliary_3": 0.2, "auxiliary_4": 0.3}
    assert found["loss"] == pytest.approx(sum(weight * cross_entropy[name] for name, weight in weights.items()), rel=1e-5)
    assert found["diagnosis_accuracy"] == pytest.approx((outputs["diagnosis"].argmax(axis=1) == labels).mean())

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert again.evaluate(photos, labels, return_dict=True, verbose=0) == pytest.approx(found)
    one = {"auxiliary_2": 0, "auxiliary_3": 0, "auxiliary_4": 0, "diagnosis": 1}
    model.compile("sgd", keras.losses.CategoricalCrossentropy(from_logits=True), loss_weights=one)
    assert model.evaluate(photos, np.eye(3)[labels], return_dict=True, verbose=0)["loss"] == pytest.approx(
        cross_entropy["diagnosis"], rel=1e-5
    )


def test_wrong_arguments_are_explained(model):
    with pytest.raises(ValueError, match="multiples of 32"):
        FastMpoxNet(input_shape=(100, 100, 3))
    with pytest.raises(ValueError, match="it to the Backbone"):
        FastMpoxNet(weights="imagenet", backbone=model.backbone)
    with pytest.raises(NetworkError, match="8x12, 4x6, 2x3 make no pyramid"):
        FastMpoxNet(input_shape=(64, 96, 3))
    assert FastMpoxNet(input_shape=(64, 96, 3), pyramid=False).output["diagnosis"].shape == (None, 4)
    with pytest.raises(ValueError, match="temperature must be positive"):
        deploy(model, temperature=0)
