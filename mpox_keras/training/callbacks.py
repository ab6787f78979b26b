"""What happens after every epoch: a line of progress, a row in the log, a checkpoint."""

import csv
import time
import zipfile
from pathlib import Path

import click
import keras
import numpy as np

# Private, and the only way to this state; bounded in setup.cfg with Keras.
from keras.src.random.seed_generator import global_seed_generator

from mpox_keras.training.runs import RunError
from mpox_keras.utils.files import replacing, write_table

_FIRST_STEPS = 5  # after which the time left is told


class EpochLog(keras.callbacks.Callback):
    """Prints a line per epoch with the time left, and keeps all epochs in a CSV file.

    When a run is resumed, rows from its first epoch on are made anew; CSVLogger, which appends, would have them twice.
    """

    def __init__(self, path: Path):
        super().__init__()
        self.path, self.rows = path, []

    def on_train_begin(self, logs=None):
        if self.path.is_file():
            with self.path.open(newline="") as stream:
                self.rows = list(csv.DictReader(stream))

    def on_epoch_begin(self, epoch, logs=None):
        self.rows = self.rows[:epoch]
        self.start, self.steps = time.perf_counter(), []

    def on_train_batch_end(self, batch, logs=None):
        self.steps.append(time.perf_counter())
        if len(self.steps) == _FIRST_STEPS and not self.rows:
            # The first step is slower by the time that TensorFlow takes to build its graph.
            step = (self.steps[-1] - self.steps[0]) / (_FIRST_STEPS - 1)
            click.echo(f"about {_duration(step * self.params['steps'] * self.params['epochs'])} left", err=True)

    def on_epoch_end(self, epoch, logs=None):
        seconds, rate = time.perf_counter() - self.start, float(self.model.optimizer.learning_rate)
        self.rows.append({"epoch": epoch + 1, "seconds": seconds, "learning_rate": rate, **logs})
        write_table(self.path, list(self.rows[-1]), [row.values() for row in self.rows])
        # Of the first epoch the steps after the first, for the same reason.
        usual = [float(row["seconds"]) for row in self.rows[1:]] or [
            (self.steps[-1] - self.steps[0]) * len(self.steps) / max(1, len(self.steps) - 1)
        ]
        epochs = self.params["epochs"]
        left = _duration(sum(usual) / len(usual) * (epochs - epoch - 1))
        # Keras names the metric of a network with one head after no head.
        metric = "accuracy" if "accuracy" in logs else "diagnosis_accuracy"
        shown = {"loss": "loss", "accuracy": metric, "validation accuracy": f"val_{metric}"}
        shown = "  ".join(f"{name} {logs[key]:.3f}" for name, key in shown.items() if key in logs)
        click.echo(f"epoch {epoch + 1}/{epochs}  {shown}  {left} left", err=True)


def _duration(seconds):
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.1f} min"


class Checkpoint(keras.callbacks.Callback):
    """After every epoch saves network, optimizer and moving average in one file, from which `resume` goes on.

    Keras's BackupAndRestore keeps the epoch in a second file, which a crash between the two can set apart from the weights, and
    HDF5, in which Keras saves weights, ends the process where the disk is full. The random states of dropout and stochastic
    depth, which Keras saves nowhere, are made functions of `seed` and the epoch. `path` ends in `.npz`.
    """

    def __init__(self, path: Path, seed: int):
        super().__init__()
        self.path, self.seed = path, seed

    def on_epoch_begin(self, epoch, logs=None):
        # Those of layers in a nested backbone too; and the one of Keras itself, from which ConvNeXt's stochastic depth draws.
        states = [variable for variable in self.model.non_trainable_variables if variable.name == "seed_generator_state"]
        states.append(global_seed_generator().state)
        for index, state in enumerate(states):
            # The second number counts the draws; an epoch has far fewer than 2^16.
            state.assign([self.seed * len(states) + index, epoch << 16])

    def on_epoch_end(self, epoch, logs=None):
        with replacing(self.path) as temporary:
            np.savez(temporary, *map(keras.ops.convert_to_numpy, _state(self.model)))


def _state(model):
    return [*model.weights, *model.optimizer.variables]


class Unfreezing(keras.callbacks.Callback):
    """Lets the stages of a backbone learn one after another, from the last to the first (gradual unfreezing, Howard and
    Ruder 2018, arXiv 1801.06146, section 3.3): at each of the epochs one more of a `Backbone`'s, at the last of them all.
    """

    def __init__(self, stages: list[list[keras.Layer]], epochs: list[int]):
        super().__init__()
        self.stages, self.epochs, self.frozen = stages, epochs, 0

    def on_epoch_begin(self, epoch, logs=None):
        begun = sum(epoch >= start for start in self.epochs)
        frozen = 0 if begun == len(self.epochs) else max(0, len(self.stages) - begun)
        if frozen != self.frozen:
            self._freeze(frozen)
            # What is trained was fixed when the step was traced.
            self.model.make_train_function(force=True)

    def on_epoch_end(self, epoch, logs=None):
        # Before Keras gives every variable its average: it pairs the averages with what is trainable by then.
        if epoch == self.params["epochs"] - 1:
            self._freeze(0)

    def _freeze(self, stages):
        self.frozen = stages
        for number, stage in enumerate(self.stages):
            for layer in stage:
                layer.trainable = number >= stages


def resume(model: keras.Model, checkpoint: Path, steps_per_epoch: int) -> int:
    """Load a file of `Checkpoint`, if there is one, into a model compiled as it was; gives the number of epochs already done.

    RunError if the checkpoint is damaged.
    """
    if not checkpoint.is_file():
        return 0
    try:
        with np.load(checkpoint) as stored:
            for variable, values in zip(_state(model), stored.values(), strict=True):
                variable.assign(values)
    except (OSError, EOFError, ValueError, zipfile.BadZipFile) as error:
        raise RunError(f"{checkpoint} is damaged ({error}). Delete it, and this network is trained from its start.") from None
    return int(model.optimizer.iterations) // steps_per_epoch
