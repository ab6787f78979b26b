"""Bundles: written whole or not at all, refused when anything in them is not what it was, and equal to what they came from."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_network import small

from mpox_keras.cli import main
from mpox_keras.data.folder import CLASSES, read_folder
from mpox_keras.export import bundle as exporter
from mpox_keras.export.bundle import ExportError, export_bundle, model_card, stratified_sample
from mpox_keras.export.parity import compare, verify_bundle
from mpox_keras.inference.classifier import Classifier, load_classifier
from mpox_keras.inference.metadata import MODEL_PLACES, ClassifierError, read_checksums, write_checksums, write_metadata
from mpox_keras.models.deploy import deploy


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def bundle(exported):
    return exported("tflite")


@pytest.fixture(scope="module")
def classifier(network):
    return load_classifier(network)


@pytest.fixture
def run(tmp_path):
    """The folder of a fit with random weights, small photos and no thresholds."""
    folder = tmp_path / "network"
    folder.mkdir()
    small(32).save(folder / "model.keras")
    metadata = {"classes": list("mcsn"), "image_size": 32, "temperature": 1.0, "thresholds": None, "environment": {"a": "b"}}
    write_metadata(folder, metadata)
    return folder


def test_a_bundle_says_all_that_is_needed(bundle, classifier):
    names = {path.name for path in bundle.iterdir()}
    assert names == {"model.tflite", "labels.txt", "metadata.json", "SHA256SUMS", "MODEL_CARD.md", "example.py"}
    assert tuple((bundle / "labels.txt").read_text().split()) == classifier.classes
    metadata = json.loads((bundle / "metadata.json").read_text())
    for key in (
        "temperature",
        "thresholds",
        "operating_points",
        "image_size",
        "value_range",
        "training_data",
        "out_of_fold",
        "licence",
    ):
        assert metadata[key] == classifier.metadata[key]
    assert metadata["made_from"]["sha256"] == classifier.checksums["model.keras"]
    assert list(read_checksums(bundle)) == sorted(names - {"SHA256SUMS"})
    assert (metadata["format_version"], metadata["format"]) == (2, "tflite")
    card = (bundle / "MODEL_CARD.md").read_text()
    assert "not a diagnosis" in card
    assert "drawn pictures (3 mpox, 2 chickenpox" in card
    assert "AUC of 0.67 per patient" in card


@pytest.mark.slow
@pytest.mark.parametrize("format", ["keras", "saved_model", "onnx"])
def test_other_formats_answer_alike(exported, folder_of_photos, classifier, format):
    if format == "onnx":
        pytest.importorskip("tf2onnx", reason="ONNX needs tf2onnx (extra `onnx`)")
    bundle = exported(format)
    figures = verify_bundle(load_classifier(bundle), read_folder(folder_of_photos, classifier.classes))
    assert figures["largest_difference"] < 1e-5
    assert figures["top_class_agreement"] == figures["answer_agreement"] == figures["alarm_agreement"] == 1
    photo = next(folder_of_photos.rglob("*.png"))
    command = [sys.executable, str(bundle / "example.py"), str(photo)]
    answer = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert answer[1].startswith(f"{photo} {classifier.predict(photo).answer} mpox")


def test_the_example_of_tflite_answers_alike(bundle, folder_of_photos, classifier):
    photos = [str(path) for path in sorted(folder_of_photos.rglob("*.png"))]
    command = [sys.executable, str(bundle / "example.py"), *photos]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert shown[0] == "Screening aid for research, not a diagnosis."
    for line, prediction in zip(shown[1:], classifier.predict(photos), strict=True):
        values = " ".join(f"{name} {value:.3f}" for name, value in prediction.probabilities.items())
        assert line == f"{prediction.file} {prediction.answer} {values}"


def test_predict_with_a_bundle_prints_the_same_table(bundle, network, folder_of_photos):
    of_bundle, of_network = (call("predict", folder_of_photos / "mpox", "--model", model) for model in (bundle, network))
    assert of_bundle.exit_code == 0, of_bundle.output
    assert of_bundle.stdout == of_network.stdout


def test_predict_with_a_tflite_bundle_imports_neither_tensorflow_nor_anything_else_heavy(bundle, folder_of_photos):
    script = (
        "import sys; from mpox_keras.cli import main; "
        f"main(['predict', {str(folder_of_photos / 'mpox')!r}, '--model', {str(bundle)!r}], standalone_mode=False); "
        "print(sorted({'tensorflow', 'keras', 'scipy', 'sklearn', 'matplotlib', 'pydantic', 'yaml'}.intersection(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"
    # Of this process's children no other is as large as one with TensorFlow, so that this is measured by itself.
    measured = f"import resource, subprocess, sys; subprocess.run([sys.executable, '-c', {script!r}], capture_output=True); "
    measured += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    kilobytes = int(subprocess.run([sys.executable, "-c", measured], capture_output=True, text=True, check=True).stdout)
    assert kilobytes < 150_000
    assert answer.stderr == "Screening aid for research, not a diagnosis.\n"


def test_without_tensorflow_other_bundles_say_what_is_missing(run, tmp_path, folder_of_photos):
    export_bundle(run, tmp_path / "bundle", "keras")
    script = (
        "import sys; from mpox_keras.cli import main; sys.modules['keras'] = None; "
        f"main(['predict', {str(folder_of_photos / 'mpox')!r}, '--model', {str(tmp_path / 'bundle')!r}])"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr == "error: this needs the package keras: pip install mpox-keras\n"


def test_verify_compares_a_bundle_with_what_it_was_made_from(bundle, folder_of_photos):
    result = call("verify", bundle, "--data", folder_of_photos, "--json")
    assert result.exit_code == 0, result.output
    figures = json.loads(result.stdout)
    assert figures["photos"] == 24
    assert figures["largest_difference"] < 1e-4
    assert figures["trained_accuracy"] == figures["exported_accuracy"]
    text = call("verify", bundle, "--data", folder_of_photos).stdout
    assert "same top class" in text
    assert "100.00%" in text


def test_compare_finds_what_differs():
    thresholds = {"mpox": 0.05, "confidence": 0.3, "ood_score": 0.5}
    classifier = Classifier({"classes": CLASSES, "image_size": 32, "thresholds": thresholds}, None)
    labels = np.array([0, 1, 3])
    trained = {"probabilities": np.array([[0.9, 0.1, 0, 0], [0.2, 0.8, 0, 0], [0.04, 0, 0, 0.96]])}
    exported = {"probabilities": np.array([[0.9, 0.1, 0, 0], [0.6, 0.4, 0, 0], [0.06, 0, 0, 0.94]])}
    for outputs in (trained, exported):
        outputs["ood_score"] = np.zeros((3, 1))
    figures = compare(classifier, trained, exported, labels)
    assert figures["largest_difference"] == pytest.approx(0.4)
    assert figures["mean_difference"] == pytest.approx((0.4 + 0.4 + 0.02 + 0.02) / 12)
    assert figures["top_class_agreement"] == pytest.approx(2 / 3)
    assert figures["answer_agreement"] == pytest.approx(2 / 3)
    # p(mpox) of 0.04 lies below the operating point, 0.06 above.
    assert figures["alarm_agreement"] == pytest.approx(2 / 3)
    assert (figures["trained_accuracy"], figures["exported_accuracy"]) == (1, pytest.approx(2 / 3))


def damage_model(folder):
    content = bytearray((folder / "model.tflite").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.tflite").write_bytes(content)


def change_threshold(folder):
    text = (folder / "metadata.json").read_text()
    (folder / "metadata.json").write_text(text.replace('"mpox": 0.25', '"mpox": 0.9'))


def rename_model(folder):
    (folder / "model.tflite").rename(folder / "other.tflite")
    write_checksums(folder)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (damage_model, "model.tflite is not the file that SHA256SUMS lists: its SHA-256 differs"),
        (change_threshold, r"metadata\.json is not the file that SHA256SUMS lists: its SHA-256 differs"),
        (lambda folder: (folder / "model.tflite").write_bytes(b"TFL3"), "SHA-256 differs"),
        (lambda folder: (folder / "labels.txt").write_text("measles\nmpox\n"), "labels.txt .* SHA-256 differs"),
        (lambda folder: (folder / "model.tflite").unlink(), "model.tflite' is missing"),
        (lambda folder: (folder / "metadata.json").write_text('{"classes": '), "damaged"),
        (lambda folder: (folder / "metadata.json").unlink(), "neither a preset"),
        (lambda folder: (folder / "SHA256SUMS").unlink(), "SHA256SUMS' is missing"),
        (rename_model, r"model\.tflite is not listed in SHA256SUMS"),
    ],
)
def test_damaged_tampered_and_foreign_bundles_are_refused(bundle, tmp_path, damage, message):
    copy = tmp_path / "copy"
    shutil.copytree(bundle, copy)
    damage(copy)
    with pytest.raises(ClassifierError, match=message):
        load_classifier(copy)
    (tmp_path / "photo.png").write_bytes(b"")
    result = call("predict", tmp_path / "photo.png", "--model", copy)
    assert result.exit_code == 2
    assert result.output.startswith("error: ")


def test_what_was_not_exported_is_not_verified(run, folder_of_photos):
    photos = read_folder(folder_of_photos)
    with pytest.raises(ClassifierError, match="is no bundle"):
        verify_bundle(load_classifier(run), photos)


def test_a_bundle_is_not_exported_again(bundle, tmp_path):
    with pytest.raises(ExportError, match="is exported already, as tflite"):
        export_bundle(bundle, tmp_path / "again", "keras")


def test_a_network_that_is_loaded_is_exported_as_it_is(run, tmp_path):
    classifier = load_classifier(run)
    export_bundle(classifier, tmp_path / "bundle", "keras")
    assert load_classifier(tmp_path / "bundle").metadata["made_from"] == {
        "source": str(run),
        "sha256": classifier.checksums["model.keras"],
    }


def test_a_network_of_a_script_is_exported_with_the_names_of_its_classes(tmp_path):
    model = small(32, classes=3)
    metadata = export_bundle(model, tmp_path / "bundle", classes=["eczema", "mpox", "normal"])
    bundle = load_classifier(tmp_path / "bundle")
    assert (bundle.classes, metadata["thresholds"], metadata["image_size"]) == (("eczema", "mpox", "normal"), None, 32)
    pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype="uint8")
    expected = deploy(model).predict(pixels, verbose=0)["probabilities"]
    np.testing.assert_allclose(bundle.predict_pixels(pixels)["probabilities"], expected, atol=1e-5)
    for classes in (None, ["mpox", "normal"]):
        with pytest.raises(ExportError, match=r"has 3 classes; give as many names"):
            export_bundle(model, tmp_path / "other", classes=classes)


def test_a_prevalence_is_of_one_place_and_not_exported(network, tmp_path):
    """Nor would the page or another runtime know what to do with it."""
    export_bundle(load_classifier(network, prevalence=0.02), tmp_path / "bundle", "keras")
    assert "prevalence" not in load_classifier(tmp_path / "bundle").metadata


def test_the_card_of_a_network_that_knows_no_mpox_says_nothing_of_it():
    thresholds = {"confidence": 0.5, "ood_score": 0.5}
    known = {"name": "own", "format": "tflite", "precision": "float32", "classes": ["Ekzem", "Tinea"], "image_size": 32}
    card = model_card({**known, "temperature": 1.0, "thresholds": thresholds})
    assert "not sure" in card
    assert "mpox is suspected" not in card


def test_a_bundle_of_another_network_is_not_verified(bundle, run, folder_of_photos):
    result = call("verify", bundle, "--data", folder_of_photos, "--model", run)
    assert result.exit_code == 2
    assert "has the classes m, c, s, n, not mpox" in result.output
    metadata = json.loads((run / "metadata.json").read_text()) | {"classes": ["mpox", "chickenpox", "measles", "normal"]}
    write_metadata(run, metadata)
    result = call("verify", bundle, "--data", folder_of_photos, "--model", run)
    assert result.exit_code == 2
    assert "made from another network" in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--format", "tfjs", "--precision", "int8"), "tfjs: float32, float16, uint16, uint8"),
        (("--precision", "int8"), "int8 needs photos"),
        (("--model", "nowhere"), "'nowhere' is neither a preset"),
    ],
)
def test_what_cannot_be_exported_is_told_in_one_line(tmp_path, arguments, message):
    result = call("export", "--out", tmp_path / "bundle", *arguments)
    assert result.exit_code == 2
    assert message in result.output
    assert len(result.output.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_an_export_that_fails_leaves_what_was_there(run, tmp_path, monkeypatch):
    folder = tmp_path / "bundle"
    export_bundle(run, folder, "keras")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    def fail(*arguments):
        raise OSError(28, "No space left on device", "model.tflite")

    monkeypatch.setattr(exporter, "_write_model", fail)
    with pytest.raises(OSError, match="No space"):
        export_bundle(run, folder, "tflite")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "network"]
    monkeypatch.undo()
    export_bundle(run, folder, "tflite")
    assert load_classifier(folder).metadata["format"] == "tflite"
    assert not (folder / "model.keras").exists()


@pytest.mark.slow
def test_few_photos_for_calibration_are_remarked_upon(network, tmp_path, folder_of_photos):
    options = ("--precision", "int8", "--calibration", folder_of_photos, "--out", tmp_path / "bundle")
    result = call("export", "--model", network, *options)
    assert result.exit_code == 0, result.output
    assert "only 24 photos for calibration" in result.output
    assert load_classifier(tmp_path / "bundle").metadata["calibration_photos"] == 24


def test_other_folders_are_not_overwritten(run, tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    with pytest.raises(ExportError, match="exists and is no bundle"):
        export_bundle(run, mine, "keras")
    assert (mine / "thesis.txt").read_text() == "years of work"
    before = (run / "model.keras").read_bytes()
    with pytest.raises(ExportError, match="exists and is no bundle"):
        export_bundle(run, run, "tflite")
    assert (run / "model.keras").read_bytes() == before


@pytest.mark.slow
def test_a_network_without_thresholds_or_ood_score_always_answers(run, tmp_path):
    for format in MODEL_PLACES:
        export_bundle(run, tmp_path / format, format)
        bundle = load_classifier(tmp_path / format)
        assert "environment" not in bundle.metadata
        pixels = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype="uint8")
        found, expected = bundle.predict_pixels(pixels), load_classifier(run).predict_pixels(pixels)
        assert set(found) == set(expected) == {"probabilities", "class_activation_map"}
        np.testing.assert_allclose(found["probabilities"], expected["probabilities"], atol=1e-5)
        assert "not recorded" in (tmp_path / format / "MODEL_CARD.md").read_text()


def test_photos_for_calibration_are_a_stratified_sample(folder_of_photos, classifier):
    photos = read_folder(folder_of_photos, classifier.classes)
    photos = [photo for photo in photos if photo.label != "measles" or photo.file.endswith("000_0.png")]
    chosen = stratified_sample(photos, 9)
    assert sorted(photo.label for photo in chosen) == ["chickenpox"] * 3 + ["measles"] + ["mpox"] * 3 + ["normal"] * 2
    assert chosen == stratified_sample(photos, 9)
    assert len({photo.file for photo in chosen}) == 9
    assert len(stratified_sample(photos, 1000)) == len(photos)
