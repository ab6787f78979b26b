"""Silence from C++."""

import contextlib
import os
import sys
import threading
from collections.abc import Iterator

# Of two threads at once the second would take the first one's silence for what to return to.
_ONE_AT_A_TIME = threading.RLock()


@contextlib.contextmanager
def silenced_stderr() -> Iterator[None]:
    """Hold back what libraries print from C++, past `sys.stderr`. Errors still come as exceptions."""
    if sys.stderr is None:  # Windows without a console.
        yield
        return
    with _ONE_AT_A_TIME:
        kept = os.dup(2)
        silence_stderr()
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def silence_stderr() -> None:
    """The same for as long as the process runs: for workers, whose lines of progress would mix with one another's."""
    sys.stderr.flush()
    with open(os.devnull, "wb") as devnull:
        os.dup2(devnull.fileno(), 2)
