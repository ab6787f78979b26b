"""TFLite files: what they hold, and that they answer as the trained network does."""

import functools

import keras
import numpy as np
import pytest
from tensorflow.lite.python import schema_py_generated
from tensorflow.lite.python.schema_py_generated import TensorType
from tensorflow.lite.tools import flatbuffer_utils
from tiny_network import small, tiny_fast_mpoxnet

from mpox_keras.config import ModelConfig
from mpox_keras.data.folder import read_folder
from mpox_keras.data.loading import load_photos
from mpox_keras.data.synthetic import write_synthetic_photos
from mpox_keras.export.formats import ExportError
from mpox_keras.export.tflite import compact, convert_to_tflite, to_tflite
from mpox_keras.inference.runtimes import LiteRT


@pytest.fixture(scope="module")
def many(tmp_path_factory, preset):
    """Enough drawn pictures to calibrate integers on."""
    folder = tmp_path_factory.mktemp("many")
    write_synthetic_photos(folder, scenes_per_class=10)
    return load_photos(read_folder(folder), preset.image_size)


@pytest.fixture(scope="module")
def of_many(preset, many):
    return preset.predict_pixels(many)


@pytest.fixture(scope="module")
def converted(preset, many, of_many):
    """The preset in a precision; integers are calibrated on pictures that are surely not refused."""
    usual = many[of_many["ood_score"][:, 0] < 0.9 * preset.metadata["thresholds"]["ood_score"]]

    @functools.cache
    def convert(precision):
        return convert_to_tflite(preset.trained, preset.metadata["temperature"], precision, usual)

    return convert


@pytest.mark.slow
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 2e-5), ("float16", 0.1), ("dynamic", 0.2)])
def test_outputs_are_those_of_the_trained_network(converted, expected, pixels, precision, tolerance):
    found = LiteRT(converted(precision))(pixels)
    assert set(found) == set(expected)
    for name, values in expected.items():
        assert found[name].shape == values.shape
        np.testing.assert_allclose(found[name], values, atol=tolerance * np.abs(values).max(), err_msg=name)


@pytest.mark.parametrize("pyramid", [True, False])
def test_small_photos_give_the_same_too(pyramid):
    """At 64 pixels the last maps have 2x2 positions, of which a pyramid has one grid."""
    keras.utils.set_random_seed(0)
    model = tiny_fast_mpoxnet(ModelConfig(image_size=64, pyramid=pyramid), 4)
    photos = np.random.default_rng(0).integers(0, 256, (2, 64, 64, 3), dtype="uint8")
    found, logits = LiteRT(convert_to_tflite(model))(photos), model.predict(photos, verbose=0)["diagnosis"]
    assert found["class_activation_map"].shape == (2, 2, 2, 4)
    np.testing.assert_allclose(found["class_activation_map"].mean(axis=(1, 2)), logits, atol=1e-4)
    np.testing.assert_allclose(found["probabilities"], keras.ops.softmax(logits), atol=1e-5)


@pytest.mark.slow
def test_int8_gives_nearly_the_same_probabilities(converted, of_many, many):
    found = LiteRT(converted("int8"))(many)
    assert {name: values.shape for name, values in found.items()} == {name: v.shape for name, v in of_many.items()}
    difference = np.abs(found["probabilities"] - of_many["probabilities"])
    assert difference.mean() < 0.015
    for name, values in of_many.items():
        assert np.corrcoef(found[name].ravel(), values.ravel())[0, 1] > 0.9, name


@pytest.mark.slow
def test_only_builtin_operators_and_no_shuffle(converted):
    for precision in ("float32", "float16", "dynamic", "int8"):
        names = [name for name, _ in operators(converted(precision))]
        assert not {"CUSTOM", "DELEGATE", "GATHER_ND"}.intersection(names)
        # Each of the three maps is cut into cells once, and all products are classified.
        assert [names.count(name) for name in ("TRANSPOSE", "BATCH_MATMUL", "GATHER")] == [3, 3, 0]


def operators(content):
    """Name of each operator of a TFLite file, and the tensor that it makes."""
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    (graph,) = model.subgraphs
    names = {value: name for name, value in vars(schema_py_generated.BuiltinOperator).items()}
    codes = [names[max(code.builtinCode, code.deprecatedBuiltinCode)] for code in model.operatorCodes]
    return [(codes[each.opcodeIndex], graph.tensors[each.outputs[0]]) for each in graph.operators]


def heights(content, kind):
    """Of the maps that depthwise convolutions, of which every block has one, make in numbers of this kind."""
    return {int(made.shape[1]) for name, made in operators(content) if name == "DEPTHWISE_CONV_2D" and made.type == kind}


@pytest.mark.slow
def test_int8_is_integer_where_maps_are_small(converted, preset):
    sixteenth = preset.image_size // 16
    assert heights(converted("int8"), TensorType.FLOAT32) == {sixteenth * 8, sixteenth * 4, sixteenth * 2}
    assert heights(converted("int8"), TensorType.INT8) == {sixteenth, sixteenth // 2}
    assert not heights(converted("float16"), TensorType.INT8)


@pytest.mark.slow
def test_int8_reaches_an_ood_score_over_that_of_its_calibration(preset, converted, of_many, many):
    """An integer that saturates below the threshold would never refuse a picture."""
    threshold, scores = preset.metadata["thresholds"]["ood_score"], of_many["ood_score"][:, 0]
    assert scores.max() > 1.5 * threshold
    assert LiteRT(converted("int8"))(many[[scores.argmax()]])["ood_score"][0, 0] > 1.2 * threshold


@pytest.mark.slow
def test_compact_keeps_every_number(converted, pixels):
    for precision in ("float32", "float16"):
        content = converted(precision)
        smaller = compact(content)
        assert len(smaller) < 0.97 * len(content)
        for name, values in LiteRT(content)(pixels[:2]).items():
            np.testing.assert_array_equal(LiteRT(smaller)(pixels[:2])[name], values)


def test_integers_that_cannot_be_run_are_told(monkeypatch):
    def refuse(content):
        raise RuntimeError("failed to create XNNPACK runtime")

    monkeypatch.setattr("mpox_keras.export.tflite.LiteRT", refuse)
    with pytest.raises(ExportError, match=r"can't be run \(failed to create XNNPACK runtime\)"):
        convert_to_tflite(small(32), 1.0, "int8", np.zeros((2, 32, 32, 3), "uint8"))


def test_operators_that_tflite_lacks_are_told():
    inputs = keras.Input((8, 8, 3))
    with pytest.raises(ExportError, match="can't convert the network to TFLite in float32"):
        to_tflite(keras.Model(inputs, keras.ops.svd(inputs[..., 0], compute_uv=False)), "float32")
