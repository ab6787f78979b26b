"""Every layer of the package through everything that Keras does with a layer."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from mpox_keras.layers.ablgfm import ABLGFM
from mpox_keras.layers.pointwise import PointwiseBlock
from mpox_keras.layers.second_moments import SOFTENING, SecondMoments

CASES = {
    "pointwise": (PointwiseBlock, {"filters": 6}, [(8, 8, 4)], (8, 8, 6)),
    "pointwise, no activation": (PointwiseBlock, {"filters": 6, "activation": None}, [(8, 8, 4)], (8, 8, 6)),
    "fusion, pooled and projected": (ABLGFM, {"filters": 8}, [(8, 8, 4), (4, 4, 8)], (4, 4, 8)),
    "second moments": (SecondMoments, {"size": 2}, [(8, 8, 3)], (2, 2, 6)),
    "second moments, a cell each": (SecondMoments, {"size": 4}, [(4, 4, 3)], (4, 4, 6)),
    "fusion, both projected": (ABLGFM, {"filters": 8, "reduction": 2}, [(4, 4, 4), (4, 4, 6)], (4, 4, 8)),
}


@pytest.fixture(params=CASES, ids=lambda name: name)
def case(request):
    layer_class, config, input_shapes, output_shape = CASES[request.param]
    keras.utils.set_random_seed(0)
    inputs = [keras.Input(shape) for shape in input_shapes]
    arrays = [np.random.default_rng(0).normal(size=(3, *shape)).astype("float32") for shape in input_shapes]
    one = len(inputs) == 1
    return layer_class, config, inputs[0] if one else inputs, arrays[0] if one else arrays, output_shape


def test_config_round_trip(case):
    layer_class, config, *_ = case
    layer = layer_class(**config, name="layer")
    again = layer_class.from_config(json.loads(json.dumps(layer.get_config())))
    assert again.get_config() == layer.get_config()
    assert {key: layer.get_config()[key] for key in config} == config


def test_symbolic_and_eager_agree_with_the_computed_shape(case):
    layer_class, config, inputs, arrays, output_shape = case
    layer = layer_class(**config)
    assert layer(inputs).shape == (None, *output_shape)
    assert layer(arrays).shape == (3, *output_shape)
    shapes = [i.shape for i in inputs] if isinstance(inputs, list) else inputs.shape
    assert layer_class(**config).compute_output_shape(shapes) == (None, *output_shape)


def test_saved_model_gives_the_same_numbers(case, tmp_path):
    layer_class, config, inputs, arrays, _ = case
    model = keras.Model(inputs, layer_class(**config)(inputs))
    for variable in model.weights:
        variable.assign(np.random.default_rng(len(variable.shape)).uniform(0.5, 1.5, variable.shape))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    np.testing.assert_array_equal(loaded.predict(arrays, verbose=0), model.predict(arrays, verbose=0))


def test_a_training_step_changes_every_weight_and_those_before(case):
    layer_class, config, inputs, arrays, output_shape = case
    shown = [keras.layers.Conv2D(each.shape[-1], 1)(each) for each in (inputs if isinstance(inputs, list) else [inputs])]
    model = keras.Model(inputs, layer_class(**config)(shown if isinstance(inputs, list) else shown[0]))
    before = [variable.numpy().copy() for variable in model.weights]
    model.compile(keras.optimizers.SGD(1.0), "mse")
    target = np.random.default_rng(1).normal(size=(3, *output_shape))
    model.fit(arrays, target, epochs=2, verbose=0)
    unchanged = [v.path for v, old in zip(model.weights, before, strict=True) if np.array_equal(v.numpy(), old)]
    assert not unchanged


def test_mixed_precision_computes_in_half_and_keeps_weights_in_full(case):
    layer_class, config, _, arrays, _ = case
    layer = layer_class(**config, dtype="mixed_bfloat16")
    outputs = layer(arrays)
    assert outputs.dtype == "bfloat16"
    assert {variable.dtype for variable in layer.weights} <= {"float32"}
    assert {inner.compute_dtype for inner in layer._flatten_layers(include_self=False)} <= {"bfloat16"}


def test_fusion_follows_its_equations():
    random = np.random.default_rng(0)
    local, global_ = random.normal(size=(2, 4, 4, 4)), random.normal(size=(2, 2, 2, 8))
    layer = ABLGFM(8, reduction=2)
    layer([local, global_])
    for variable in layer.weights:
        variable.assign(random.uniform(0.5, 1.5, variable.shape))
    weights = {variable.path.split("/", 1)[1]: variable.numpy() for variable in layer.weights}

    def pwconv_bn(x, name, relu):
        x = x @ weights[f"{name}/convolution/kernel"][0, 0]
        mean, variance, gamma, beta = (
            weights[f"{name}/normalization/{key}"] for key in ("moving_mean", "moving_variance", "gamma", "beta")
        )
        x = (x - mean) / np.sqrt(variance + 1e-5) * gamma + beta
        return np.maximum(x, 0) if relu else x

    pooled = local.reshape(2, 2, 2, 2, 2, 4).mean(axis=(2, 4))
    projected = pwconv_bn(pooled, "local_projection", relu=True)
    summed = projected + global_
    position = pwconv_bn(pwconv_bn(summed, "position_reduce", True), "position_expand", False)
    context = summed.mean(axis=(1, 2), keepdims=True)
    context = pwconv_bn(pwconv_bn(context, "context_reduce", True), "context_expand", False)
    attention = 1 / (1 + np.exp(-(position + context)))
    expected = attention * projected + (1 - attention) * global_
    np.testing.assert_allclose(np.asarray(layer([local, global_])), expected, atol=1e-5)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: ABLGFM(8, reduction=3), "reduction must divide"),
        (lambda: ABLGFM(8)([np.ones((1, 5, 5, 8), "float32"), np.ones((1, 2, 2, 8), "float32")]), "whole multiple"),
        (lambda: ABLGFM(8)(np.ones((1, 4, 4, 8), "float32")), "list of two feature maps"),
    ],
)
def test_wrong_arguments_are_explained(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_second_moments_are_averages_of_products_and_their_mean_a_signed_root():
    maps = np.random.default_rng(0).normal(size=(2, 12, 6, 3)).astype("float32")
    found = np.asarray(SecondMoments(3)(maps))
    assert found.shape == (2, 3, 3, 6)
    pairs = [(0, 0), (0, 1), (0, 2), (1, 1), (1, 2), (2, 2)]
    products = np.stack([maps[..., first] * maps[..., second] for first, second in pairs], axis=-1)
    whole = products.mean(axis=(1, 2), keepdims=True)
    cells = products.reshape(2, 3, 4, 3, 2, 6).mean(axis=(2, 4))
    np.testing.assert_allclose(found, cells / np.sqrt(np.abs(whole) + SOFTENING), atol=1e-5)
    large = np.asarray(SecondMoments(3)(100 * maps)).mean(axis=(1, 2))
    roots = 100 * np.sign(whole) * np.sqrt(np.abs(whole))
    np.testing.assert_allclose(large, roots[:, 0, 0], atol=0.2)


def test_second_moments_of_groups_are_those_of_their_largest_channels():
    maps = np.random.default_rng(0).normal(size=(2, 6, 6, 6)).astype("float32")
    layer = SecondMoments(3, group=2)
    found = SecondMoments.from_config(layer.get_config())(maps)
    assert found.shape == layer.compute_output_shape(maps.shape) == (2, 3, 3, 6)
    np.testing.assert_allclose(found, SecondMoments(3)(np.maximum(maps[..., ::2], maps[..., 1::2])), atol=1e-6)
    with pytest.raises(ValueError, match="6 channels can't be put in groups of 4"):
        SecondMoments(3, group=4)(maps)


def test_second_moments_in_a_square_have_every_pair_twice():
    maps = np.random.default_rng(0).normal(size=(2, 6, 6, 4)).astype("float32")
    layer = SecondMoments(3, square=True)
    found = np.asarray(SecondMoments.from_config(layer.get_config())(maps))
    assert found.shape == layer.compute_output_shape(maps.shape) == (2, 3, 3, 16)
    square = found.reshape(2, 3, 3, 4, 4)
    np.testing.assert_allclose(square, square.swapaxes(-1, -2), atol=1e-6)
    np.testing.assert_allclose(square[..., *np.triu_indices(4)], SecondMoments(3)(maps), atol=1e-6)


def test_second_moments_of_an_empty_map_have_a_finite_slope():
    variable = keras.Variable(np.zeros((1, 4, 4, 2)))
    with tf.GradientTape() as tape:
        moments = keras.ops.sum(SecondMoments(2)(variable.value))
    assert np.isfinite(tape.gradient(moments, variable.value)).all()


def test_second_moments_need_whole_cells():
    with pytest.raises(ValueError, match="3 cells along each side need whole multiples of that; got 8x8"):
        SecondMoments(3)(np.zeros((1, 8, 8, 2)))
