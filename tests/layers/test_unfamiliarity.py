"""The reconstruction error of scikit-learn's PCA, as a layer and as a model output."""

import keras
import numpy as np
from sklearn.decomposition import PCA

from mpox_keras.layers import Unfamiliarity
from mpox_keras.models import FastMpoxNet, deploy
from mpox_keras.training import add_unfamiliarity


def test_the_layer_is_the_reconstruction_error_of_scikit_learn():
    random = np.random.default_rng(0)
    features = random.normal(size=(50, 6)) @ random.normal(size=(6, 20)) + 0.1 * random.normal(size=(50, 20))
    analysis = PCA(4).fit(features)
    layer = Unfamiliarity(4)
    layer.build((None, 20))
    layer.set_weights([analysis.mean_, analysis.components_.T, np.float32(1)])
    new = random.normal(size=(10, 20))
    left = new - analysis.inverse_transform(analysis.transform(new))
    np.testing.assert_allclose(layer(new)[:, 0], (left**2).sum(axis=1), rtol=1e-4)
    assert layer.trainable_weights == []


def test_a_network_finds_its_training_photos_usual_and_noise_unusual(tmp_path):
    keras.utils.set_random_seed(0)
    random = np.random.default_rng(0)
    plain = np.repeat(np.repeat(random.integers(80, 200, (40, 2, 2, 3)), 16, axis=1), 16, axis=2).astype("uint8")
    network = FastMpoxNet(input_shape=(32, 32, 3))
    model = add_unfamiliarity(network, plain)
    model.save(tmp_path / "model.keras")
    deployed = deploy(keras.models.load_model(tmp_path / "model.keras"), class_activation_map=True)
    usual = deployed.predict(plain, verbose=0)
    np.testing.assert_allclose(usual["unfamiliarity"].mean(), 1, atol=1e-3)
    noise = deployed.predict(random.integers(0, 256, (10, 32, 32, 3)).astype("uint8"), verbose=0)["unfamiliarity"]
    assert noise.min() > np.quantile(usual["unfamiliarity"], 0.9)
    np.testing.assert_allclose(usual["probabilities"], deploy(network).predict(plain, verbose=0)["probabilities"], atol=1e-5)
