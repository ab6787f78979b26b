"""What docs/faults.md promises: whatever happens, the same command goes on, and nothing is lost or half written."""

import functools
import json
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from tiny_network import tiny

from mpox_keras.cli import main
from mpox_keras.config import ConfigError, load_config, parse_config
from mpox_keras.data.decode import PhotoError
from mpox_keras.data.folder import CLASSES
from mpox_keras.data.loading import PhotoArrays
from mpox_keras.data.sources import read_grouped_photos
from mpox_keras.data.synthetic import write_synthetic_photos
from mpox_keras.inference.classifier import load_classifier
from mpox_keras.training.crossval import cross_validate
from mpox_keras.training.fit import fit_photos, train
from mpox_keras.training.runs import RunError
from mpox_keras.utils.files import locked

LAUNCHER = Path(__file__).parent / "killed_cli.py"
CONFIG = (
    "model: {weights: null, image_size: 32}\ntraining: {epochs: 3, batch_size: 8}\ndata: {folds: 2, validation_fraction: 0}\n"
)


@pytest.fixture(scope="module")
def work(tmp_path_factory):
    """Photos and a config."""
    folder = tmp_path_factory.mktemp("work")
    write_synthetic_photos(folder / "photos", scenes_per_class=2)
    shutil.copytree(folder / "photos" / "mpox", folder / "clinic" / "mpox")
    shutil.copytree(folder / "photos" / "normal", folder / "clinic" / "normal")
    (folder / "config.yaml").write_text(CONFIG)
    return folder


@pytest.fixture(scope="module")
def whole(work):
    """Of a command's name makes the folder that it writes without any trouble, once."""

    @functools.cache
    def made(name):
        if name == "export":
            made("fit")
        assert run(work, name, f"whole_{name}").returncode == 0
        return work / f"whole_{name}"

    return made


COMMANDS = {
    "fit": ["fit", "--config", "config.yaml", "--data", "photos", "--out"],
    "crossval": ["crossval", "--config", "config.yaml", "--data", "photos", "--out"],
    "export": ["export", "--model", "whole_fit", "--format", "keras", "--out"],
    "build": ["data", "build", "clinic", "--out"],
}


def run(folder, name, out, kill_at="", **options):
    command = [sys.executable, LAUNCHER, *COMMANDS[name], out]
    environment = {**os.environ, "KILL_AT": kill_at}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, **options)


def content(folder):
    """What must be the same again: no times, and no zip files, which hold times."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.name not in {".lock", "environment.json"}]
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.suffix in (".csv", ".yaml", ".png", ".txt") else b""
        for path in files
        if path.name != "log.csv"
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_random_moments_a_command_goes_on_to_the_same_end(work, whole, name):
    """Killed with SIGKILL just before or just after a file takes its place; the command's name is the seed of the moments."""
    expected = content(whole(name))
    draw = random.Random(name)
    moments = [f"{draw.randrange(1, 5)}{draw.choice(['', '+'])}" for _ in range(2)]
    out = f"killed_{name}"
    for moment in moments:
        killed = run(work, name, out, moment)
        if (work / out).exists() and name in ("export", "build"):
            assert content(work / out) == expected, f"half written when killed at {moments}"
            break
        if killed.returncode == 0:
            break
        assert killed.returncode == -signal.SIGKILL, killed.stderr
    if name == "build":
        # It does not write over anything, not even its own.
        shutil.rmtree(work / out, ignore_errors=True)
    ended = run(work, name, out)
    assert ended.returncode == 0, f"killed at {moments}: {ended.stderr}"
    assert content(work / out) == expected, f"killed at {moments}"
    if name == "fit":
        weights = [load_classifier(work / folder).trained.get_weights() for folder in (out, "whole_fit")]
        for found, wanted in zip(*weights, strict=True):
            np.testing.assert_array_equal(found, wanted, err_msg=f"killed at {moments}")


@pytest.mark.slow
def test_a_full_disk_costs_nothing_but_time(work, whole):
    """A limit on the size of files stands for the disk: the checkpoint no longer fits, what was written before stays."""
    full = run(work, "fit", "full", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)))
    assert full.returncode == 2, full.stderr
    assert "Traceback" not in full.stderr
    assert "error: " in full.stderr
    assert not [path for path in (work / "full").rglob("*") if path.suffix in (".npz", ".keras")]
    assert run(work, "fit", "full").returncode == 0
    assert content(work / "full") == content(whole("fit"))


@pytest.mark.slow
def test_a_terminated_command_says_how_to_go_on(work):
    command = [sys.executable, LAUNCHER, *COMMANDS["crossval"], "terminated", "--set", "training.epochs=100000"]
    process = subprocess.Popen(command, cwd=work, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not (work / "terminated" / "fold_0" / "log.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.terminate()
    message = process.communicate(timeout=60)[1]
    assert process.returncode == 130, message
    assert "the same command goes on where this one stopped" in message
    assert "Traceback" not in message


def fit(folder, out):
    """In this process, whose threads are settled."""
    arguments = [
        "--data",
        str(folder / "photos"),
        "--out",
        str(out),
        "--set",
        "training.threads=null",
        "--set",
        "data.validation_fraction=0.5",
    ]
    return CliRunner().invoke(main, ["fit", "--config", "quickstart", *arguments])


def test_a_place_that_cannot_be_written_is_named(photos, tmp_path):
    (tmp_path / "file").write_text("no folder")
    refused = fit(tmp_path, tmp_path / "file" / "run")
    assert refused.exit_code == 2
    assert refused.stderr.startswith("error: ")
    assert str(tmp_path / "file") in refused.stderr
    assert "Traceback" not in refused.output


@pytest.mark.skipif(os.name != "posix", reason="rights of POSIX")
def test_a_folder_without_the_right_to_write_is_named(tmp_path):
    import fasteners  # noqa: F401 - before it may not be read any more

    (tmp_path / "run").mkdir(mode=0o555)
    root = os.geteuid() == 0
    if root:  # to whom every folder is open
        os.seteuid(65534)
    try:
        with pytest.raises(PermissionError, match="run"), locked(tmp_path / "run"):
            pass
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def photos(tmp_path):
    write_synthetic_photos(tmp_path / "photos", scenes_per_class=2)
    return read_grouped_photos(tmp_path / "photos", CLASSES)


def test_a_photo_that_vanishes_is_named_before_anything_is_trained(photos, tmp_path):
    photos[3].encoded.unlink()
    with pytest.raises((PhotoError, FileNotFoundError), match=photos[3].encoded.name):
        cross_validate(
            parse_config({"model": {"weights": None, "image_size": 32}, "data": {"folds": 2}}), photos, tmp_path / "run"
        )
    assert not (tmp_path / "run" / "results.json").exists()


def test_a_photo_that_changes_makes_another_run(photos, tmp_path, monkeypatch):
    config = parse_config({"model": {"weights": None, "image_size": 32}, "data": {"validation_fraction": 0}})
    monkeypatch.setattr("mpox_keras.training.fit.train", lambda *arguments, **options: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        fit_photos(config, photos, tmp_path / "run")
    shutil.copyfile(photos[0].encoded, photos[5].encoded)
    with pytest.raises(RunError, match=r"another data\.csv"):
        fit_photos(config, photos, tmp_path / "run")


def test_two_runs_do_not_share_a_folder(photos, tmp_path):
    script = (
        "import sys\nfrom mpox_keras.utils.files import locked\nwith locked(sys.argv[1]): print('held', flush=True); input()"
    )
    command = [sys.executable, "-c", script, tmp_path / "shared"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout.readline() == "held\n"
        second = fit(tmp_path, tmp_path / "shared")
        first.communicate("\n")
    assert second.exit_code == 2
    assert f"another run works in {tmp_path / 'shared'}" in second.stderr
    # The first has ended, and its lock with it.
    with locked(tmp_path / "shared"):
        pass


def test_a_lock_dies_with_its_process(tmp_path):
    script = "import sys, os; from mpox_keras.utils.files import locked\nwith locked(sys.argv[1]): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", script, tmp_path / "run"]).returncode == -9
    with locked(tmp_path / "run"):
        second = subprocess.run([sys.executable, "-c", script, tmp_path / "run"], capture_output=True, text=True)
    assert "FolderInUseError: another run works in" in second.stderr


def test_a_config_of_a_newer_version_is_told_by_its_unknown_key(tmp_path):
    (tmp_path / "config.yaml").write_text("training: {epochs: 3, telepathy: true}\n")
    with pytest.raises(ConfigError, match=r"config.yaml: unknown key training.telepathy"):
        load_config(tmp_path / "config.yaml")


@pytest.mark.parametrize("file", ["checkpoint.npz", "model.keras"])
def test_a_damaged_file_of_a_run_is_named_with_what_to_do(work, tmp_path, file):
    config = load_config(work / "config.yaml")
    tiny(config.model, 4).save(tmp_path / "whole.keras")
    whole = (tmp_path / "whole.keras").read_bytes()
    (tmp_path / file).write_bytes(whole[: len(whole) // 2])
    photos = PhotoArrays(np.zeros((8, 32, 32, 3), "uint8"), np.arange(8) % 4)
    with pytest.raises(RunError, match=rf"{file} is damaged .*Delete it"):
        train(config, photos, tmp_path)


@pytest.mark.slow
@pytest.mark.usefixtures("without_graphs")
def test_a_clock_that_jumps_changes_nothing(work, tmp_path, monkeypatch):
    photos, config = read_grouped_photos(work / "photos", CLASSES), load_config(work / "config.yaml", ["training.epochs=1"])
    cross_validate(config, photos, tmp_path / "steady", build=tiny)
    jumps = iter([1e9, -1e9] * 100_000)
    clock = time.time
    monkeypatch.setattr(time, "time", lambda: clock() + next(jumps))
    cross_validate(config, photos, tmp_path / "jumping", build=tiny)
    results = json.loads((tmp_path / "jumping" / "results.json").read_text())
    assert all(seconds >= 0 for seconds in results["training_seconds"].values())
    steady, jumping = ((tmp_path / name / "out_of_fold.csv").read_bytes() for name in ("steady", "jumping"))
    assert jumping == steady
