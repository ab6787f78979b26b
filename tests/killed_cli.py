"""The command line on a network that trains in a moment; dies like a process that is killed, if KILL_AT says so.

KILL_AT is the number of the file that is about to take its place, or has just taken it where it ends in "+".
"""

import os
import signal
import sys

from mpox_keras.cli import main


def killing_replace(replace, kill_at):
    """`os.replace`, until the process is to be killed."""
    left = int(kill_at.rstrip("+"))

    def counted(*arguments):
        nonlocal left
        left -= 1
        if left == 0 and not kill_at.endswith("+"):
            os.kill(os.getpid(), signal.SIGKILL)
        replace(*arguments)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    return counted


if __name__ == "__main__":
    if sys.argv[1] != "data":  # which needs no TensorFlow
        from tiny_network import tiny

        import mpox_keras.models.build as build

        # Before the modules that train are imported.
        build.build_model = tiny
        if sys.argv[1] == "crossval":  # its folds are trained sooner than traced; `fit` keeps its graphs
            import tensorflow as tf

            tf.config.run_functions_eagerly(True)
    if kill_at := os.environ.get("KILL_AT"):
        os.replace = killing_replace(os.replace, kill_at)
    main()
