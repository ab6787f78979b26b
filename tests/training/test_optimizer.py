"""The optimizer against Keras's own."""

import keras
import numpy as np

from mpox_keras.training.optimizer import LayerwiseAdamW


def steps(optimizer, count=5):
    random = np.random.default_rng(0)
    variables = [keras.Variable(random.normal(size=(3, 2)), dtype="float32", name=name) for name in ("kernel", "bias", "gamma")]
    optimizer.build(variables)
    for _ in range(count):
        optimizer.apply(
            [keras.ops.convert_to_tensor(random.normal(size=(3, 2)).astype("float32")) for _ in variables], variables
        )
    return [np.asarray(variable) for variable in variables]


def test_without_factors_it_is_adamw():
    reference = keras.optimizers.AdamW(0.1, weight_decay=0.3)
    reference.exclude_from_weight_decay(var_names=["bias", "gamma"])
    for found, expected in zip(steps(LayerwiseAdamW(0.1, 0.3)), steps(reference), strict=True):
        np.testing.assert_array_equal(found, expected)


def test_a_factor_is_a_smaller_learning_rate_for_step_and_decay():
    reference = keras.optimizers.AdamW(0.025, weight_decay=0.3)
    reference.exclude_from_weight_decay(var_names=["bias", "gamma"])
    slow = steps(LayerwiseAdamW(0.1, 0.3, {"kernel": 0.25}))
    np.testing.assert_allclose(slow[0], steps(reference)[0], rtol=1e-6)
    np.testing.assert_array_equal(slow[1], steps(LayerwiseAdamW(0.1, 0.3))[1])
