"""What a Keras user does: folders of photos, `compile` and `fit` as on any classifier, a bundle of what came out."""

import keras
import numpy as np
import pytest
from PIL import Image
from tiny_network import tiny_fast_mpoxnet

from mpox_keras import FastMpoxNet, export_bundle, load_classifier
from mpox_keras.config import ModelConfig
from mpox_keras.export.bundle import ExportError
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.image_classifier import AUXILIARY_WEIGHTS, ImageClassifier

COLOURS = {"Ekzem ä": (200, 30, 30), "Normal skin": (30, 200, 30), "Tinea Versicolor": (30, 30, 200)}


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / name).mkdir()
        for number in range(4):
            pixels = np.clip(random.normal(colour, 20, (64, 64, 3)), 0, 255).astype("uint8")
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def read(photos):
    return keras.utils.image_dataset_from_directory(photos, image_size=(64, 64), batch_size=4, verbose=0, seed=0)


@pytest.mark.slow
def test_a_script_goes_from_folders_to_a_bundle(photos, tmp_path):
    keras.utils.set_random_seed(0)
    batches = read(photos)
    model = FastMpoxNet(len(batches.class_names), "fast_mpoxnet", (64, 64, 3))
    model.backbone.trainable = False
    before = model.backbone.get_weights()
    model.compile("adamw", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(batches, epochs=2, verbose=0).history
    assert history["loss"][1] < history["loss"][0]
    assert {"loss", "diagnosis_accuracy", *(f"{head}_loss" for head in ("diagnosis", *AUXILIARY_WEIGHTS))} <= history.keys()
    np.testing.assert_allclose(
        history["loss"][1],
        history["diagnosis_loss"][1] + sum(weight * history[f"{head}_loss"][1] for head, weight in AUXILIARY_WEIGHTS.items()),
        rtol=1e-3,
    )
    for values, old in zip(model.backbone.get_weights(), before, strict=True):
        np.testing.assert_array_equal(values, old)

    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras", safe_mode=True)
    assert len(again.trainable_variables) == len(model.trainable_variables) < len(model.variables) / 2
    np.testing.assert_allclose(again.evaluate(batches, verbose=0), model.evaluate(batches, verbose=0), rtol=1e-4)
    again.fit(batches, verbose=0)

    export_bundle(model, tmp_path / "bundle", classes=batches.class_names)
    photo = photos / "Ekzem ä" / "0.png"
    exported, trained = (
        load_classifier(tmp_path / name, classes).predict(photo)
        for name, classes in (("bundle", None), ("model.keras", batches.class_names))
    )
    assert list(exported.probabilities) == list(COLOURS)
    assert exported.probabilities == pytest.approx(trained.probabilities, abs=1e-4)


def test_labels_may_be_given_for_all_heads_or_for_each():
    model = ImageClassifier(Backbone("MobileNet", 0.25, (32, 32, 3), last="conv_pw_2_relu"), 3)
    pixels, labels = np.zeros((3, 32, 32, 3)), np.array([0, 1, 2])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    plain = model.evaluate(pixels, labels, verbose=0)
    np.testing.assert_allclose(model.evaluate(pixels, {"diagnosis": labels}, verbose=0), plain)
    weighted = model.evaluate(pixels, labels, sample_weight=np.array([1.0, 0.0, 0.0]), verbose=0)
    assert weighted[0] < plain[0]


def test_the_training_step_is_traced_once(monkeypatch):
    traced, step = [], FastMpoxNet.train_step
    monkeypatch.setattr(FastMpoxNet, "train_step", lambda self, data: traced.append(data) or step(self, data))
    model = tiny_fast_mpoxnet(ModelConfig(image_size=64), 3)
    model.compile("adamw", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(np.zeros((4, 64, 64, 3)), np.array([0, 1, 2, 0]), batch_size=2, verbose=0)
    assert len(traced) == 1


def test_a_network_of_a_script_needs_the_names_of_its_classes(tmp_path):
    model = ImageClassifier(Backbone("MobileNet", 0.25, (32, 32, 3), last="conv_pw_2_relu"), 3)
    with pytest.raises(ExportError, match="the network has 3 classes; give as many names"):
        export_bundle(model, tmp_path / "bundle", classes=["a", "b"])
