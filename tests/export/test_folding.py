"""The deployed form computes what the trained network does, and is what it says it is."""

import keras
import numpy as np
import pytest
from sklearn.datasets import load_sample_images

from mpox_keras import FastMpoxNet, deploy
from mpox_keras.export.folding import channel_ranges, exportable, fold_batch_norms
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.complexity import measure_complexity
from mpox_keras.models.image_classifier import ImageClassifier
from mpox_keras.training.out_of_distribution import add_ood_score

SIZE = 64


@pytest.fixture(scope="module")
def photos():
    crops = [picture[:SIZE, left : left + SIZE] for picture in load_sample_images().images for left in range(0, 512, 128)]
    return np.stack(crops)


def randomized(model, seed=0):
    """Statistics, factors and biases far from their start, so that a form that forgot one would show."""
    random = np.random.default_rng(seed)
    for variable in model.weights:
        if "normalization" in variable.path:
            variable.assign(random.uniform(0.5, 1.5, variable.shape))
    return model


@pytest.fixture(scope="module")
def model(photos):
    keras.utils.set_random_seed(0)
    return add_ood_score(randomized(FastMpoxNet(input_shape=(SIZE, SIZE, 3))), photos)


def assert_same(folded, model, photos, temperature=1.0):
    expected = deploy(model, class_activation_map=True, temperature=temperature).predict(photos, verbose=0)
    found = folded.predict(photos, verbose=0)
    assert set(found) == set(expected)
    for name in expected:
        scale = np.abs(expected[name]).max()
        np.testing.assert_allclose(found[name] / scale, expected[name] / scale, atol=2e-5, err_msg=name)


def test_folded_form_computes_what_the_trained_one_does(model, photos):
    assert_same(fold_batch_norms(model, temperature=0.5), model, photos, temperature=0.5)


@pytest.mark.parametrize("size", [32, 96, 224])
def test_folded_form_is_exact_at_every_size(size):
    model = randomized(FastMpoxNet(input_shape=(size, size, 3), auxiliary_heads=False), seed=size)
    photos = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype("float32")
    assert_same(fold_batch_norms(model), model, photos)


def test_folded_form_without_fusion(photos):
    model = randomized(FastMpoxNet(input_shape=(SIZE, SIZE, 3), fusion=False, head_filters=64))
    assert_same(fold_batch_norms(model), model, photos)


def test_channels_of_one_range_change_nothing(model, photos):
    folded = fold_batch_norms(model)
    ranges = channel_ranges(folded, photos)
    equalized = fold_batch_norms(model, ranges=ranges)
    assert_same(equalized, model, photos)
    after = channel_ranges(equalized, photos)
    for name, values in after.items():
        # What a fusion adds up has one scale for both, and what ends in a sigmoid or the head keeps its own.
        if name.startswith("stage"):
            assert values.max() == pytest.approx(1, abs=1e-3), name
            # The others are dead: blown up, they would be nothing but rounding.
            assert np.isclose(values, 1, atol=1e-3).mean() > 0.3, name


def test_nothing_is_left_to_fold_and_little_to_move(model):
    folded = fold_batch_norms(model)
    kinds = [type(layer).__name__ for layer in folded.layers]
    assert not {"BatchNormalization", "ShuffleUnit", "ABLGFM", "PointwiseBlock", "Rescaling"}.intersection(kinds)
    # One slice for each range of channels: picking channels one by one would take hundreds.
    assert kinds.count("GetItem") < 80


def test_folded_form_needs_no_more_than_the_budget():
    folded = fold_batch_norms(FastMpoxNet())
    assert measure_complexity(folded)["multiply_adds"] <= 45_000_000
    trained = measure_complexity(deploy(FastMpoxNet()))
    assert measure_complexity(folded)["trainable_parameters"] < trained["trainable_parameters"]


@pytest.mark.parametrize(
    "build",
    [
        lambda: ImageClassifier(Backbone("MobileNetV3Small", 0.5, (SIZE, SIZE, 3))),
        lambda: FastMpoxNet(backbone="MobileNetV2", input_shape=(SIZE, SIZE, 3)),
    ],
)
def test_other_networks_are_exported_as_deployed(build, photos):
    model = build()
    assert_same(exportable(model, 2.0), model, photos, temperature=2.0)
