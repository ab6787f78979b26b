"""Exact resume where the random layers lie inside a nested backbone."""

import keras
import numpy as np
import pytest

from mpox_keras.layers.pointwise import PointwiseBlock
from mpox_keras.models.backbones import Backbone
from mpox_keras.models.image_classifier import ImageClassifier
from mpox_keras.training import callbacks
from mpox_keras.training.callbacks import Checkpoint, EpochLog, resume

pytestmark = pytest.mark.usefixtures("without_graphs")

PHOTOS = np.random.default_rng(0).uniform(0, 255, (8, 32, 32, 3)).astype("float32")
LABELS = np.arange(8) % 4


def efficientnet():
    return ImageClassifier(Backbone("EfficientNetB0", input_shape=(32, 32, 3), last="block3b_add"))


def stochastic_depth():
    """ConvNeXt's own way to drop whole branches, which has no random state of its own, two networks deep."""
    from keras.src.applications.convnext import StochasticDepth

    inputs = keras.Input((32, 32, 3))
    x = StochasticDepth(0.5)(PointwiseBlock(4)(keras.layers.Rescaling(1 / 255)(inputs)))
    inner = keras.Model(inputs, keras.layers.Dropout(0.3)(x))
    outer = keras.Model(inputs, inner(inputs))
    pooled = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(outer(inputs)))
    return keras.Model(inputs, {"diagnosis": keras.layers.Dense(4, name="diagnosis")(pooled)})


def compiled(build):
    keras.utils.set_random_seed(0)
    model = build()
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9)
    optimizer.build(model.trainable_variables)
    model.compile(optimizer, keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
    return model


def fit(model, path, first, last):
    model.fit(
        PHOTOS,
        {"diagnosis": LABELS},
        batch_size=4,
        initial_epoch=first,
        epochs=last,
        shuffle=False,
        verbose=0,
        callbacks=[Checkpoint(path, seed=1)],
    )
    return model


@pytest.mark.slow
@pytest.mark.parametrize(("build", "random_layers"), [(stochastic_depth, 2), (efficientnet, 3)])
def test_a_resumed_training_of_a_nested_network_ends_like_an_uninterrupted_one(build, random_layers, tmp_path):
    whole = fit(compiled(build), tmp_path / "whole.npz", 0, 3)
    states = [v for v in whole.non_trainable_variables if v.name == "seed_generator_state"]
    assert len(states) == random_layers
    assert len({tuple(state.numpy()) for state in states}) == random_layers  # no two drop the same

    fit(compiled(build), tmp_path / "part.npz", 0, 1)
    resumed = compiled(build)
    for state in [v for v in resumed.non_trainable_variables if v.name == "seed_generator_state"]:
        state.assign([7, 7])  # another process would start from others
    assert resume(resumed, tmp_path / "part.npz", steps_per_epoch=2) == 1
    fit(resumed, tmp_path / "part.npz", 1, 3)
    for found, expected in zip(resumed.weights, whole.weights, strict=True):
        np.testing.assert_array_equal(found.numpy(), expected.numpy(), err_msg=expected.path)


def test_the_time_left_leaves_out_the_time_of_the_first_step(tmp_path, monkeypatch, capsys):
    """The first of ten steps of an epoch takes half a minute, the others a second."""
    clock = iter([0, *range(30, 40), 40])
    monkeypatch.setattr(callbacks.time, "perf_counter", lambda: next(clock))
    log = EpochLog(tmp_path / "log.csv")
    log.set_params({"steps": 10, "epochs": 3})
    log.set_model(compiled(lambda: ImageClassifier(Backbone("MobileNet", 0.25, (32, 32, 3), last="conv_pw_2_relu"), 4)))
    log.on_epoch_begin(0)
    for batch in range(10):
        log.on_train_batch_end(batch)
        assert bool(capsys.readouterr().err) == (batch == 4)
    log.on_epoch_end(0, {"loss": 1.0, "accuracy": 0.5})
    assert "  20 s left" in capsys.readouterr().err
