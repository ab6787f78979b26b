"""Training: exact resume, reproducibility, what a run folder holds. Tiny pictures, few steps."""

import csv
import hashlib
import itertools
import json
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
from tiny_network import tiny, tiny_fast_mpoxnet

from mpox_keras.config import load_config, parse_config
from mpox_keras.data.folder import DataError, read_folder
from mpox_keras.data.loading import PhotoArrays, load_photos
from mpox_keras.data.synthetic import write_synthetic_photos
from mpox_keras.evaluation.external import evaluate_left_out_source
from mpox_keras.evaluation.thresholds import choose_thresholds
from mpox_keras.inference.classifier import load_classifier
from mpox_keras.inference.metadata import read_metadata
from mpox_keras.models.deploy import deploy
from mpox_keras.training import crossval, fit, folds
from mpox_keras.training.crossval import cross_validate
from mpox_keras.training.fit import balanced_weights, compile_model, fit_photos, train
from mpox_keras.training.refit import refit_classifier
from mpox_keras.training.runs import RunError, open_run, training_seconds

pytestmark = pytest.mark.usefixtures("without_graphs")

TINY = {
    "model": {"weights": None, "image_size": 32},
    "training": {"epochs": 3, "batch_size": 8, "warmup_epochs": 1},
    "data": {"folds": 2, "validation_fraction": 0.5},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    directory = tmp_path_factory.mktemp("data") / "photos"
    write_synthetic_photos(directory, scenes_per_class=3)
    return directory


@pytest.fixture(scope="module")
def arrays():
    random = np.random.default_rng(0)
    return PhotoArrays(random.integers(0, 256, (16, 32, 32, 3), dtype="uint8"), np.arange(16) % 4)


WITH_REFIT = ["training.epochs=2", "training.refit_classifier=0.1"]
several_heads = partial(tiny_fast_mpoxnet, fusion=False)


@pytest.fixture(scope="module")
def uninterrupted(arrays, tmp_path_factory):
    """The network, its folder, and its weights before the last layer was fitted anew."""
    folder, before = tmp_path_factory.mktemp("uninterrupted"), {}

    def watched(model, photos, penalty):
        before.update({weight.path: weight.numpy() for weight in model.weights})
        refit_classifier(model, photos, penalty)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "refit_classifier", watched)
        model = train(parse_config(TINY, WITH_REFIT), arrays, folder, validation=arrays, build=several_heads)
    return model, folder, before


def test_a_network_with_one_head_trains_too(arrays, tmp_path, capsys):
    model = train(parse_config(TINY, ["training.epochs=1"]), arrays, tmp_path, validation=arrays, build=tiny)
    assert list(model.output_names) == ["diagnosis", "ood_score"]
    assert "validation accuracy" in capsys.readouterr().err


class StopAfter(Exception):
    pass


@pytest.mark.slow
def test_a_resumed_run_ends_like_an_uninterrupted_one(arrays, uninterrupted, tmp_path, monkeypatch):
    from mpox_keras.training import callbacks

    save = callbacks.Checkpoint.on_epoch_end

    def save_and_stop(self, epoch, logs=None):
        save(self, epoch, logs)
        raise StopAfter

    monkeypatch.setattr(callbacks.Checkpoint, "on_epoch_end", save_and_stop)
    config = parse_config(TINY, WITH_REFIT)
    for _ in range(2):  # the last one after the last epoch, before the network is saved
        with pytest.raises(StopAfter):
            train(config, arrays, tmp_path, validation=arrays, build=several_heads)
    monkeypatch.undo()
    resumed = train(config, arrays, tmp_path, validation=arrays, build=several_heads)

    model, folder, _ = uninterrupted
    for expected, found in zip(model.weights, resumed.weights, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy(), err_msg=expected.path)
    logs = [list(csv.DictReader((f / "log.csv").open())) for f in (folder, tmp_path)]
    assert [row["epoch"] for row in logs[1]] == ["1", "2"]
    assert [row["loss"] for row in logs[1]] == [row["loss"] for row in logs[0]]
    assert not (tmp_path / "checkpoint.npz").exists()
    assert not keras.models.load_model(tmp_path / "model.keras").compiled


@pytest.mark.slow
def test_stages_begin_to_learn_one_after_another_and_a_resumed_run_keeps_to_it(arrays, tmp_path, monkeypatch):
    from mpox_keras.training import callbacks

    config = parse_config(TINY, ["training.unfreezing=[1, 2]"])
    save, states = callbacks.Checkpoint.on_epoch_end, []

    def save_and_stop(self, epoch, logs=None):
        save(self, epoch, logs)
        stages = [[w.numpy() for layer in stage for w in layer.weights] for stage in self.model.backbone.stages]
        states.append([*stages, self.model.get_layer("diagnosis").get_weights()])
        raise StopAfter

    monkeypatch.setattr(callbacks.Checkpoint, "on_epoch_end", save_and_stop)
    for _ in range(3):
        with pytest.raises(StopAfter):
            train(config, arrays, tmp_path, build=tiny)

    keras.utils.set_random_seed(config.seed)
    model = tiny(config.model, 4)
    stages = [[w.numpy() for layer in stage for w in layer.weights] for stage in model.backbone.stages]
    states.insert(0, [*stages, model.get_layer("diagnosis").get_weights()])
    moved = [
        [any(not np.array_equal(a, b) for a, b in zip(*pair, strict=True)) for pair in zip(before, after, strict=True)]
        for before, after in itertools.pairwise(states)
    ]
    # Statistics of batch normalisations count too: a frozen stage stays as it was trained.
    assert moved == [[False] * 5 + [True], [False] * 4 + [True] * 2, [True] * 6]


def test_a_backbone_that_is_to_learn_after_the_last_epoch_never_does(arrays, tmp_path):
    config = parse_config(TINY, ["training.unfreezing=[3]"])
    keras.utils.set_random_seed(config.seed)
    before = {weight.path: weight.numpy() for weight in tiny(config.model, 4).weights}
    model = train(config, arrays, tmp_path, build=tiny)
    after = {weight.path: weight.numpy() for weight in model.weights}
    # Keras swaps weights and averages by addition, which rounds.
    changed = {path for path in before if not np.allclose(after[path], before[path], atol=1e-6)}
    assert changed
    assert changed.isdisjoint(weight.path for weight in model.backbone.weights)


def test_a_finished_run_is_not_trained_again(arrays, uninterrupted, monkeypatch):
    model, folder, _ = uninterrupted
    monkeypatch.setattr(keras.Model, "fit", None)
    again = train(parse_config(TINY), arrays, folder)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


REFIT = ["training.epochs=0", "training.refit_classifier=0.1"]


def test_without_epochs_the_last_layer_alone_is_fitted(arrays, tmp_path, monkeypatch):
    config = parse_config(TINY, REFIT)
    keras.utils.set_random_seed(config.seed)
    expected = tiny(config.model, 4)
    refit_classifier(expected, arrays, 0.1)
    model = train(config, arrays, tmp_path, build=tiny)
    for found, wanted in zip(model.get_weights(), expected.get_weights(), strict=False):  # the score's come last
        np.testing.assert_array_equal(found, wanted)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.keras"]
    assert training_seconds(tmp_path) == 0
    monkeypatch.setattr(fit, "refit_classifier", None)
    again = train(config, arrays, tmp_path, build=tiny)
    np.testing.assert_array_equal(again.get_weights()[0], model.get_weights()[0])


def test_after_the_epochs_the_last_layer_is_fitted_anew(arrays, uninterrupted):
    model, _, before = uninterrupted
    changed = {weight.path for weight in model.weights if not np.array_equal(weight.numpy(), before.get(weight.path))}
    assert changed == {"diagnosis/kernel", "diagnosis/bias", "ood_score/kernel", "ood_score/bias"}
    again = keras.models.clone_model(model)
    again.set_weights(model.get_weights())
    refit_classifier(again, arrays, 0.1)
    for found, expected in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_photos_whose_label_may_be_wrong_are_never_trained_on(arrays, tmp_path):
    """With them or without them, the weights are the same."""
    random = np.random.default_rng(1)
    wrong = PhotoArrays(random.integers(0, 256, (12, 32, 32, 3), dtype="uint8"), np.zeros(12, int))
    pixels, labels = np.concatenate([arrays.pixels, wrong.pixels]), np.concatenate([arrays.labels, wrong.labels])
    both = PhotoArrays(pixels, labels, np.repeat([False, True], [16, 12]))
    config = parse_config(TINY, ["training.epochs=1", "training.refit_classifier=0.1"])
    models = [train(config, photos, tmp_path / str(len(photos.labels)), build=tiny) for photos in (arrays, both)]
    for found, expected in zip(*(model.get_weights() for model in models), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["training.refit_classifier=0.1"], "needs photos of every class; there are none to train on of mpox, normal"),
        (["data.non_skin=nowhere"], "nowhere holds no pictures. Name another folder in data.non_skin"),
    ],
)
def test_what_would_be_found_out_after_the_epochs_is_told_before(arrays, tmp_path, overrides, message):
    some = arrays[np.isin(arrays.labels, [0, 1, 2])]
    some = PhotoArrays(some.pixels, some.labels, some.labels == 0)
    with pytest.raises(DataError, match=message):
        train(parse_config(TINY, overrides), some, tmp_path, build=None)


def test_the_learning_rate_warms_up_and_decays_to_zero():
    config = parse_config(TINY)
    model = tiny(config.model, 4)
    compile_model(model, config, steps_per_epoch=10)
    rates = [float(model.optimizer._learning_rate(step)) for step in range(31)]
    assert rates[0] == 0
    assert np.argmax(rates) == 10
    np.testing.assert_allclose(rates[10], config.training.learning_rate, rtol=1e-6)
    np.testing.assert_allclose(rates[30], 0, atol=1e-9)


def test_the_loss_is_that_of_all_heads_by_their_weights(arrays):
    config = parse_config(TINY, ["training.label_smoothing=0.0"])
    model = tiny_fast_mpoxnet(config.model, 4)
    compile_model(model, config, 2)
    targets = np.eye(4)[arrays.labels]
    losses = model.evaluate(arrays.pixels, targets, return_dict=True, verbose=0)
    logits = model.predict(arrays.pixels, verbose=0)

    def cross_entropy(name):
        shifted = logits[name] - logits[name].max(1, keepdims=True)
        return -np.mean(np.sum(targets * (shifted - np.log(np.exp(shifted).sum(1, keepdims=True))), axis=1))

    weights = {"diagnosis": 1.0, "auxiliary_2": 0.1, "auxiliary_3": 0.2, "auxiliary_4": 0.3}
    expected = sum(weight * cross_entropy(name) for name, weight in weights.items())
    np.testing.assert_allclose(losses["loss"], expected, rtol=1e-4)


def test_class_weights_make_every_class_count_the_same():
    labels = np.repeat([0, 1, 2, 3], [40, 20, 10, 30])
    np.testing.assert_allclose(balanced_weights(labels, 4) * np.bincount(labels), 25)


@pytest.mark.slow
def test_fit_leaves_whole_groups_out_and_writes_a_usable_classifier(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "build_model", tiny)
    photos = read_folder(folder)
    config = parse_config(TINY, ["training.tensorboard=true", "training.precision=mixed_bfloat16"])
    photos = [
        replace(p, metadata={"doubt": "perhaps acne"}) if p.label == "measles" and "_0.png" in p.file else p for p in photos
    ]
    results = fit_photos(config, photos, tmp_path / "run")
    assert results["photos"] == 12  # half of the scenes, two views each
    classifier = load_classifier(tmp_path / "run")
    count = len(photos) - 12
    assert sum(classifier.metadata["training_photos"].values()) + classifier.metadata["training_photos"]["measles"] == count
    assert classifier.classes == ("mpox", "chickenpox", "measles", "normal")
    assert classifier.metadata["thresholds"] is None
    prediction = classifier.predict(photos[0].encoded)
    assert abs(sum(prediction.probabilities.values()) - 1) < 1e-5
    assert {layer.compute_dtype for layer in classifier.trained.layers} == {"float32"}
    assert load_config(tmp_path / "run" / "config.yaml") == config
    assert list((tmp_path / "run" / "tensorboard").rglob("events.*"))
    rows = list(csv.DictReader((tmp_path / "run" / "data.csv").open()))
    assert len(rows) == len(photos)
    assert all(len(row["sha256"]) == 64 for row in rows)
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["keras"] == keras.__version__


def test_a_fit_chooses_thresholds_on_what_it_left_out_if_that_is_enough(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(fit, "build_model", tiny)
    monkeypatch.setattr(fit, "_PHOTOS_TO_CHOOSE_ON", 2)
    results = fit_photos(parse_config(TINY, REFIT), read_folder(folder), tmp_path / "run")
    metadata = read_metadata(tmp_path / "run")
    assert metadata["temperature"] == results["thresholds"]["temperature"]
    assert metadata["operating_points"] == results["thresholds"]["operating_points"]
    assert metadata["thresholds"]["mpox"] == metadata["operating_points"]["0.9"]["threshold"]
    assert load_classifier(tmp_path / "run", recall=0.95).metadata["thresholds"]["mpox"] <= metadata["thresholds"]["mpox"]


@pytest.mark.slow
def test_cross_validation_predicts_every_photo_by_a_network_that_never_saw_its_group(folder, tmp_path):
    photos = read_folder(folder)
    config = parse_config(TINY, REFIT)
    results = cross_validate(config, photos, tmp_path / "cv", build=tiny)
    rows = list(csv.DictReader((tmp_path / "cv" / "out_of_fold.csv").open()))
    assert [row["file"] for row in rows] == [photo.file for photo in photos]
    predicted = np.array([[float(row[name]) for name in config.data.classes] for row in rows])
    labels = np.array([config.data.classes.index(row["label"]) for row in rows])
    np.testing.assert_allclose(results["accuracy"], np.mean(predicted.argmax(1) == labels))
    assert json.loads((tmp_path / "cv" / "results.json").read_text())["accuracy_mean"] == results["accuracy_mean"]

    # The held-out predictions are those of the fold's own network.
    row = rows[0]
    model = keras.models.load_model(tmp_path / "cv" / f"fold_{row['fold']}" / "model.keras")
    expected = deploy(model).predict(load_photos(photos[:1], 32), verbose=0)
    np.testing.assert_allclose(predicted[0], expected["probabilities"][0], atol=1e-5)
    np.testing.assert_allclose(float(row["ood_score"]), expected["ood_score"][0, 0], atol=1e-5)
    assert len({row["fold"] for row in rows if row["group"] == rows[0]["group"]}) == 1

    before = (tmp_path / "cv" / "fold_0" / "model.keras").stat().st_mtime_ns
    assert cross_validate(config, photos, tmp_path / "cv", build=tiny)["accuracy"] == results["accuracy"]
    assert (tmp_path / "cv" / "fold_0" / "model.keras").stat().st_mtime_ns == before


@pytest.mark.slow
def test_photos_may_bring_folds_and_classes_and_the_caller_networks_and_augmentation(folder, tmp_path):
    classes = ["mpox", "chickenpox", "acne", "normal"]
    photos = [replace(photo, label=photo.label.replace("measles", "acne"), fold=0) for photo in read_folder(folder)]
    first = {photo.label: photo.group for photo in photos}
    photos = [replace(photo, fold=int(photo.group == first[photo.label])) for photo in photos]
    seen = []

    def augment(augmentation, size):
        seen.append((augmentation.colour, size))
        return [keras.layers.Resizing(size, size)]

    config = parse_config(TINY, ["training.epochs=1", f"data.classes={classes}", "training.photo_size=48"])
    results = cross_validate(config, photos, tmp_path, external=photos, augment=augment, build=tiny, protocol="as I like")
    assert seen == [(0.2, 32)] * 2
    assert list(results["per_class"]) == classes
    assert results["external"]["photos"] == sum(photo.label != "normal" for photo in photos)
    assert len(results["external_auc_of_each_network"]) == 2
    assert results["external_auc"] == pytest.approx(np.mean(results["external_auc_of_each_network"]))
    rows = list(csv.DictReader((tmp_path / "out_of_fold.csv").open()))
    assert [int(row["fold"]) for row in rows] == [photo.fold for photo in photos]
    network = keras.models.load_model(tmp_path / "fold_1" / "model.keras")
    assert list(network.output_names) == ["diagnosis", "ood_score"]
    report = (tmp_path / "report.html").read_text()
    assert "folds given with the data, as I like" in report


def sourced(folder):
    """Photos of two sources and of none, and the labels of two of them may be wrong."""
    photos = read_folder(folder)
    sources = {"mpox": ["a", "a", ""], "chickenpox": ["a", "b", "b"], "measles": ["b", "a", "b"], "normal": ["b", "b", ""]}
    scenes = [int(Path(photo.file).stem.split("_")[1]) for photo in photos]
    named = [sources[photo.label][scene] for photo, scene in zip(photos, scenes, strict=True)]
    photos = [replace(photo, metadata={"source": name} if name else {}) for photo, name in zip(photos, named, strict=True)]
    doubt = {"doubt": "the rash of something else"}
    return [replace(p, metadata={**p.metadata, **doubt}) if p.file.endswith("normal_002_0.png") else p for p in photos]


def test_sources_are_left_out_that_have_photos_enough_and_are_not_all_there_is_of_a_class(folder, monkeypatch):
    photos = sourced(folder)
    monkeypatch.setattr(crossval, "_PHOTOS_OF_SOURCE", 9)
    assert crossval._sources_to_leave_out(photos) == ["b"]
    monkeypatch.setattr(crossval, "_PHOTOS_OF_SOURCE", 8)
    assert crossval._sources_to_leave_out(photos) == ["a", "b"]
    only = [replace(photo, metadata={"source": "a"}) if photo.label == "mpox" else photo for photo in photos]
    assert crossval._sources_to_leave_out(only) == ["b"]
    # Photos that are not trained on do not count for a class.
    unsure = {"doubt": "perhaps", "source": ""}
    wrong = [replace(p, metadata=unsure) if p.label == "normal" and p.metadata.get("source") != "b" else p for p in photos]
    assert crossval._sources_to_leave_out(wrong) == ["a"]


@pytest.mark.slow
def test_networks_without_a_source_answer_for_it(folder, tmp_path, monkeypatch):
    """Cut off in the last of the networks, the run goes on there; with photos whose labels may be wrong."""
    photos, config = sourced(folder), parse_config(TINY, [*REFIT, "data.leave_out_sources=true"])
    monkeypatch.setattr(crossval, "_PHOTOS_OF_SOURCE", 8)
    trained = []

    def watched(config, photos, folder, **options):
        trained.append((folder.relative_to(tmp_path).as_posix(), len(photos.labels)))
        if len(trained) == 4:
            raise StopAfter
        return train(config, photos, folder, **options)

    monkeypatch.setattr(folds, "train", watched)
    with pytest.raises(StopAfter):
        cross_validate(config, photos, tmp_path, build=tiny)
    results = cross_validate(config, photos, tmp_path, build=tiny)
    named = [photo.metadata.get("source") for photo in photos]
    of_source = {name: named.count(name) for name in ("a", "b")}
    last = ("sources/fold_1", 24 - of_source["b"])
    assert trained == [("fold_0", 12), ("fold_1", 12), ("sources/fold_0", 24 - of_source["a"]), last, last]

    assert {name: left_out["photos"] for name, left_out in results["left_out_sources"].items()} == of_source
    assert set(results["left_out_sources"]["a"]["no_alarm"]) == {"chickenpox", "measles"}
    assert set(results["left_out_sources"]["b"]["no_alarm"]) == {"chickenpox", "measles", "normal"}
    rows = list(csv.DictReader((tmp_path / "out_of_fold.csv").open()))
    classes = config.data.classes
    labels = np.array([classes.index(row["label"]) for row in rows])
    probabilities = np.array([[float(row[name]) for name in classes] for row in rows])
    model = deploy(keras.models.load_model(tmp_path / "sources" / "fold_1" / "model.keras"))
    of_b = np.array(named) == "b"
    answers = model.predict(load_photos([photo for photo in photos if photo.metadata.get("source") == "b"], 32), verbose=0)
    sure = np.array(["doubt" not in photo.metadata for photo in photos])
    expected = evaluate_left_out_source(labels[of_b], answers["probabilities"], labels[sure], probabilities[sure], classes)
    assert results["left_out_sources"]["b"]["no_alarm"]["normal"]["no_alarm"] == expected["no_alarm"]["normal"]["no_alarm"]

    # All photos are answered; the thresholds are chosen on those whose label is right.
    assert (len(rows), results["photos"]) == (24, 24)
    assert {name: figures["photos"] for name, figures in results["breakdown"]["doubt"].items()} == {
        "doubtful": 1,
        "not recorded": 23,
    }
    numbers, scores = (np.array([float(row[key]) for row in rows]) for key in ("fold", "ood_score"))
    chosen = choose_thresholds(labels[sure], probabilities[sure], numbers[sure].astype(int), scores[sure], classes)
    # A share of 23 photos has another interval than one of 24.
    refused, expected = results["thresholds"]["out_of_distribution"], chosen["out_of_distribution"]
    assert refused["refused_interval"] == expected["refused_interval"]
    assert refused["threshold"] == pytest.approx(expected["threshold"], abs=1e-4)
    # The file has rounded probabilities, of which the temperature is a little different.
    for recall, point in results["thresholds"]["operating_points"].items():
        assert point["threshold"] == pytest.approx(chosen["operating_points"][recall]["threshold"], rel=0.1)
    assert results["training_seconds"]["total"] == 0
    assert "stratified folds" in (tmp_path / "report.html").read_text()


@pytest.mark.slow
def test_nobody_else_writes_in_a_run_folder_until_the_results_are_there(folder, tmp_path, monkeypatch):
    """Cross-validation and fit alike."""
    script = "import sys; from mpox_keras.utils.files import locked\nwith locked(sys.argv[1]): pass"
    busy = []

    def refused(function):
        def check(*arguments, **options):
            other = subprocess.run([sys.executable, "-c", script, tmp_path / "run"], capture_output=True, text=True)
            assert "FolderInUseError" in other.stderr
            busy.append(function.__name__)
            return function(*arguments, **options)

        return check

    monkeypatch.setattr(crossval, "write_report", refused(crossval.write_report))
    monkeypatch.setattr(fit, "write_metadata", refused(fit.write_metadata))
    monkeypatch.setattr(fit, "train", partial(train, build=tiny))
    config, photos = parse_config(TINY, REFIT), read_folder(folder)
    cross_validate(config, photos, tmp_path / "run", build=tiny)
    fit_photos(config, photos, tmp_path / "run")
    assert busy == ["write_report", "write_metadata"]


def test_a_run_folder_belongs_to_one_config_and_one_set_of_photos(folder, tmp_path):
    photos = read_folder(folder)
    open_run(tmp_path, parse_config(TINY), photos)
    open_run(tmp_path, parse_config(TINY), photos)
    with pytest.raises(RunError, match=r"another config.yaml: 'epochs: 3' against 'epochs: 4'"):
        open_run(tmp_path, parse_config(TINY, ["training.epochs=4"]), photos)
    with pytest.raises(RunError, match=r"another data.csv"):
        open_run(tmp_path, parse_config(TINY), photos[1:])


def test_a_run_begun_before_a_key_was_added_goes_on_and_one_with_a_key_that_is_gone_does_not(folder, tmp_path):
    photos, config = read_folder(folder), parse_config(TINY)
    open_run(tmp_path, config, photos)
    file = tmp_path / "config.yaml"
    before = "".join(line for line in file.read_text().splitlines(keepends=True) if "photo_size: null" not in line)
    assert before != file.read_text()
    file.write_text(before)
    open_run(tmp_path, config, photos)
    with pytest.raises(RunError, match=r"another config.yaml: 'epochs: 3' against 'epochs: 4'"):
        open_run(tmp_path, parse_config(TINY, ["training.epochs=4"]), photos)
    file.write_text(before + "telepathy: true\n")
    with pytest.raises(RunError, match=r"another config.yaml"):
        open_run(tmp_path, config, photos)


def test_a_run_folder_names_the_pretrained_weights_by_their_hash(folder, tmp_path):
    photos = read_folder(folder)
    file = tmp_path / "some.weights.h5"
    file.write_bytes(b"weights")
    for weights, expected in ((None, None), (str(file), hashlib.sha256(b"weights").hexdigest())):
        config = parse_config(TINY, [f"model.weights={json.dumps(weights)}"])
        run = tmp_path / f"run_{weights is None}"
        open_run(run, config, photos)
        assert json.loads((run / "environment.json").read_text())["pretrained_sha256"] == expected
