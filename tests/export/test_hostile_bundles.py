"""Folders made to harm: nothing in them runs, nothing outside them is read, and each is refused in one line."""

import json
import os
import shutil
import sys
from pathlib import Path

import keras
import pytest

import mpox_keras
from mpox_keras.inference.classifier import load_classifier
from mpox_keras.inference.metadata import ClassifierError, file_sha256, read_metadata, write_checksums

TOOLS = Path(__file__).parents[2] / "tools"


@pytest.fixture
def bundle(exported, tmp_path):
    return Path(shutil.copytree(exported("tflite"), tmp_path / "bundle"))


def rewrite(folder, change):
    """Change the metadata and make the checksums right, as whoever made the folder could."""
    metadata = json.loads((folder / "metadata.json").read_text())
    change(metadata)
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_checksums(folder)


def with_code(path, witness):
    """A network with a layer of Python code that writes a file."""
    image = keras.Input((32, 32, 3), name="image")
    harm = keras.layers.Lambda(lambda pixels, name=str(witness): (open(name, "w").close(), pixels)[1])
    flat = keras.layers.GlobalAveragePooling2D()(harm(image))
    keras.Model(image, {"probabilities": keras.layers.Dense(4)(flat)}).save(path)
    assert witness.exists()  # it ran when it was made
    witness.unlink()


@pytest.mark.parametrize("trained", [True, False])
def test_python_code_in_a_network_does_not_run(network, exported, tmp_path, trained):
    folder = shutil.copytree(network if trained else exported("keras"), tmp_path / "folder")
    with_code(folder / "model.keras", tmp_path / "witness")
    write_checksums(folder)
    with pytest.raises(ClassifierError, match=r"model\.keras cannot be used .*Lambda"):
        load_classifier(folder)
    assert not (tmp_path / "witness").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda metadata: metadata.update(classes="mpox"),
        lambda metadata: metadata.update(classes=[]),
        lambda metadata: metadata.update(classes=["mpox", "mpox", "measles", "normal"]),
        lambda metadata: metadata.update(classes=["mpox", ["x"], "measles", "normal"]),
        lambda metadata: metadata.update(classes=["mpox", "measles", "normal"]),
        lambda metadata: metadata.update(classes=["a", "b", "c", "d"]),
        lambda metadata: metadata.update(image_size="32"),
        lambda metadata: metadata.update(image_size=True),
        lambda metadata: metadata.update(image_size=2**40),
        lambda metadata: metadata.update(image_size=64),
        lambda metadata: metadata.update(temperature=0),
        lambda metadata: metadata.update(temperature=float("nan")),
        lambda metadata: metadata.update(temperature=10**400),
        lambda metadata: metadata.update(thresholds=[]),
        lambda metadata: metadata.update(thresholds={"mpox": 0.1}),
        lambda metadata: metadata["thresholds"].update(ood_score=float("nan")),
        lambda metadata: metadata["thresholds"].update(mpox=float("inf")),
        lambda metadata: metadata["thresholds"].pop("mpox"),
        lambda metadata: metadata.update(thresholds=None),
        lambda metadata: metadata.update(operating_points=[]),
        lambda metadata: metadata.update(operating_points={}),
        lambda metadata: metadata.update(operating_points={"0.9": 0.25}),
        lambda metadata: metadata["operating_points"].update(high=metadata["operating_points"]["0.9"]),
        lambda metadata: metadata["operating_points"].update({"9" * 400: metadata["operating_points"]["0.9"]}),
        lambda metadata: metadata["operating_points"]["0.95"].pop("threshold"),
        lambda metadata: metadata["operating_points"]["0.95"].update(recall=None),
        lambda metadata: metadata["operating_points"]["0.95"].update(specificity=float("nan")),
        lambda metadata: metadata.update(prevalence="0.02"),
        lambda metadata: metadata.update(prevalence=1.0),
        lambda metadata: metadata.update(format_version=True),
        lambda metadata: metadata.pop("thresholds"),
        lambda metadata: metadata.update(format=["tflite"]),
        lambda metadata: metadata.update(made_from="a script"),
    ],
)
def test_metadata_of_other_kinds_are_refused(bundle, change):
    rewrite(bundle, change)
    with pytest.raises(ClassifierError, match="bundle") as caught:
        load_classifier(bundle)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "9" * 5000, "null", " " * 10_000_001, "\ufeff{}", "\0"])
def test_metadata_that_is_no_object_is_refused(bundle, text):
    (bundle / "metadata.json").write_text(text)
    with pytest.raises(ClassifierError, match=r"metadata\.json is damaged"):
        load_classifier(bundle)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../secret.txt", "x/../../secret.txt", "..\\secret.txt", "a\0b", "x" * 5000, "", ".", "\ud800"]
)
def test_names_that_lead_outside_are_refused(bundle, name):
    secret = bundle.parent / "secret.txt"
    secret.write_text("secret")
    with (bundle / "SHA256SUMS").open("a", encoding="utf-8", errors="surrogatepass") as sums:
        sums.write(f"{file_sha256(secret)}  {name}\n")
    with pytest.raises(ClassifierError, match=r"not in the folder|is missing|SHA256SUMS is damaged"):
        load_classifier(bundle)


@pytest.mark.parametrize("name", ["labels.txt", "model.tflite", "metadata.json"])
def test_links_that_lead_outside_are_refused(bundle, name):
    os.rename(bundle / name, bundle.parent / name)
    (bundle / name).symlink_to(bundle.parent / name)
    with pytest.raises(ClassifierError, match=f"'{name}', which is not in the folder"):
        load_classifier(bundle)
    (bundle / name).unlink()
    (bundle / name).symlink_to(name)  # a circle
    with pytest.raises(ClassifierError):
        load_classifier(bundle)


def test_what_a_model_s_folder_holds_beside_the_files_named_is_refused(exported, tmp_path):
    folder = Path(shutil.copytree(exported("tfjs"), tmp_path / "bundle"))
    (folder / "tfjs" / "more").symlink_to("/etc")
    with pytest.raises(ClassifierError, match=r"more.* is not listed|not in the folder"):
        load_classifier(folder)


def test_a_manifest_that_leads_outside_is_refused(exported, tmp_path):
    folder = Path(shutil.copytree(exported("tfjs"), tmp_path / "bundle"))
    model = json.loads((folder / "tfjs" / "model.json").read_text())
    (name,) = model["weightsManifest"][0]["paths"]
    shutil.copy(folder / "tfjs" / name, tmp_path / "outside.bin")
    model["weightsManifest"][0]["paths"] = ["../../outside.bin"]
    (folder / "tfjs" / "model.json").write_text(json.dumps(model))
    write_checksums(folder)
    with pytest.raises(ClassifierError, match=r"outside\.bin', which is not in the folder"):
        load_classifier(folder)


@pytest.mark.parametrize(
    ("format", "file"), [("tflite", "model.tflite"), ("keras", "model.keras"), ("tfjs", "tfjs/model.json")]
)
def test_a_damaged_model_is_refused_even_if_its_hash_is_right(exported, tmp_path, format, file):
    folder = Path(shutil.copytree(exported(format), tmp_path / "bundle"))
    content = (folder / file).read_bytes()
    (folder / file).write_bytes(content[: len(content) // 2])
    write_checksums(folder)
    with pytest.raises(ClassifierError, match="cannot be used"):
        load_classifier(folder)


def test_a_model_that_asks_for_all_memory_is_refused(bundle):
    """A few changed bytes are enough for it."""
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.read_model(str(bundle / "model.tflite"))
    large = max(model.subgraphs[0].tensors, key=lambda tensor: len(tensor.shape) if tensor.shape is not None else 0)
    large.shape = [1, 60_000, 60_000, 8]
    flatbuffer_utils.write_model(model, str(bundle / "model.tflite"))
    write_checksums(bundle)
    with pytest.raises(ClassifierError, match=r"its tensors would take 115\.\d GB"):
        load_classifier(bundle)


def test_another_number_of_classes_is_refused(network, tmp_path):
    folder = shutil.copytree(network, tmp_path / "network")
    rewrite(folder, lambda metadata: metadata.update(classes=["mpox", "other"]))
    with pytest.raises(ClassifierError, match="no network for 2 classes"):
        load_classifier(folder)


def test_damaged_metadata_give_metadata_or_an_error(bundle, monkeypatch):
    """The short form of the campaign."""
    monkeypatch.syspath_prepend(TOOLS)
    import fuzz

    monkeypatch.delitem(sys.modules, "fuzz")
    shutil.move(bundle, bundle.parent / "metadata")
    folder = bundle.parent / "metadata"
    material = {"folder": bundle.parent, "metadata": (folder / "metadata.json").read_text()}
    outcomes = {fuzz.run_case("metadata", number, material)[1] for number in range(500)}
    assert outcomes == {"accepted", "refused"}
    (folder / "metadata.json").write_text(material["metadata"])
    write_checksums(folder)
    assert read_metadata(folder)["format"] == "tflite"


def test_models_are_loaded_in_keras_s_safe_mode_only():
    package = Path(mpox_keras.__file__).parent
    for path in package.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "safe_mode" not in text, path
        assert "enable_unsafe_deserialization" not in text, path
        assert "allow_pickle=True" not in text, path
