"""Classifier folders, predictions, and the presets that come with the package."""

import io
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny_network import small

import mpox_keras
from mpox_keras.inference.classifier import Classifier, load_classifier, preset_names
from mpox_keras.inference.metadata import ClassifierError, write_metadata
from mpox_keras.inference.prediction import at_prevalence
from mpox_keras.models.deploy import deploy


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    small(32, classes=3).save(folder / "model.keras")
    metadata = {"classes": ["a", "b", "c"], "image_size": 32, "temperature": 2.0, "thresholds": None}
    write_metadata(folder, metadata)
    return folder


@pytest.fixture
def photos(tmp_path):
    random = np.random.default_rng(0)
    paths = [tmp_path / f"{index}.png" for index in range(5)]
    for path in paths:
        Image.fromarray(random.integers(0, 256, (32, 32, 3), dtype="uint8")).save(path)
    return paths


def test_predictions_are_those_of_the_model_in_order(folder, photos):
    classifier = load_classifier(folder)
    predictions = list(classifier.predict(photos, batch_size=2))
    assert [prediction.file for prediction in predictions] == [str(path) for path in photos]
    import keras

    model = deploy(keras.models.load_model(folder / "model.keras"), temperature=2.0)
    pixels = np.stack([np.asarray(Image.open(path)) for path in photos])
    expected = model.predict(pixels, verbose=0)["probabilities"]
    found = np.array([list(prediction.probabilities.values()) for prediction in predictions])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert [prediction.label for prediction in predictions] == [("a", "b", "c")[i] for i in expected.argmax(1)]


def test_a_bad_photo_does_not_stop_the_others(folder, photos):
    photos[2].write_bytes(b"not a photo")
    predictions = list(load_classifier(folder).predict([*photos, photos[0].read_bytes()], batch_size=2))
    assert [prediction.error is None for prediction in predictions] == [True, True, False, True, True, True]
    assert str(photos[2]) in predictions[2].error
    assert predictions[2].label is None
    assert predictions[5].probabilities == pytest.approx(predictions[0].probabilities, abs=1e-6)


def test_photos_are_read_only_a_few_ahead(folder, photos):
    read = []

    def endless():
        while True:
            read.append(1)
            yield photos[0]

    predictions = load_classifier(folder).predict(endless(), batch_size=2)
    for _ in range(4):
        next(predictions)
    assert len(read) < 20


@pytest.mark.parametrize(
    ("probabilities", "ood_score", "answer", "abstention_reason", "suspected"),
    [
        ([0.9, 0.05, 0.05], 1.0, "mpox", None, True),
        ([0.1, 0.05, 0.85], 1.0, "normal", None, False),
        ([0.3, 0.05, 0.65], 1.0, "normal", None, True),
        ([0.4, 0.3, 0.3], 1.0, "not sure", "uncertain", True),
        ([0.9, 0.05, 0.05], 2.5, "not sure", "out_of_distribution", True),
    ],
)
def test_an_answer_is_given_within_the_thresholds_only(probabilities, ood_score, answer, abstention_reason, suspected):
    metadata = {
        "classes": ["mpox", "measles", "normal"],
        "image_size": 32,
        "temperature": 1.0,
        "thresholds": {"mpox": 0.2, "confidence": 0.5, "ood_score": 2.0},
    }
    outputs = {"probabilities": np.array([probabilities]), "ood_score": np.array([[ood_score]])}
    (prediction,) = Classifier(metadata, lambda pixels: outputs).decide_batch(outputs, ["arm.jpg"])
    assert (prediction.answer, prediction.abstention_reason, prediction.mpox_suspected) == (
        answer,
        abstention_reason,
        suspected,
    )


def test_without_thresholds_there_is_always_an_answer(folder, photos):
    for prediction in load_classifier(folder).predict(photos):
        assert prediction.answer == prediction.label
        assert prediction.mpox_suspected is None


def test_the_preset_gives_no_answer_to_pictures_of_no_skin():
    """A temple and a flower, which come with scikit-learn, and noise."""
    from sklearn.datasets import load_sample_images

    noise = np.random.default_rng(0).integers(0, 256, (192, 192, 3), dtype="uint8")
    streams = []
    for picture in (*load_sample_images().images, noise):
        streams.append(io.BytesIO())
        Image.fromarray(picture).save(streams[-1], format="PNG")
    predictions = list(load_classifier().predict(stream.getvalue() for stream in streams))
    assert [prediction.answer for prediction in predictions] == ["not sure"] * 3
    assert predictions[2].abstention_reason == "out_of_distribution"


def change_metadata(**changes):
    """Metadata as whoever made the folder could have written it, with the right checksums."""

    def change(folder):
        metadata = json.loads((folder / "metadata.json").read_text()) | changes
        write_metadata(folder, {key: value for key, value in metadata.items() if value is not ...})

    return change


def append(name, text):
    return lambda folder: (folder / name).write_text((folder / name).read_text() + text)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: (folder / "model.keras").write_bytes(b"other"), r"model\.keras is not the file .* SHA-256 differs"),
        (lambda folder: (folder / "model.keras").unlink(), r"model\.keras' is missing"),
        (lambda folder: (folder / "metadata.json").write_text("{"), "damaged"),
        (append("metadata.json", " "), r"metadata\.json is not the file .* SHA-256 differs"),
        (lambda folder: (folder / "metadata.json").write_text('{"sha256": {}}'), "format_version 'None'; .* reads 2. Make"),
        (change_metadata(format_version=1), "format_version '1'"),
        (change_metadata(format_version=3), "install the release that made it"),
        (change_metadata(classes=...), "lacks classes"),
        (change_metadata(format="mlmodel"), "'mlmodel' for format; expected one of keras, tflite"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS' is missing"),
        (append("SHA256SUMS", "nonsense\n"), "SHA256SUMS is damaged"),
        (lambda folder: (folder / "SHA256SUMS").write_text(""), r"does not list metadata\.json"),
        (change_metadata(thresholds={"mpox": 0.1, "confidence": 0.5, "ood_score": 0.5}), "no class of this name"),
        (
            change_metadata(classes=["mpox", "b", "c"], thresholds={"mpox": 0.1, "confidence": 0.5, "ood_score": 0.5}),
            "no output ood_score",
        ),
        (change_metadata(classes=["a", "b"]), r"no network for 2 classes .* gives \(3,\)"),
        (change_metadata(image_size=64), r"photos of 64 pixels: it takes \(32, 32, 3\)"),
        (change_metadata(operating_points={"0.9": {"threshold": 0.1}}), "for operating_points; expected an object with recall"),
        (
            change_metadata(operating_points={"0.9": {"threshold": 0.1, "recall": 0.9, "specificity": 0.8}}),
            "has operating_points, but no thresholds",
        ),
        (change_metadata(prevalence=2), "'2' for prevalence; expected a number over 0 and under 1"),
    ],
)
def test_damaged_and_foreign_folders_are_refused(folder, tmp_path, damage, message):
    copy = Path(shutil.copytree(folder, tmp_path / "copy"))
    damage(copy)
    with pytest.raises(ClassifierError, match=message):
        load_classifier(copy)


def test_a_threshold_is_chosen_by_its_recall(network):
    assert load_classifier(network).metadata["thresholds"]["mpox"] == 0.25
    assert load_classifier(network, recall=0.9).metadata["thresholds"]["mpox"] == 0.25
    assert load_classifier(network, recall=0.95).metadata["thresholds"] == {"mpox": 0.2, "confidence": 0.26, "ood_score": 0.5}


def test_a_recall_that_a_network_has_no_threshold_for_is_answered_with_those_that_it_has(network, folder, tmp_path):
    with pytest.raises(ClassifierError, match=r"no threshold for a recall of 0\.5; it has thresholds for 0\.9, 0\.95"):
        load_classifier(network, recall=0.5)
    alone = shutil.copy(network / "model.keras", tmp_path / "mine.keras")
    for source, classes in ((folder, None), (alone, ["mpox", "a", "b", "c"])):
        with pytest.raises(ClassifierError, match=r"no threshold for a recall of 0\.9; it has thresholds for no recall"):
            load_classifier(source, classes, recall=0.9)


def test_a_prevalence_is_what_probabilities_are_for(network, folder, photos, tmp_path):
    plain, rare = load_classifier(network).predict(photos), load_classifier(network, prevalence=0.02).predict(photos)
    for one, other in zip(plain, rare, strict=True):
        assert other.probabilities == pytest.approx(at_prevalence(one.probabilities, 0.02))
        assert (other.mpox_suspected, other.abstention_reason) == (one.mpox_suspected, one.abstention_reason)
    shutil.copy(network / "model.keras", tmp_path / "mine.keras")
    alone = load_classifier(tmp_path / "mine.keras", ["mpox", "a", "b", "c"], prevalence=0.02)
    assert alone.metadata["prevalence"] == 0.02
    with pytest.raises(ClassifierError, match="prevalence is for networks with the class mpox"):
        load_classifier(folder, prevalence=0.02)
    for prevalence in (0, 1, -0.1, 2, float("nan")):
        with pytest.raises(ClassifierError, match=r"makes no sense: give a share over 0 and under 1"):
            load_classifier(network, prevalence=prevalence)


def test_what_is_no_network_is_refused(tmp_path):
    with pytest.raises(ClassifierError, match="neither a preset"):
        load_classifier(tmp_path)


def test_a_network_of_its_own_file_needs_the_names_of_its_classes(folder, photos, tmp_path):
    alone = Path(shutil.copy(folder / "model.keras", tmp_path / "mine.keras"))
    with pytest.raises(ClassifierError, match=r"mine\.keras has no metadata\.json .*--classes a,b,c"):
        load_classifier(alone)
    with pytest.raises(ClassifierError, match="no network for 2 classes"):
        load_classifier(alone, ["a", "b"])
    classifier = load_classifier(alone, ["x", "y", "z"])
    assert (classifier.classes, classifier.image_size, classifier.metadata["thresholds"]) == (("x", "y", "z"), 32, None)
    # At a temperature of 1, not of 2.
    logits = classifier.trained.predict(np.stack([np.asarray(Image.open(path)) for path in photos]), verbose=0)["diagnosis"]
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = [list(prediction.probabilities.values()) for prediction in classifier.predict(photos)]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_the_model_of_a_folder_is_loaded_with_its_metadata(folder):
    classifier = load_classifier(folder / "model.keras")
    assert (classifier.classes, classifier.metadata["temperature"]) == (("a", "b", "c"), 2.0)
    with pytest.raises(ClassifierError, match="has the classes a, b, c, not a, b"):
        load_classifier(folder, ["a", "b"])


def test_a_deployed_network_answers_as_the_trained_one(folder, photos, tmp_path):
    trained = load_classifier(folder)
    deploy(trained.trained, class_activation_map=True, temperature=2.0).save(tmp_path / "deployed.keras")
    deployed = load_classifier(tmp_path / "deployed.keras", ["a", "b", "c"])
    assert deployed.trained is None
    for one, other in zip(trained.predict(photos), deployed.predict(photos), strict=True):
        assert one.probabilities == pytest.approx(other.probabilities, abs=1e-6)


def test_a_keras_model_of_another_kind_is_refused(tmp_path):
    import keras

    inputs = keras.Input((8, 8, 3))
    keras.Model(inputs, keras.layers.GlobalAveragePooling2D(name="pooled")(inputs)).save(tmp_path / "other.keras")
    with pytest.raises(ClassifierError, match="has the outputs pooled; expected diagnosis or probabilities"):
        load_classifier(tmp_path / "other.keras", ["a", "b", "c"])


def test_checksums_are_what_sha256sum_checks(folder):
    if not shutil.which("sha256sum"):
        pytest.skip("needs sha256sum")
    assert subprocess.run(["sha256sum", "--check", "--strict", "SHA256SUMS"], cwd=folder, capture_output=True).returncode == 0
    assert [line.split("  ")[1] for line in (folder / "SHA256SUMS").read_text().splitlines()] == [
        "metadata.json",
        "model.keras",
    ]


def test_every_preset_loads_and_says_where_it_comes_from():
    assert "fast_mpoxnet" in preset_names()
    for name in preset_names():
        classifier = mpox_keras.load_classifier(name)
        assert sum(classifier.metadata["training_photos"].values()) > 0
        assert 0 < classifier.metadata["out_of_fold"]["accuracy_mean"] < 1
        outputs = classifier.predict_pixels(np.zeros((1, classifier.image_size, classifier.image_size, 3), "uint8"))
        np.testing.assert_allclose(outputs["probabilities"].sum(), 1, atol=1e-5)
        assert "not a diagnosis" in json.dumps(classifier.metadata)
