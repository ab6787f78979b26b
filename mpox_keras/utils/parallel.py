"""Work spread over processes of this machine, or over a Dask cluster."""

import logging
import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from mpox_keras.utils.errors import MpoxKerasError, require
from mpox_keras.utils.stderr import silence_stderr

_GOES_ON = "What is done is kept; the same command goes on."


class WorkerError(MpoxKerasError, RuntimeError):
    """A worker was killed, or the cluster can't work."""


def run_parallel(tasks: Iterable, workers: int = 1, cluster: str | None = None) -> Iterator:
    """Do tasks side by side, and give their results as they come, in no order.

    On this machine joblib shares large arrays between its processes as files, so that they are in memory once.

    Args:
        tasks: made by `joblib.delayed`. For a cluster they are small, and their functions are importable there.
        workers: processes of this machine; one is this process itself.
        cluster: address of a Dask scheduler, such as `tcp://host:8786`, whose workers do the tasks instead. A task whose worker
            is killed goes to another one.

    Raises:
        WorkerError: a worker was killed, or the cluster is out of reach, has no workers, or stopped.

    Example:
        >>> sorted(run_parallel((joblib.delayed(abs)(number) for number in (-1, 2)), workers=2))
        [1, 2]
    """
    if cluster:
        yield from _on_cluster(tasks, cluster)
        return
    options = {"n_jobs": 1} if workers == 1 else {"n_jobs": workers, "backend": "loky", "initializer": _start}
    try:
        yield from joblib.Parallel(return_as="generator_unordered", **options)(tasks)
    except TerminatedWorkerError:
        raise WorkerError(f"a worker was killed; perhaps memory is short: give fewer workers. {_GOES_ON}") from None


def _on_cluster(tasks, address):
    # Not by joblib's own backend for Dask, which waits for ever where a task has killed every worker that it was given to.
    distributed = require("distributed", "cluster", "work on a cluster")
    # They log the tracebacks of what is raised anyway.
    for name in logging.root.manager.loggerDict:
        if name.startswith(("distributed", "tornado")):
            logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        with distributed.Client(address, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=30)  # seconds
            futures = [client.submit(function, *given, **named, pure=False) for function, given, named in tasks]
            for future, result in distributed.as_completed(futures, loop=client.loop, with_results=True):
                if future.status != "finished":  # a scheduler that is gone has cancelled everything, which is no error to Dask
                    raise WorkerError(f"the cluster {address} is gone. {_GOES_ON}")
                yield result
    except MpoxKerasError:
        raise
    except Exception as error:  # of the network, of Dask, and of whatever differs on the other machines
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise WorkerError(f"the cluster {address} can't do it: {reason}. {_GOES_ON}") from error


def _start():
    silence_stderr()
    # A terminal sends Ctrl-C to the workers too, which are ended by the process that started them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent):
    """Idle workers would outlive a process that was killed by minutes."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
