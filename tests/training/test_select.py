"""Networks that leave folds out, and the choice among them. The networks are as small as can be."""

import itertools
import json
from functools import partial

import numpy as np
import pytest
from tiny_network import tiny

from mpox_keras.config import ConfigError, load_config, parse_config
from mpox_keras.data.folder import CLASSES, Photo
from mpox_keras.data.loading import PhotoArrays
from mpox_keras.data.sources import read_grouped_photos
from mpox_keras.data.synthetic import write_synthetic_photos
from mpox_keras.training import folds, select
from mpox_keras.training.folds import FoldPredictions, train_left_out
from mpox_keras.training.select import select_network

pytestmark = pytest.mark.usefixtures("without_graphs")

CONFIG = parse_config(
    {
        "model": {"weights": None, "image_size": 32},
        "training": {"epochs": 1, "batch_size": 8, "warmup_epochs": 0, "threads": 1},
        "data": {"folds": 3},
    }
)

FITTED = ["training.epochs=0", "training.refit_classifier=0.1"]
"""For a network of which the last layer alone is trained, in a moment."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("select") / "photos"
    write_synthetic_photos(folder, scenes_per_class=3)
    return read_grouped_photos(folder, CLASSES)


@pytest.fixture
def arrays():
    random = np.random.default_rng(0)
    labels = np.arange(24) % 4
    return PhotoArrays(random.integers(0, 256, (24, 32, 32, 3), "uint8"), labels)


FOLDS = np.arange(24) // 8


@pytest.mark.slow
def test_workers_give_the_answers_that_one_process_gives(arrays, tmp_path):
    """But for the last digits, which TensorFlow's threads set."""
    left_out = [(0,), (0, 1)]
    fitted = parse_config(CONFIG.model_dump(), FITTED)
    alone, beside = (
        train_left_out(fitted, arrays, FOLDS, left_out, tmp_path / f"{workers}", workers=workers, build=tiny)
        for workers in (1, 2)
    )
    assert [len(beside[folds].probabilities) for folds in left_out] == [8, 16]
    for folds_left_out in left_out:
        np.testing.assert_allclose(beside[folds_left_out].probabilities, alone[folds_left_out].probabilities, atol=1e-4)
        assert (tmp_path / "2" / f"fold_{'_'.join(map(str, folds_left_out))}" / "model.keras").is_file()


def test_a_network_never_sees_what_it_leaves_out(arrays, tmp_path, monkeypatch):
    seen = []
    train = folds.train

    def watched(config, photos, folder, **options):
        seen.append(photos)
        return train(config, photos, folder, **options)

    monkeypatch.setattr(folds, "train", watched)
    train_left_out(CONFIG, arrays, FOLDS, [(0, 2)], tmp_path, build=tiny)
    (photos,) = seen
    np.testing.assert_array_equal(photos.pixels, arrays.pixels[8:16])
    np.testing.assert_array_equal(photos.labels, arrays.labels[8:16])
    train_left_out(CONFIG, arrays, FOLDS, [(0, 2)], tmp_path, build=tiny)
    assert len(seen) == 1, "what has ended is not done again"


def fake(accuracy):
    """What networks answer of a given accuracy: (candidate, folds left out, fold) -> share of its photos that are right."""

    def train_left_out(config, arrays, folds, left_out, folder, workers):
        made = {}
        for without in left_out:
            held_out = np.isin(folds, without)
            probabilities = np.zeros((held_out.sum(), 4))
            for fold in without:
                rows = np.flatnonzero(folds[held_out] == fold)
                right = round(accuracy(folder.name, without, fold) * len(rows))
                answers = arrays.labels[held_out][rows]
                answers[right:] = (answers[right:] + 1) % 4
                probabilities[rows, answers] = 1
            made[without] = FoldPredictions(probabilities, np.zeros(len(probabilities)), None)
        return made

    return train_left_out


def costs(configs):
    return {
        name: {
            "trainable_parameters": 100 * round(100 * config.model.dropout),
            "multiply_adds": 1,
            "tflite_bytes": 1000 * round(100 * config.model.dropout),
            "milliseconds": 0.1 * round(100 * config.model.dropout),
        }
        for name, config in configs.items()
    }


@pytest.fixture
def candidates():
    return {name: parse_config(CONFIG.model_dump(), [f"model.dropout={n}"]) for name, n in (("large", 0.16), ("small", 0.08))}


@pytest.fixture
def made_up():
    """Three folds of eight photos that are nowhere."""
    return [Photo(f"{i}.png", b"", CLASSES[i % 4], str(i), fold=i // 8) for i in range(24)]


def chosen_with(accuracy, candidates, photos, folder, monkeypatch):
    monkeypatch.setattr(select, "train_left_out", fake(accuracy))
    labels = np.array([CLASSES.index(photo.label) for photo in photos])
    monkeypatch.setattr(select, "load_arrays", lambda photos, config: PhotoArrays(np.zeros((24, 1, 1, 3), "uint8"), labels))
    monkeypatch.setattr(select, "_costs", costs)
    return select_network(candidates, photos, folder)


def test_a_fold_is_evaluated_by_what_was_chosen_without_it(candidates, made_up, tmp_path, monkeypatch):
    """The large network shines on fold 2 alone: whoever chooses with that fold takes it, and is disappointed on the others."""

    def accuracy(name, without, fold):
        if len(without) == 1:
            return {"large": 0.25, "small": 0.75}[name]
        return {"large": 1.0 if fold == 2 else 0.5, "small": 0.625}[name]

    results = chosen_with(accuracy, candidates, made_up, tmp_path, monkeypatch)
    assert {fold: choice["network"] for fold, choice in results["chosen"].items()} == {0: "large", 1: "large", 2: "small"}
    assert results["chosen"][0]["inner_accuracy"] == {"large": 0.75, "small": 0.625}
    assert results["accuracy"] == pytest.approx((0.25 + 0.25 + 0.75) / 3)
    assert results["candidates"]["small"]["accuracy"] == pytest.approx(0.75)
    assert results["winner"] == "small"
    assert load_config(tmp_path / "winner.yaml") == candidates["small"]
    assert json.loads((tmp_path / "results.json").read_text())["chosen"]["2"]["network"] == "small"
    assert "<svg" in (tmp_path / "selection.svg").read_text()
    assert "large for fold 0" in (tmp_path / "report.html").read_text()


def test_of_equals_the_smaller_is_chosen(candidates, made_up, tmp_path, monkeypatch):
    results = chosen_with(lambda *_: 0.5, candidates, made_up, tmp_path, monkeypatch)
    assert results["winner"] == "small"
    assert {choice["network"] for choice in results["chosen"].values()} == {"small"}


@pytest.mark.slow
def test_choosing_from_photos_to_a_winner(candidates, photos, tmp_path, monkeypatch):
    candidates = {name: parse_config(config.model_dump(), FITTED) for name, config in candidates.items()}
    monkeypatch.setattr(select, "build_model", tiny)
    monkeypatch.setattr(select, "train_left_out", partial(train_left_out, build=tiny))
    results = select_network(candidates, photos, tmp_path)
    for name, candidate in results["candidates"].items():
        assert candidate["tflite_bytes"] > 500
        assert candidate["milliseconds"] > 0
        runs = {path.parent.name for path in (tmp_path / name).glob("*/model.keras")}
        pairs = itertools.combinations(range(3), 2)
        assert runs == {*(f"fold_{i}" for i in range(3)), *(f"fold_{i}_{j}" for i, j in pairs)}
    assert results["photos"] == len(photos)
    monkeypatch.setattr(folds, "train", None)
    monkeypatch.setattr(select, "_costs", costs)
    assert select_network(candidates, photos, tmp_path)["accuracy"] == results["accuracy"]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["data.folds=4"], "small and large differ in data"),
        (["seed=1"], "small and large differ in seed"),
    ],
)
def test_what_cannot_be_compared_is_refused(candidates, made_up, tmp_path, overrides, message):
    small = parse_config(candidates["small"].model_dump(), overrides)
    with pytest.raises(ConfigError, match=message):
        select_network({"large": candidates["large"], "small": small}, made_up, tmp_path)
    with pytest.raises(ConfigError, match="nothing to choose among large"):
        select_network({"large": candidates["large"]}, made_up, tmp_path)
