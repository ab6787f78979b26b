"""A network tells photos like its own from pictures of other things."""

import keras
import numpy as np
import pytest

from mpox_keras.data.non_skin import non_skin_pictures, synthetic_pictures
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.deploy import deploy
from mpox_keras.models.fast_mpoxnet import FastMpoxNet
from mpox_keras.models.image_classifier import ImageClassifier
from mpox_keras.training.out_of_distribution import add_ood_score

SIZE = 32


@pytest.fixture(scope="module")
def photos():
    """Sixty pictures in two shades of brown, of which no two are alike."""
    random = np.random.default_rng(0)
    cells = random.integers(0, 30, (60, 2, 2, 1)) + np.array([150, 100, 80])
    return np.repeat(np.repeat(cells, SIZE // 2, axis=1), SIZE // 2, axis=2).astype("uint8")


@pytest.mark.slow
@pytest.mark.parametrize("build", [FastMpoxNet, lambda **options: ImageClassifier(Backbone("MobileNetV3Small", **options))])
def test_new_photos_are_usual_and_new_pictures_of_other_things_are_not(build, photos, tmp_path):
    keras.utils.set_random_seed(0)
    network = build(input_shape=(SIZE, SIZE, 3))
    add_ood_score(network, photos[:40]).save(tmp_path / "model.keras")
    model = keras.models.load_model(tmp_path / "model.keras")
    noise, _, blots = np.split(synthetic_pictures(np.random.default_rng(5), 8, SIZE), 3)  # a plain colour may be brown
    usual, unlike = (deploy(model).predict(shown, verbose=0) for shown in (photos[40:], np.concatenate([noise, blots])))
    assert unlike["ood_score"].shape == (16, 1)
    assert unlike["ood_score"].max() <= 1
    assert (unlike["ood_score"] > usual["ood_score"].max()).mean() > 0.8
    assert type(model) is type(network)
    untouched = deploy(network).predict(photos[40:], verbose=0)["probabilities"]
    np.testing.assert_allclose(usual["probabilities"], untouched, atol=1e-6)


@pytest.mark.slow
def test_it_learns_what_it_is_shown(photos):
    """What counts as another thing is what it is given, and what it knew before is forgotten."""
    keras.utils.set_random_seed(0)
    blue, brown = photos[..., ::-1], photos
    first = add_ood_score(FastMpoxNet(input_shape=(SIZE, SIZE, 3)), brown, blue)
    second = add_ood_score(first, blue, brown)
    for model, usual, unlike in ((first, brown, blue), (second, blue, brown)):
        usual, unlike = (deploy(model).predict(pictures, verbose=0)["ood_score"] for pictures in (usual, unlike))
        assert usual.mean() < 0.5 < unlike.mean()
    assert second.output_names == first.output_names
    assert second.backbone is first.backbone


def test_the_same_seed_gives_the_same_weights(photos):
    keras.utils.set_random_seed(0)
    network = FastMpoxNet(input_shape=(SIZE, SIZE, 3))
    first, again, other = (
        add_ood_score(network, photos, seed=seed).get_layer("ood_score").get_weights()[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_pictures_of_other_things_are_many_and_differ():
    pictures = non_skin_pictures()
    assert pictures.shape == (36, 512, 512, 3)
    assert pictures.dtype == np.uint8
    means = pictures.reshape(36, -1).mean(axis=1)
    assert len(np.unique(means)) == 36
