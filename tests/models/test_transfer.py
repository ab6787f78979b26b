"""Networks of keras.applications behind the same interface."""

import numpy as np
import pytest

from mpox_keras.models import TransferModel, deploy


@pytest.mark.parametrize(("network", "width"), [("MobileNetV3Small", 0.5), ("MobileNetV2", 0.35)])
def test_a_peer_takes_raw_pixels_and_deploys_like_ours(network, width):
    model = TransferModel(network, width=width, input_shape=(64, 64, 3))
    photos = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    outputs = deploy(model, class_activation_map=True).predict(photos, verbose=0)
    np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1, atol=1e-5)
    logits = model.predict(photos, verbose=0)["diagnosis"]
    np.testing.assert_allclose(outputs["class_activation_map"].mean(axis=(1, 2)), logits, atol=1e-5)


def test_pixels_are_rescaled_as_the_network_was_trained_on():
    import keras

    keras.utils.set_random_seed(0)
    model = TransferModel("MobileNetV2", width=0.35, input_shape=(64, 64, 3), dropout=0.0)
    plain = keras.applications.MobileNetV2((64, 64, 3), alpha=0.35, include_top=False, weights=None)
    plain.set_weights(model.get_weights()[:-2])
    photos = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    features = plain.predict(keras.applications.mobilenet_v2.preprocess_input(photos.copy()), verbose=0).mean(axis=(1, 2))
    kernel, bias = model.get_layer("diagnosis").get_weights()
    np.testing.assert_allclose(model.predict(photos, verbose=0)["diagnosis"], features @ kernel + bias, atol=1e-4)


def test_a_few_steps_are_enough_for_the_statistics_to_follow():
    """keras.applications lets batch norms move by a thousandth a step; a short training would be judged by stale ones."""
    import keras

    model = TransferModel("MobileNetV3Small", width=0.5, input_shape=(32, 32, 3))
    normalizations = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert normalizations
    photos = np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)).astype("float32")
    for _ in range(50):
        model(photos, training=True)
    first = normalizations[0]
    inside = keras.Model(model.inputs, first.input)(photos)
    np.testing.assert_allclose(first.moving_mean, np.mean(inside, axis=(0, 1, 2)), atol=0.02)


def test_an_unknown_network_is_refused():
    with pytest.raises(ValueError, match="must be one of MobileNetV2"):
        TransferModel("AlexNet")
