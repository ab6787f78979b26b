"""Work spread over processes of this machine."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator

import joblib
from joblib.externals.loky.process_executor import TerminatedWorkerError

from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.stderr import silence_stderr


class WorkerError(MpoxKerasError, RuntimeError):
    """A process that worked for this one has died."""


def run_parallel(tasks: Iterable, workers: int) -> Iterator:
    """Do tasks side by side, and give their results as they come, in no order.

    joblib shares large arrays between its processes as files, so that they are in memory once.

    Args:
        tasks: made by `joblib.delayed`.
        workers: processes; one is this process itself.

    Raises:
        WorkerError: a worker was killed.

    Example:
        >>> sorted(run_parallel((joblib.delayed(abs)(number) for number in (-1, 2)), workers=2))
        [1, 2]
    """
    options = {"n_jobs": 1} if workers == 1 else {"n_jobs": workers, "backend": "loky", "initializer": _start}
    try:
        yield from joblib.Parallel(return_as="generator_unordered", **options)(tasks)
    except TerminatedWorkerError:
        raise WorkerError(
            "a worker was killed; perhaps memory is short: give fewer workers. What is done is kept; the same command goes on."
        ) from None


def _start():
    # Lines of progress of several workers at once would tell nobody anything.
    silence_stderr()
    # A terminal sends Ctrl-C to the workers too, which are ended by the process that started them.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent):
    """Idle workers would outlive a process that was killed by minutes."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
