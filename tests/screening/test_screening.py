"""Screening: the answers of predict, from every kind of input, through every end."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time

import pyarrow
import pyarrow.parquet
import pytest
from click.testing import CliRunner

from mpox_keras.cli import main
from mpox_keras.data.folder import CLASSES
from mpox_keras.inference.classifier import load_classifier
from mpox_keras.inference.metadata import write_metadata
from mpox_keras.screening import run
from mpox_keras.screening.inputs import find_inputs


def call(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


def read_records(out):
    return pyarrow.parquet.read_table(out / "shards").to_pylist()


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(run, "SHARD_SIZE", 4)


def test_answers_are_those_of_predict_however_they_are_spread(bundle, photos, tmp_path):
    for name, options in (("one", ()), ("two", ("--workers", 2))):
        result = call("screen", photos, "--model", bundle, "--out", tmp_path / name, *options)
        assert result.exit_code == 0, result.output
        assert "12 photos" in result.stdout
        assert "not a diagnosis" in result.stderr
        assert len(list((tmp_path / name / "shards").iterdir())) == 3
    records = read_records(tmp_path / "one")
    assert records == read_records(tmp_path / "two")
    predictions = list(load_classifier(bundle).predict(file for _, file in find_inputs([str(photos)])))
    for record, prediction in zip(records, predictions, strict=True):
        shown = {
            key: value.encode("utf-8", "replace").decode() for key, value in vars(prediction).items() if isinstance(value, str)
        }
        expected = {**vars(prediction), **shown, "id": shown["file"], "answer": prediction.answer}
        expected |= {f"probability_{name}": expected["probabilities"].get(name) for name in CLASSES}
        del expected["probabilities"], expected["class_activation_map"]
        assert record == expected
    summary = json.loads((tmp_path / "two" / "summary.json").read_text())
    assert (summary["photos"], summary["unreadable"], summary["classes"]) == (12, 3, list(CLASSES))
    assert sum(summary["answers"].values()) == 9
    assert summary["network"]["checksums"] == load_classifier(bundle).checksums


def test_a_bundle_is_screened_with_without_tensorflow(bundle, photos, tmp_path):
    script = (
        "import sys; from mpox_keras.cli import main; "
        f"main(['screen', {str(photos / 'clinic_0')!r}, '--model', {str(bundle)!r}, '--out', {str(tmp_path / 'out')!r}], "
        "standalone_mode=False); print(sorted({'tensorflow', 'keras', 'scipy', 'sklearn'}.intersection(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert answer.stdout.splitlines()[-1] == "[]"
    assert answer.stderr.splitlines() == ["Screening aid for research, not a diagnosis.", "", "shards: 1/1"]


def test_every_kind_of_input_gives_its_photos(photos, tmp_path):
    import fsspec

    zero, one = photos / "clinic_0" / "0.png", photos / "clinic_1" / "1.png"
    folder = photos / "clinic_0"
    names = sorted(path.name for path in folder.iterdir())
    (photos / "list.csv").write_text(f"file,id\nclinic_0/0.png,a\n{one},b\ns3://bucket/x.jpg,\n")
    pyarrow.parquet.write_table(pyarrow.table({"file": ["clinic_0/0.png"], "id": [7]}), photos / "list.parquet")
    pyarrow.parquet.write_table(pyarrow.table({"file": ["clinic_0/0.png"]}), photos / "plain.parquet")
    memory = fsspec.filesystem("memory")
    for name in ("photos/b/2.png", "photos/1.png", "photos/.hidden.png", "photos/notes.txt", "photos/list.csv"):
        memory.pipe(f"/{name}", b"file\n1.png\n")

    def found(*arguments):
        return list(find_inputs([str(argument) for argument in arguments]))

    assert found(zero, photos / "*" / "1.png") == [(str(zero), str(zero)), (str(one), str(one))]
    assert found(folder) == [(str(folder / name), str(folder / name)) for name in names]
    assert found(photos / "list.csv") == [("a", str(zero)), ("b", str(one)), ("", "s3://bucket/x.jpg")]
    assert found(photos / "list.parquet") == [("7", str(zero))]
    assert found(photos / "plain.parquet") == [("clinic_0/0.png", str(zero))]
    assert [file for _, file in found(f"file://{folder}")] == [f"file://{folder / name}" for name in names]
    assert [file for _, file in found("memory://photos")] == ["memory:///photos/1.png", "memory:///photos/b/2.png"]
    assert [file for _, file in found("memory://photos/*.png")][-1] == "memory:///photos/1.png"
    assert found("memory://photos/list.csv") == [("1.png", "memory://photos/1.png")]


def test_photos_are_read_from_stores_and_may_vanish_or_change_on_the_way(bundle, photos, tmp_path):
    import fsspec

    memory = fsspec.filesystem("memory")
    content = (photos / "clinic_0" / "0.png").read_bytes()
    for number in range(6):
        memory.pipe(f"/store/{number}.png", content)
    command = ("screen", "memory://store", "--model", bundle, "--out", tmp_path)
    assert call(*command).exit_code == 0
    before = read_records(tmp_path)
    assert [record["error"] for record in before] == [None] * 6
    (tmp_path / "shards" / "000001.parquet").unlink()
    memory.rm("/store/4.png")
    memory.pipe("/store/5.png", (photos / "clinic_1" / "1.png").read_bytes())
    memory.pipe("/store/6.png", content)  # too late: the plan is made
    assert call(*command).exit_code == 0
    after = read_records(tmp_path)
    assert after[:4] == before[:4]
    assert after[4]["error"] == "memory:///store/4.png does not exist. Check the URL."
    assert after[5]["probability_mpox"] != before[5]["probability_mpox"]
    assert len(after) == 6


@pytest.mark.slow
@pytest.mark.parametrize("end", ["killed", "terminated", "a worker killed"])
def test_a_run_that_is_cut_off_is_gone_on_with(bundle, photos, tmp_path, end):
    import psutil

    for number in range(800):
        os.link(photos / "clinic_0" / "0.png", tmp_path / f"{number:04d}.png")
    out = tmp_path / "out"
    arguments = [str(tmp_path / "*.png"), "--model", str(bundle), "--out", str(out)]
    script = f"from mpox_keras.screening import run; run.SHARD_SIZE = 1; from mpox_keras.cli import main; main({arguments!r})"
    script = script.replace("main([", "main(['screen', '--workers', '2', ")
    process = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    while not list(out.glob("shards/[!.]*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    assert "another run works in" in call("screen", *arguments).stderr
    helpers = psutil.Process(process.pid).children(recursive=True)
    workers = [helper for helper in helpers if "popen_loky" in " ".join(helper.cmdline())]
    assert len(workers) == 2
    victim = workers[0] if end == "a worker killed" else process
    victim.send_signal(signal.SIGTERM if end == "terminated" else signal.SIGKILL)
    _, said = process.communicate(timeout=60)
    code, message = {
        "killed": (-signal.SIGKILL, ""),
        "terminated": (130, "the same command goes on"),
        "a worker killed": (2, "perhaps memory is short"),
    }[end]
    assert (process.returncode, message in said, "Traceback" in said) == (code, True, False), said
    assert not psutil.wait_procs(helpers, timeout=60)[1]
    done = {path: path.stat().st_mtime_ns for path in out.glob("shards/[!.]*")}
    assert 0 < len(done) < 800
    # Whatever was half written does not count, and is cleared away.
    (out / "shards" / ".1.000799.parquet").write_text("half")
    result = call("screen", *arguments)
    assert result.exit_code == 0, result.output
    assert {path: path.stat().st_mtime_ns for path in done} == done
    assert len(list((out / "shards").iterdir())) == 800
    records = read_records(out)
    assert [record["file"] for record in records] == [str(tmp_path / f"{number:04d}.png") for number in range(800)]
    assert len({record["probability_mpox"] for record in records}) == 1


def test_another_network_other_photos_and_other_folders_are_refused(bundle, photos, tmp_path):
    out = tmp_path / "out"
    assert call("screen", photos / "clinic_0", "--model", bundle, "--out", out).exit_code == 0
    before = {path: path.read_bytes() for path in out.rglob("*.*") if path.is_file()}
    other = tmp_path / "other"
    shutil.copytree(bundle, other)
    metadata = json.loads((other / "metadata.json").read_text())
    metadata["thresholds"]["mpox"] = 0.5
    write_metadata(other, metadata)
    for arguments, message in (
        ((photos / "clinic_0", "--model", other, "--out", out), "by another network"),
        ((photos / "clinic_1", "--model", bundle, "--out", out), f"a screening of {photos / 'clinic_0'}, not of"),
        ((photos / "clinic_0", "--model", bundle, "--out", bundle), "is no screening's. Give a new folder"),
    ):
        result = call("screen", *arguments)
        assert (result.exit_code, message in result.stderr) == (2, True), result.output
    assert {path: path.read_bytes() for path in before} == before
    assert len(list(bundle.iterdir())) == 6


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("folder/notes.txt", b"no photo", "holds no photos (.png"),
        ("list.csv", b"file,id\n", "there are no photos in"),
        ("list.csv", b"path,id\na.jpg,1\n", "lacks the column file; it has path, id"),
        ("list.csv", b"file,id\n,1\n", "has no file in row 1"),
        ("list.csv", b"file\n\xff\xfe.jpg\n", "is not a table in UTF-8"),
        ("list.parquet", b"PAR1", "is not a readable Parquet table"),
        ("missing.csv", None, "the list {input} does not exist"),
        ("missing.jpg", None, "{input} is neither a file"),
        ("memory://nowhere/", None, "{input} is neither a photo"),
        ("nonsense://x", None, "nonsense"),
    ],
)
def test_inputs_that_do_not_fit_are_explained(bundle, tmp_path, name, content, message):
    given = name if "://" in name else str(tmp_path / name)
    if content is not None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    given = os.path.dirname(given) if name.startswith("folder") else given
    for _ in range(2):  # a plan that could not be made leaves nothing that stands in the way of the next
        result = call("screen", given, "--model", bundle, "--out", tmp_path / "out")
        assert result.exit_code == 2
        assert message.format(input=given) in result.stderr
        assert "Traceback" not in result.output


def test_a_worker_that_fails_says_why_and_its_shard_is_done_later(bundle, photos, tmp_path):
    command = ("screen", photos / "clinic_0", "--model", bundle, "--out", tmp_path)
    assert call(*command).exit_code == 0
    shards = tmp_path / "shards"
    shutil.rmtree(shards)
    shards.touch()
    for workers in (1, 2):
        result = call(*command, "--workers", workers)
        assert result.exit_code == 2
        assert "File exists" in result.stderr
        assert "Traceback" not in result.output
    shards.unlink()
    assert call(*command).exit_code == 0
