"""Classifier folders, predictions, and the presets that come with the package."""

import io
import json

import numpy as np
import pytest
from PIL import Image

import mpox_keras
from mpox_keras.inference.classifier import Classifier, load_classifier, preset_names
from mpox_keras.inference.metadata import ClassifierError, write_metadata
from mpox_keras.models.deploy import deploy
from mpox_keras.models.fast_mpoxnet import FastMpoxNet


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    FastMpoxNet(classes=3, input_shape=(32, 32, 3)).save(folder / "model.keras")
    metadata = {"classes": ["a", "b", "c"], "image_size": 32, "temperature": 2.0, "thresholds": None}
    write_metadata(folder, metadata, ["model.keras"])
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
def test_an_answer_is_given_within_the_limits_only(probabilities, ood_score, answer, abstention_reason, suspected):
    metadata = {
        "classes": ["mpox", "measles", "normal"],
        "image_size": 32,
        "temperature": 1.0,
        "thresholds": {"mpox": 0.2, "confidence": 0.5, "ood_score": 2.0},
    }
    classifier = Classifier(FastMpoxNet(classes=3, input_shape=(32, 32, 3)), metadata)
    prediction = classifier.decide("arm.jpg", np.array(probabilities), ood_score)
    assert (prediction.answer, prediction.abstention_reason, prediction.mpox_suspected) == (
        answer,
        abstention_reason,
        suspected,
    )


def test_without_limits_there_is_always_an_answer(folder, photos):
    for prediction in load_classifier(folder).predict(photos):
        assert prediction.answer == prediction.label
        assert prediction.mpox_suspected is None


def test_the_preset_gives_no_answer_to_pictures_of_no_skin():
    """A temple and a flower, which come with scikit-learn, and noise."""
    from sklearn.datasets import load_sample_images

    noise = np.random.default_rng(0).integers(0, 256, (224, 224, 3), dtype="uint8")
    streams = []
    for picture in (*load_sample_images().images, noise):
        streams.append(io.BytesIO())
        Image.fromarray(picture).save(streams[-1], format="PNG")
    predictions = list(load_classifier().predict(stream.getvalue() for stream in streams))
    assert [prediction.answer for prediction in predictions] == ["not sure"] * 3
    assert predictions[2].abstention_reason == "out_of_distribution"


def test_damaged_and_foreign_folders_are_refused(folder, tmp_path):
    import shutil

    with pytest.raises(ClassifierError, match="neither a preset"):
        load_classifier(tmp_path)
    for name, damage, message in (
        ("tampered", lambda copy: (copy / "model.keras").write_bytes(b"other"), "SHA-256 differs"),
        ("no json", lambda copy: (copy / "metadata.json").write_text("{"), "damaged"),
        (
            "no classes",
            lambda copy: write_metadata(copy, {"image_size": 32, "temperature": 1.0, "thresholds": None}, ["model.keras"]),
            "lacks classes",
        ),
        ("empty", lambda copy: (copy / "metadata.json").write_text("{}"), "lacks classes, image_size, sha256"),
        (
            "no hash",
            lambda copy: write_metadata(copy, json.loads((copy / "metadata.json").read_text()), []),
            "lacks the SHA-256 of model.keras",
        ),
    ):
        copy = tmp_path / name
        shutil.copytree(folder, copy)
        damage(copy)
        with pytest.raises(ClassifierError, match=message):
            load_classifier(copy)


def test_every_preset_loads_and_says_where_it_comes_from():
    assert "fast_mpoxnet_msid" in preset_names()
    for name in preset_names():
        classifier = mpox_keras.load_classifier(name)
        assert sum(classifier.metadata["training_photos"].values()) > 0
        assert 0 < classifier.metadata["out_of_fold"]["accuracy_mean"] < 1
        outputs = classifier.predict_pixels(np.zeros((1, classifier.image_size, classifier.image_size, 3), "uint8"))
        np.testing.assert_allclose(outputs["probabilities"].sum(), 1, atol=1e-5)
        assert "not a diagnosis" in json.dumps(classifier.metadata)
