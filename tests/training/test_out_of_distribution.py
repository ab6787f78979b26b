"""A network tells photos like its own from pictures of other things."""

import keras
import numpy as np
import pytest
from PIL import Image
from tiny_network import small, tiny, tiny_fast_mpoxnet

from mpox_keras.config import ModelConfig, parse_config
from mpox_keras.data import non_skin
from mpox_keras.data.decode import PhotoError
from mpox_keras.data.folder import DataError
from mpox_keras.data.loading import PhotoArrays
from mpox_keras.data.non_skin import non_skin_pictures, synthetic_pictures
from mpox_keras.models.deploy import deploy
from mpox_keras.training import fit
from mpox_keras.training.out_of_distribution import add_ood_score

pytestmark = pytest.mark.usefixtures("without_graphs")

SIZE = 32
CONFIG = ModelConfig(image_size=SIZE)


@pytest.fixture(scope="module")
def photos():
    """Sixty pictures in two shades of brown, of which no two are alike."""
    random = np.random.default_rng(0)
    cells = random.integers(0, 30, (60, 2, 2, 1)) + np.array([150, 100, 80])
    return np.repeat(np.repeat(cells, SIZE // 2, axis=1), SIZE // 2, axis=2).astype("uint8")


@pytest.mark.parametrize("build", [tiny, tiny_fast_mpoxnet])
def test_new_photos_are_usual_and_new_pictures_of_other_things_are_not(build, photos, tmp_path):
    keras.utils.set_random_seed(0)
    network = build(CONFIG, 4)
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


def test_it_learns_what_it_is_shown(photos):
    """What counts as another thing is what it is given, and what it knew before is forgotten."""
    keras.utils.set_random_seed(0)
    blue, brown = photos[..., ::-1], photos
    first = add_ood_score(small(SIZE), brown, blue)
    second = add_ood_score(first, blue, brown)
    for model, usual, unlike in ((first, brown, blue), (second, blue, brown)):
        usual, unlike = (deploy(model).predict(pictures, verbose=0)["ood_score"] for pictures in (usual, unlike))
        assert usual.mean() < 0.5 < unlike.mean()
    assert second.output_names == first.output_names
    assert second.backbone is first.backbone


def test_the_same_seed_gives_the_same_weights(photos):
    keras.utils.set_random_seed(0)
    network = tiny(CONFIG, 4)
    first, again, other = (
        add_ood_score(network, photos, seed=seed).get_layer("ood_score").get_weights()[0] for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_pictures_of_a_folder_are_shown_too(tmp_path, monkeypatch):
    for number in range(5):
        Image.new("RGB", (60, 40), (200, 10 * number, 0)).save(tmp_path / f"{number}.png")
    (tmp_path / "notes.txt").write_text("no picture")
    pictures = non_skin_pictures(tmp_path)
    np.testing.assert_array_equal(pictures[:36], non_skin_pictures())
    assert pictures.shape == (41, 512, 512, 3)
    assert pictures[36:, 0, 0].tolist() == [[200, 10 * number, 0] for number in range(5)]
    monkeypatch.setattr(non_skin, "_MOST", 2)
    assert non_skin_pictures(tmp_path)[36:, 0, 0].tolist() == [[200, 0, 0], [200, 30, 0]]


def test_a_folder_without_pictures_is_told(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    for folder in (tmp_path, tmp_path / "nowhere", tmp_path / "notes.txt"):
        with pytest.raises(DataError, match=r"holds no pictures. Name another folder in data\.non_skin"):
            non_skin_pictures(folder)
    (tmp_path / "broken.png").write_text("no picture")
    with pytest.raises(PhotoError, match=r"broken\.png is not a readable"):
        non_skin_pictures(tmp_path)


def test_training_takes_the_folder_that_a_config_names(photos, tmp_path, monkeypatch):
    Image.new("RGB", (60, 40), "blue").save(tmp_path / "blue.png")
    shown = []

    def watched(model, pixels, non_skin, seed):
        shown.append(non_skin)
        return add_ood_score(model, pixels, non_skin, seed)

    monkeypatch.setattr(fit, "add_ood_score", watched)
    config = {"model": {"image_size": SIZE, "weights": None}, "training": {"epochs": 0, "refit_classifier": 0.1}}
    config = parse_config(config, [f"data.non_skin={tmp_path}", "data.classes=[a, b]"])
    fit.train(config, PhotoArrays(photos[:8], np.arange(8) % 2), tmp_path / "run", build=tiny)
    assert len(shown[0]) == 37
    assert shown[0][-1, 0, 0].tolist() == [0, 0, 255]


def test_pictures_of_other_things_are_many_and_differ():
    pictures = non_skin_pictures()
    assert pictures.shape == (36, 512, 512, 3)
    assert pictures.dtype == np.uint8
    means = pictures.reshape(36, -1).mean(axis=1)
    assert len(np.unique(means)) == 36
