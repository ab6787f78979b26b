"""The command line as a user meets it: results, messages, exit codes."""

import csv
import functools
import http.server
import json
import shutil
import subprocess
import sys
import threading

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tiny_network import small, tiny

from mpox_keras.cli import main, options
from mpox_keras.data.folder import CLASSES
from mpox_keras.data.synthetic import write_synthetic_photos
from mpox_keras.inference.classifier import preset_names
from mpox_keras.inference.metadata import read_metadata, write_metadata
from mpox_keras.inference.prediction import DISCLAIMER, at_prevalence

OWN_THREADS = ("--set", "training.threads=null")
"""For commands that train: TensorFlow may already run in the process of the tests, and its threads are settled then."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "photos"
    write_synthetic_photos(folder, scenes_per_class=2)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    small(32).save(folder / "model.keras")
    write_metadata(
        folder,
        {"classes": ["mpox", "chickenpox", "measles", "normal"], "image_size": 32, "temperature": 1.0, "thresholds": None},
    )
    return folder


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def test_predict_prints_one_json_object_a_line(photos, model):
    result = call("predict", photos / "mpox", photos / "normal" / "*_0.png", "--model", model, "--json")
    assert result.exit_code == 0, result.output
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["file"].rsplit("/", 1)[1] for record in records] == [
        *(f"mpox_{scene:03d}_{view}.png" for scene in range(2) for view in range(2)),
        *(f"normal_{scene:03d}_0.png" for scene in range(2)),
    ]
    for record in records:
        assert list(record["probabilities"]) == ["mpox", "chickenpox", "measles", "normal"]
        assert record["label"] == max(record["probabilities"], key=record["probabilities"].get)


def test_predict_prints_a_table_and_names_what_it_could_not_read(photos, model, tmp_path):
    (tmp_path / "bad.jpg").write_text("no photo")
    result = call("predict", tmp_path / "bad.jpg", photos / "measles" / "measles_000_0.png", "--model", model)
    assert result.exit_code == 2
    assert "not a diagnosis" in result.stderr
    assert "bad.jpg is not a readable" in result.stderr
    assert result.stdout.splitlines()[0].split() == ["mpox", "chickenpox", "measles", "normal", "mpox?", "answer", "file"]
    assert result.stdout.splitlines()[1].endswith("measles_000_0.png")


@pytest.fixture
def address(photos):
    """Of a server with the photos."""
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=photos)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_predict_takes_urls_and_standard_input(photos, model, address):
    name = "mpox/mpox_000_0.png"
    arguments = ["predict", "-", f"{address}/{name}", photos / name, f"{address}/none.png", "--model", model, "--json"]
    content = (photos / name).read_bytes()
    result = CliRunner().invoke(main, [str(argument) for argument in arguments], input=content)
    assert result.exit_code == 2
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert [record["file"] for record in records] == ["photo", f"{address}/{name}", str(photos / name), f"{address}/none.png"]
    assert records[0]["probabilities"] == records[1]["probabilities"] == records[2]["probabilities"]
    assert "none.png cannot be opened (HTTP Error 404" in records[3]["error"]


def test_predict_writes_a_table_for_spreadsheets(photos, model, tmp_path):
    (tmp_path / "bad.jpg").write_text("no photo")
    result = call("predict", photos / "mpox", tmp_path / "bad.jpg", "--model", model, "--csv")
    assert result.exit_code == 2
    rows = list(csv.DictReader(result.stdout.splitlines()))
    assert len(rows) == 5
    for row in rows[:4]:
        assert sum(float(value) for key, value in row.items() if key.startswith("probability_")) == pytest.approx(1)
        assert float(row[f"probability_{row['answer']}"]) == max(float(row[f"probability_{name}"]) for name in CLASSES)
    assert "bad.jpg is not a readable" in rows[4]["error"]


def test_predict_says_what_of_a_folder_is_no_photo(photos, model, tmp_path):
    shutil.copy(photos / "mpox" / "mpox_000_0.png", tmp_path)
    for name in ("a.mov", "b.mov", "notes.txt", ".hidden", "groups.csv"):
        (tmp_path / name).write_text("")
    result = call("predict", tmp_path, "--model", model)
    assert result.exit_code == 0
    assert f"skipped in {tmp_path}, as no photos by their suffix: 2 .mov, 1 .txt\n" in result.stderr
    (tmp_path / "mpox_000_0.png").unlink()
    result = call("predict", tmp_path, "--model", model)
    assert result.exit_code == 2
    assert "holds no photos" in result.stderr
    assert "it holds .mov, .txt" in result.stderr


def test_what_is_wrongly_named_is_told_before_tensorflow_is_there(tmp_path):
    wrong = [
        ["export", "--out", "x", "--model", "nonsense"],
        ["export", "--out", "x", "--format", "nonsense"],
        ["export", "--out", "x", "--format", "keras", "--precision", "int8"],
        ["explain", __file__, "--method", "nonsense"],
        ["explain", __file__, "--model", "nonsense"],
        ["fit", "--config", "quickstart", "--data", ".", "--groups", "nonsense"],
        ["fit", "--config", "quickstart", "--data", "nonsense"],
        ["evaluate", "--data", ".", "--model", "nonsense"],
        ["verify", "nonsense", "--data", "."],
        ["web", "--model", "nonsense"],
        ["quickstart", "--data", "nonsense"],
    ]
    code = f"""
import sys
from click.testing import CliRunner
from mpox_keras.cli import main, options
for arguments in {wrong!r}:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2 and "nonsense" in result.output + "int8 nonsense" * ("int8" in arguments), result.output
assert "tensorflow" not in sys.modules
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_options_list_the_methods_that_there_are():
    from mpox_keras.explain.maps import METHODS

    assert list(options.METHODS) == list(METHODS)
    assert "occlusion" in call("explain", "--help").stdout


def test_pages_are_opened_only_where_there_is_a_screen(monkeypatch):
    opened = []
    monkeypatch.setattr("click.launch", opened.append)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    options.open_in_browser("file:///report.html")
    assert opened == []
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    options.open_in_browser("file:///report.html")
    assert opened == ["file:///report.html"]


def test_a_network_that_knows_no_mpox_says_nothing_of_it(photos, tmp_path):
    small(32, classes=2).save(tmp_path / "model.keras")
    write_metadata(tmp_path, {"classes": ["Ekzem ä", "Tinea"], "image_size": 32, "temperature": 1.0, "thresholds": None})
    result = call("predict", photos / "normal" / "normal_000_0.png", "--model", tmp_path)
    assert result.exit_code == 0, result.output
    assert "mpox" not in result.stdout.replace(str(photos), "")
    (tmp_path / "photos" / "EKZEM_ä").mkdir(parents=True)
    (tmp_path / "photos" / "tinea").mkdir()
    for name in ("EKZEM_ä", "tinea"):
        shutil.copy(photos / "normal" / "normal_000_0.png", tmp_path / "photos" / name)
    result = call("evaluate", "--model", tmp_path, "--data", tmp_path / "photos", "--out", tmp_path / "report")
    assert result.exit_code == 0, result.output
    assert "mpox" not in (tmp_path / "report" / "report.html").read_text().replace("mpox-keras", "").replace("mpox_keras", "")


def test_predict_takes_a_recall_and_a_prevalence(photos, network, tmp_path):
    """Of 1000 photos 20 show mpox: at a recall of 0.95 and a specificity of 0.7, 19 and 294 of them raise an alarm.

    Where the specificity on sources never seen is known, 0.5 here, 490 do.
    """
    photo = photos / "mpox" / "mpox_000_0.png"
    plain = call("predict", photo, "--model", network, "--json")
    given = call("predict", photo, "--model", network, "--json", "--recall", "0.95", "--prevalence", "0.02")
    assert given.exit_code == 0, given.output
    plain, given = json.loads(plain.stdout), json.loads(given.stdout)
    assert given["probabilities"] == pytest.approx(at_prevalence(plain["probabilities"], 0.02))
    told = call("predict", photo, "--model", network, "--recall", "0.95", "--prevalence", "0.02").stderr.splitlines()
    assert told == [DISCLAIMER, "Where 2.0% have mpox, 6% of alarms are right, and 99.9% of silence."]
    told = call("predict", photo, "--model", network, "--prevalence", "0.5").stderr.splitlines()
    assert told[1] == "Where 50.0% have mpox, 82% of alarms are right, and 88.9% of silence."
    shutil.copytree(network, tmp_path / "measured")
    external = {"other_conditions": {"no_alarm": {"0.9": 0.6, "0.95": 0.5}}}
    write_metadata(tmp_path / "measured", {**read_metadata(network), "external": external})
    told = call("predict", photo, "--model", tmp_path / "measured", "--recall", "0.95", "--prevalence", "0.02").stderr
    assert "4% of alarms are right, and 99.8% of silence." in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--recall", "0.5"), "no threshold for a recall of 0.5; it has thresholds for 0.9, 0.95"),
        (("--recall", "1.5"), "1.5 is not in the range 0<=x<=1"),
        (("--recall", "high"), "'high' is not a valid float"),
        (("--prevalence", "0"), "0.0 is not in the range 0<x<1"),
        (("--prevalence", "2%"), "'2%' is not a valid float"),
    ],
)
def test_a_recall_or_prevalence_that_makes_no_sense_is_told(photos, network, options, message):
    result = call("predict", photos / "mpox", "--model", network, *options)
    assert result.exit_code == 2
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_presets_are_listed():
    result = call("presets")
    assert result.exit_code == 0, result.output
    assert [line.partition(":")[0] for line in result.stdout.splitlines()] == preset_names()
    rows = {row["name"]: row for row in json.loads(call("presets", "--json").stdout)}
    assert rows["fast_mpoxnet"]["classes"] == ["mpox", "chickenpox", "measles", "other", "normal"]
    assert 1.0 < rows["fast_mpoxnet"]["tflite_megabytes"] < 1.3


def test_evaluate_writes_report_and_figures(photos, model, tmp_path):
    result = call("evaluate", "--model", model, "--data", photos, "--out", tmp_path / "report")
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "report" / "results.json").read_text())
    assert figures["photos"] == 16
    assert "<html" in (tmp_path / "report" / "report.html").read_text()
    assert f"accuracy {100 * figures['accuracy']:.1f} %" in result.stdout


def test_evaluate_external_takes_rashes_that_are_only_known_to_be_others(photos, model, tmp_path):
    shutil.copytree(photos / "mpox", tmp_path / "photos" / "Monkeypox")
    shutil.copytree(photos / "measles", tmp_path / "photos" / "Others")
    files = sorted(path.relative_to(tmp_path / "photos").as_posix() for path in (tmp_path / "photos").glob("*/*.png"))
    rows = [f"{file},{file.rsplit('_', 1)[0]}" for file in files]
    (tmp_path / "photos" / "labels.csv").write_text("\n".join(["file,patient", *rows]))
    result = call("evaluate-external", "--model", model, "--data", tmp_path / "photos", "--out", tmp_path / "report")
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "report" / "results.json").read_text())
    assert (figures["photos"], figures["patients"], figures["mpox_patients"]) == (8, 4, 2)
    assert f"AUC per patient {figures['auc_per_patient']:.3f}" in result.stdout
    result = call("evaluate", "--model", model, "--data", tmp_path / "photos", "--out", tmp_path / "report")
    assert result.exit_code == 2
    assert "mpox-keras evaluate-external" in result.stderr


def test_evaluate_takes_a_built_dataset(photos, model, tmp_path, monkeypatch):
    import tensorflow_datasets as tfds

    import mpox_keras.datasets  # noqa: F401

    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path / "tfds"))
    builder = tfds.builder("mpox/folder", data_dir=tmp_path / "tfds")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=photos))
    monkeypatch.setattr(tfds, "builder", lambda name, builder=tfds.builder: builder(name, data_dir=tmp_path / "tfds"))
    for data, out in ((photos, "folder"), ("mpox/folder", "dataset")):
        assert call("evaluate", "--model", model, "--data", data, "--out", tmp_path / out).exit_code == 0
    figures = [json.loads((tmp_path / out / "results.json").read_text()) for out in ("folder", "dataset")]
    keys = ("accuracy", "confusion_matrix", "brier_score", "per_class")
    assert [figures[0][key] for key in keys] == [figures[1][key] for key in keys]


def test_summary_gives_the_figures_as_json():
    figures = json.loads(call("summary", "--json").stdout)
    assert 265_000 <= figures["trainable_parameters"] <= 275_000
    assert figures["multiply_adds"] == sum(part["multiply_adds"] for part in figures["parts"].values())


def test_data_check_writes_the_groups_table(tmp_path):
    pytest.importorskip("cv2", reason="finding duplicates needs OpenCV (extra `duplicates`)")
    write_synthetic_photos(tmp_path, scenes_per_class=1)
    (tmp_path / "groups.csv").unlink()
    (tmp_path / "normal" / "broken.png").write_bytes(b"")
    (tmp_path / "normal" / "film.mov").write_bytes(b"")
    result = call("data", "check", tmp_path)
    assert result.exit_code == 0, result.output
    assert "Unreadable, dropped: 1" in result.stdout
    assert "Skipped, no photo by the suffix: 1\n  .mov: 1\n" in result.stdout
    rows = list(csv.DictReader((tmp_path / "groups.csv").open()))
    assert {row["file"]: row["drop"] for row in rows}["normal/broken.png"] == "unreadable"
    assert len(rows) == 9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fit", "--config", "missing.yaml", "--data", "."], "missing.yaml can't be found"),
        (["fit", "--config", "quickstart", "--data", ".", "--set", "training.epoch=1"], "Did you mean training.epochs?"),
        (["crossval", "--config", "quickstart", "--data", "missing", *OWN_THREADS], "missing is not"),
        (["evaluate", "--data", "missing"], "missing is not"),
        (["predict", "missing.jpg"], "missing.jpg is neither a file"),
        (["predict", __file__, "--model", "no_such_model"], "'no_such_model' is neither a preset"),
        (["data", "check", "missing"], "missing is not"),
        (["quickstart", "--data", "missing"], "missing is not"),
        (["summary", "--set", "nonsense"], "expected section.key=value"),
    ],
)
def test_bad_input_gets_one_message_and_exit_code_2(arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_a_split_without_groups_is_refused(photos, tmp_path):
    for label in ("mpox", "normal"):
        (tmp_path / label).mkdir()
        Image.fromarray(np.zeros((16, 16, 3), "uint8")).save(tmp_path / label / "a.png")
    result = call("crossval", "--config", "quickstart", "--data", tmp_path, "--out", tmp_path / "run", *OWN_THREADS)
    assert result.exit_code == 2
    assert "mpox-keras data check" in result.stderr
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("heavy", ["tensorflow_datasets", "matplotlib", "tensorflowjs", "tensorflow"])
def test_importing_the_package_imports_nothing_heavy(heavy):
    code = f"import sys, mpox_keras; sys.exit({heavy!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("order", ["keras, mpox_keras", "mpox_keras, keras"])
def test_keras_loads_our_models_whichever_is_imported_first(model, order):
    code = f"import {order}; keras.models.load_model({str(model / 'model.keras')!r})"
    assert subprocess.run([sys.executable, "-c", code], stderr=subprocess.DEVNULL).returncode == 0


def test_python_runs_the_package_as_the_command():
    command = [sys.executable, "-m", "mpox_keras", "--help"]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.startswith("Usage: mpox-keras")


def test_predict_takes_a_keras_file_and_the_names_of_its_classes(photos, model, tmp_path):
    shutil.copy(model / "model.keras", tmp_path / "mine.keras")
    result = call("predict", photos / "mpox", "--model", tmp_path / "mine.keras", "--classes", "w, x,y,z")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0].split()[:4] == ["w", "x", "y", "z"]
    assert call("predict", photos / "mpox", "--model", tmp_path / "mine.keras").exit_code == 2


@pytest.mark.slow
def test_quickstart_goes_all_the_way(photos, tmp_path, monkeypatch):
    from mpox_keras.config import load_config
    from mpox_keras.training import quickstart

    short = ["training.epochs=1", "model.image_size=32", "data.validation_fraction=0.5"]
    monkeypatch.setattr(quickstart, "load_config", lambda name, overrides: load_config(name, [*overrides, *short]))
    monkeypatch.setattr("mpox_keras.training.fit.build_model", tiny)
    result = call("quickstart", "--data", photos, "--out", tmp_path, "--no-open")
    assert result.exit_code == 0, result.output
    report = (tmp_path / "report" / "report.html").read_text()
    assert report.count("data:image/png;base64,") == 8
    assert "synthetic: drawn" not in report
    assert (tmp_path / "tensorflow_datasets" / "mpox" / "folder").is_dir()
