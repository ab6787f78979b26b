"""Networks of keras.applications and keras-hub behind the same interface."""

import sys

import keras
import numpy as np
import pytest

from mpox_keras.config import NETWORKS
from mpox_keras.models.efficientnet_lite import EFFICIENTNET_LITE
from mpox_keras.models.fast_mpoxnet import deploy
from mpox_keras.models.pretrained import PretrainedWeightsError
from mpox_keras.models.transfer import NetworkError, TransferModel

PHOTOS = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")


def test_a_config_may_name_every_network_of_keras():
    of_keras = {name for name in dir(keras.applications) if name[0].isupper()}
    assert set(NETWORKS) == {"FastMpoxNet", *EFFICIENTNET_LITE, *of_keras}


# One of each kind of preprocessing, and the gates and head of the networks for phones.
@pytest.mark.parametrize("network", ["MobileNetV2", "MobileNetV3Small", "EfficientNetB0", "DenseNet121", "ResNet50"])
def test_a_network_takes_raw_pixels_and_deploys_like_ours(network):
    keras.utils.set_random_seed(0)
    model = TransferModel(network, input_shape=(64, 64, 3), dropout=0.0)
    build = getattr(keras.applications, network)
    plain = build(input_shape=(64, 64, 3), include_top=False, weights=None)
    plain.set_weights(model.get_weights()[:-2])
    preprocess = sys.modules[build.__module__].preprocess_input
    features = np.mean(plain(preprocess(PHOTOS.copy())), axis=(1, 2))
    kernel, bias = model.get_layer("diagnosis").get_weights()
    logits = np.asarray(model(PHOTOS)["diagnosis"])
    np.testing.assert_allclose(logits, features @ kernel + bias, atol=1e-4, rtol=1e-4)
    outputs = deploy(model, class_activation_map=True)(PHOTOS)
    np.testing.assert_allclose(np.mean(outputs["class_activation_map"], axis=(1, 2)), logits, atol=1e-4, rtol=1e-4)


def test_a_network_and_its_preprocessing_are_saved_together(tmp_path):
    model = TransferModel("ResNet50", input_shape=(64, 64, 3))
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(again(PHOTOS)["diagnosis"], model(PHOTOS)["diagnosis"])


def test_a_few_steps_are_enough_for_the_statistics_to_follow():
    """keras.applications lets batch norms move by a thousandth a step; a short training would be evaluated by stale ones."""
    model = TransferModel("MobileNetV3Small", width=0.5, input_shape=(32, 32, 3))
    normalizations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert normalizations
    photos = np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)).astype("float32")
    for _ in range(50):
        model(photos, training=True)
    first = normalizations[0]
    inside = keras.Model(model.inputs, first.input)(photos)
    np.testing.assert_allclose(first.moving_mean, np.mean(inside, axis=(0, 1, 2)), atol=0.02)


def test_imagenet_weights_from_a_file_are_those_that_keras_would_fetch(tmp_path, monkeypatch):
    """EfficientNets rescale their input once more where the weights are called "imagenet", and nowhere else."""
    from keras.src.applications import efficientnet

    file = tmp_path / "efficientnetb0_notop.weights.h5"
    published = keras.applications.EfficientNetB0(input_shape=(64, 64, 3), include_top=False, weights=None)
    for layer in published.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.set_weights([np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]), np.array(0)])
        elif isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(3 * layer.gamma)  # or next to nothing would come through to the end
    published.save_weights(file)
    monkeypatch.setattr(efficientnet.file_utils, "get_file", lambda *arguments, **options: file)
    models = [TransferModel("EfficientNetB0", weights=weights, input_shape=(64, 64, 3)) for weights in ("imagenet", str(file))]
    models[1].get_layer("diagnosis").set_weights(models[0].get_layer("diagnosis").get_weights())
    fetched, local = (np.asarray(model(PHOTOS)["diagnosis"]) for model in models)
    np.testing.assert_allclose(local, fetched, rtol=1e-3)
    assert np.ptp(fetched) > 0


def test_without_a_network_the_message_says_where_to_put_the_file(monkeypatch):
    from keras.src.applications import mobilenet_v2

    def unreachable(name, origin, **options):
        raise Exception(f"URL fetch failure on {origin}: None -- Name or service not known")

    monkeypatch.setattr(mobilenet_v2.file_utils, "get_file", unreachable)
    with pytest.raises(
        PretrainedWeightsError, match=r"fetch failure on https://.*no_top\.h5.*put it into .*models.*null starts"
    ):
        TransferModel("MobileNetV2", weights="imagenet", input_shape=(64, 64, 3))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("AlexNet",), "no network 'AlexNet'"),
        (("Xception",), "Xception can't be built .* photos of .*64"),
        (("MobileNetV2", 0.5, 4, "nowhere.h5"), "nowhere.h5.* is no file"),
        (("MobileNetV2", 0.5, 4, __file__), "test_transfer.py does not hold the weights of MobileNetV2"),
        (("keras_hub:nowhere", 1, 4, None), "preset nowhere of keras-hub can't be had"),
        (("keras_hub:nowhere", 1, 4, "file.h5"), "a preset of keras-hub has its own weights"),
    ],
)
def test_what_cannot_be_built_is_said(arguments, message):
    with pytest.raises((NetworkError, PretrainedWeightsError), match=message):
        TransferModel(*arguments, input_shape=(64, 64, 3))


def test_a_preset_of_keras_hub_keeps_its_weights_and_its_own_preprocessing(tmp_path):
    import keras_hub

    backbone = keras_hub.models.ResNetBackbone([64], [7], [64], [1], [1], "basic_block")
    backbone.save_to_preset(tmp_path / "preset")
    keras_hub.layers.ImageConverter(scale=1 / 127.5, offset=-1.0).save_to_preset(tmp_path / "preset")
    model = TransferModel(f"keras_hub:{tmp_path / 'preset'}", weights="imagenet", input_shape=(64, 64, 3))
    kernel, bias = model.get_layer("diagnosis").get_weights()
    features = np.mean(backbone(PHOTOS / 127.5 - 1), axis=(1, 2))
    np.testing.assert_allclose(model(PHOTOS)["diagnosis"], features @ kernel + bias, atol=1e-4, rtol=1e-4)
    random = TransferModel(f"keras_hub:{tmp_path / 'preset'}", input_shape=(64, 64, 3))
    assert not np.array_equal(random.get_weights()[0], model.get_weights()[0])
