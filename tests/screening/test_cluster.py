"""Screening on a cluster: a real Dask scheduler, and workers in processes of their own, which die."""

import math
import os
import signal
import subprocess
import sys
import time

import joblib
import pyarrow.parquet
import pytest

from mpox_keras.screening import run
from mpox_keras.screening.run import screen_photos
from mpox_keras.utils.parallel import WorkerError, run_parallel

pytestmark = pytest.mark.slow


def start(*command, environment=None):
    module = [sys.executable, "-m", "distributed.cli." + command[0]]
    options = ["--no-dashboard", *map(str, command[1:])]
    return subprocess.Popen([*module, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment)


@pytest.fixture
def cluster(tmp_path, request):
    """The address of a scheduler, and two workers; its parameter: how many workers a task may kill before it is given up."""
    description = tmp_path / "scheduler.json"
    environment = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(getattr(request, "param", 3))}
    options = ("--host", "127.0.0.1", "--port", 0, "--scheduler-file", description)
    processes = [start("dask_scheduler", *options, environment=environment)]
    # They work in another folder, as on other machines.
    folder = tmp_path / "elsewhere"
    options = ("--scheduler-file", description, "--nthreads", 1, "--no-nanny", "--local-directory", folder)
    processes += [start("dask_worker", *options) for _ in range(2)]
    from distributed import Client

    with Client(scheduler_file=str(description), set_as_default=False) as client:
        client.wait_for_workers(2, timeout=120)
        address = client.scheduler.address
    yield address, processes
    for process in processes:
        process.kill()
        process.wait()


def read_records(folder):
    return pyarrow.parquet.read_table(folder / "shards").to_pylist()


def test_a_worker_that_is_killed_loses_nothing(cluster, bundle, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "SHARD_SIZE", 1)
    for number in range(300):
        os.link(photos / "clinic_0" / "0.png", tmp_path / f"{number:04d}.png")
    inputs = [str(tmp_path / "*.png")]
    screen_photos(inputs, tmp_path / "here", bundle)
    address, processes = cluster
    counts = []

    def kill_one(step, done, total):
        counts.append((step, done, total))
        if done == 20:
            processes[1].send_signal(signal.SIGKILL)

    monkeypatch.chdir(bundle.parent)
    summary = screen_photos(inputs, tmp_path / "there", bundle.name, cluster=address, progress=kill_one)
    assert processes[1].wait(timeout=60) == -signal.SIGKILL
    assert counts == [("shards", done, 300) for done in range(1, 301)]
    assert summary["photos"] == 300
    assert read_records(tmp_path / "there") == read_records(tmp_path / "here")
    assert not [path for path in (tmp_path / "there" / "shards").iterdir() if path.name.startswith(".")]


def test_a_run_that_lost_its_cluster_is_gone_on_with(cluster, bundle, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "SHARD_SIZE", 1)
    address, _ = cluster
    out = tmp_path / "out"

    class CutOff(Exception):
        pass

    def cut_off(step, done, total):
        if done == 3:
            raise CutOff

    with pytest.raises(CutOff):
        screen_photos([str(photos)], out, bundle, cluster=address, progress=cut_off)
    done = {path: path.stat().st_mtime_ns for path in out.glob("shards/[!.]*")}
    assert len(done) >= 3
    assert screen_photos([str(photos)], out, bundle)["photos"] == 12
    assert {path: path.stat().st_mtime_ns for path in done} == done


def test_a_scheduler_that_is_killed_ends_with_a_message(cluster):
    import dask

    address, processes = cluster
    tasks = [joblib.delayed(time.sleep)(0.2) for _ in range(100)]
    with dask.config.set({"distributed.comm.timeouts.connect": "2s"}):
        results = run_parallel(tasks, cluster=address)
        next(results)
        processes[0].kill()
        with pytest.raises(WorkerError, match=r"the cluster .* the same command goes on"):
            list(results)


@pytest.mark.parametrize("cluster", [0], indirect=True)
def test_work_that_kills_its_workers_ends_with_a_message(cluster):
    with pytest.raises(WorkerError, match=r"all those workers died while running it.* the same command goes on"):
        list(run_parallel([joblib.delayed(os._exit)(1)], cluster=cluster[0]))


def test_an_error_on_the_cluster_comes_back(cluster):
    with pytest.raises(WorkerError, match=r"can't do it: .*math domain error"):
        list(run_parallel([joblib.delayed(math.sqrt)(-1)], cluster=cluster[0]))


def test_a_cluster_out_of_reach_is_named(bundle, photos, tmp_path):
    script = (
        "from mpox_keras.cli import main; "
        f"main(['screen', {str(photos)!r}, '--model', {str(bundle)!r}, '--out', {str(tmp_path / 'out')!r}, "
        "'--cluster', 'tcp://127.0.0.1:1'])"
    )
    environment = {**os.environ, "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "1s"}
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment)
    assert answer.returncode == 2
    assert "error: the cluster tcp://127.0.0.1:1 can't do it" in answer.stderr
    assert "Traceback" not in answer.stderr
