"""Frozen stages: the two parts make the whole, batches repeat, and the teacher never saw what it teaches."""

import itertools

import keras
import numpy as np
import pytest

from mpox_keras.config import ConfigError, parse_config
from mpox_keras.models import FastMpoxNet
from mpox_keras.models.pretrained import UNIT_RANGE, PretrainedBackbone
from mpox_keras.training import prepare, train
from mpox_keras.training.distillation import soft_labels
from mpox_keras.training.views import Views, make_views, split_network, view_batches

FROZEN = {
    "model": {"weights": "stand_in", "image_size": 64},
    "training": {"epochs": 2, "batch_size": 8, "warmup_epochs": 1, "frozen_stages": 3, "views": 2, "image_size": 32},
}


@pytest.fixture(autouse=True)
def pretrained(monkeypatch):
    """A backbone of random weights in place of a downloaded one."""
    keras.utils.set_random_seed(5)
    arrays = {weight.path: weight.numpy() for weight in FastMpoxNet(input_shape=(32, 32, 3)).weights}
    for module in ("mpox_keras.models.fast_mpoxnet", "mpox_keras.training.runs"):
        monkeypatch.setattr(f"{module}.load_pretrained_backbone", lambda _: PretrainedBackbone(arrays, UNIT_RANGE, "c0ffee"))
    return arrays


@pytest.fixture(scope="module")
def photos():
    return np.random.default_rng(0).integers(0, 256, (16, 64, 64, 3), dtype="uint8")


@pytest.mark.parametrize("options", [{}, {"fusion": False, "auxiliary_heads": False}])
@pytest.mark.parametrize("stages", [2, 3, 4])
def test_the_parts_compute_what_the_whole_does(photos, options, stages):
    whole = FastMpoxNet(input_shape=(64, 64, 3), **options)
    frozen, trained = split_network(whole, stages)
    expected = whole.predict(photos[:2], verbose=0)
    found = trained.predict(frozen.predict(photos[:2], verbose=0), verbose=0)
    assert set(found) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=1e-5)


def test_views_of_a_photo_do_not_depend_on_the_others_that_are_chosen(photos):
    config = parse_config(FROZEN)
    views = prepare(config, photos)
    assert [values.shape for values in views.features] == [(16, 2, 4, 4, 48), (16, 2, 2, 2, 96)]
    assert views.per_photo == 2
    chosen = views[np.array([3, 5])]
    np.testing.assert_array_equal(chosen.features[0][1], views.features[0][5])
    assert not np.array_equal(views.features[0][:, 0], views.features[0][:, 1])


def test_photos_that_are_not_augmented_go_through_as_they_are(photos):
    config = parse_config(FROZEN, ["training.image_size=64"])
    whole = FastMpoxNet(weights="stand_in", input_shape=(64, 64, 3))
    frozen, _ = split_network(whole, 3)
    views = make_views(config, photos, frozen, augmented=False)
    expected = frozen.predict(photos.astype("float32"), verbose=0)
    np.testing.assert_allclose(views.features[1][:, 0], expected[1], atol=2e-3)


def test_batches_repeat_and_a_resumed_run_sees_the_rest_of_them():
    random = np.random.default_rng(0)
    views = Views((random.random((10, 3, 2, 2, 4), dtype="float32"),))
    targets = random.random((10, 3, 5), dtype="float32")

    def take(count, **options):
        return [
            (features[0].numpy(), target.numpy())
            for features, target in itertools.islice(view_batches(views, targets, 0.5, 4, **options), count)
        ]

    whole = take(6, seed=1)
    for (a, b), (c, d) in zip(whole[4:], take(2, seed=1, first_step=4), strict=True):
        np.testing.assert_array_equal(a, c)
        np.testing.assert_array_equal(b, d)
    assert not np.array_equal(whole[0][0], take(1, seed=2)[0][0])


def test_targets_stay_with_their_views():
    codes = np.arange(30, dtype="float32").reshape(10, 3)
    views = Views((np.broadcast_to(codes[:, :, None, None, None], (10, 3, 2, 2, 1)),))
    for features, target in itertools.islice(view_batches(views, codes[..., None], 0.5, 4, seed=0), 10):
        np.testing.assert_allclose(features[0].numpy()[:, 0, 0, 0], target.numpy()[:, 0], atol=1e-5)


def test_training_leaves_frozen_stages_as_they_were(photos, pretrained, tmp_path):
    config = parse_config(FROZEN)
    model = train(config, prepare(config, photos), np.arange(16) % 4, tmp_path, validation=(photos, np.arange(16) % 4))
    assert model.input_shape == (None, 64, 64, 3)
    for layer in model.layers:
        same = [
            np.array_equal(weight.numpy(), pretrained[weight.path]) for weight in layer.weights if weight.path in pretrained
        ]
        if layer.name.startswith(("stem", "stage2", "stage3")):
            assert all(same), layer.name
        elif layer.name.startswith("stage4"):
            assert not all(same), layer.name


def test_the_teacher_never_saw_the_group_that_it_teaches():
    """Groups that are told apart by nothing but themselves: a teacher that had seen them would know their labels."""
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 3)
    labels = random.integers(0, 2, 40)[groups]
    features = (5 * random.normal(size=(40, 60))[groups])[:, None] + 0.01 * random.normal(size=(120, 2, 60))
    taught = soft_labels(features, labels, groups, 2, seed=0)
    np.testing.assert_allclose(taught.sum(axis=2), 1, atol=1e-5)
    assert (taught.argmax(2) == labels[:, None]).mean() < 0.7
    leaking = soft_labels(features, labels, np.arange(120), 2, seed=0)
    assert (leaking.argmax(2) == labels[:, None]).mean() > 0.8


def test_a_teacher_that_knows_is_believed():
    random = np.random.default_rng(0)
    labels = np.arange(60) % 3
    features = np.eye(3)[labels][:, None] + 0.1 * random.normal(size=(60, 2, 3))
    taught = soft_labels(features, labels, np.arange(60), 4, seed=0)
    assert taught.shape == (60, 2, 4)
    assert (taught.argmax(2) == labels[:, None]).all()
    assert taught[..., 3].max() == 0


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.weights=null", "needs a FastMpoxNet with pretrained"),
        ("training.frozen_stages=1", "training.frozen_stages"),
    ],
)
def test_what_cannot_be_frozen_is_refused(override, message):
    with pytest.raises(ConfigError, match=message):
        parse_config(FROZEN, [override])
    with pytest.raises(ConfigError, match="teacher_weight needs"):
        parse_config({}, ["training.teacher_weight=0.5"])
