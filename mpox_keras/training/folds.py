"""Networks trained with folds left out, and what they answer for these, in one process or in several."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path

import click
import joblib
import keras
import numpy as np

from mpox_keras.config import Config
from mpox_keras.models.deploy import deploy
from mpox_keras.training.fit import train
from mpox_keras.training.out_of_distribution import add_ood_score
from mpox_keras.training.runs import set_threads
from mpox_keras.utils.files import replacing
from mpox_keras.utils.parallel import run_parallel

_PREDICTIONS = "predictions.npz"


@dataclasses.dataclass(frozen=True)
class PhotoArrays:
    """Photos to train on and to evaluate, in one order.

    Attributes:
        pixels: `(photos, size, size, 3)`, uint8.
        labels: `(photos,)`, class numbers.
        folds: `(photos,)`, fold numbers.
        external: `(external photos, size, size, 3)`, uint8, pictures that are evaluated too, or None.
    """

    pixels: np.ndarray
    labels: np.ndarray
    folds: np.ndarray
    external: np.ndarray | None = None


@dataclasses.dataclass(frozen=True)
class FoldPredictions:
    """What a network says of the photos that were left out of its training, in their order.

    Attributes:
        probabilities: `(left out, classes)`.
        ood_score: `(left out,)`.
        external: `(external photos, classes)`, or None.
    """

    probabilities: np.ndarray
    ood_score: np.ndarray
    external: np.ndarray | None


def train_left_out(
    config: Config, arrays: PhotoArrays, left_out: Sequence[tuple[int, ...]], folder: Path, workers: int = 1
) -> dict[tuple[int, ...], FoldPredictions]:
    """Train a network for each set of folds, on all photos but theirs, and have it answer for theirs.

    What has ended in an earlier call is not done again, and a network that was cut off goes on in its epoch.

    Args:
        config: the experiment.
        arrays: of which `folds` tells those to leave out.
        left_out: for each network the folds that it must not see.
        folder: gets a folder for each network, `fold_0` or, without two folds, `fold_0_1`.
        workers: how many networks are trained side by side, each in a process of its own that has
            `config.training.threads` threads, or its share of the cores.

    Returns:
        The answers of each network.

    Raises:
        WorkerError: a worker was killed.

    Example:
        >>> answers = train_left_out(config, arrays, [(0,), (1,), (2,)], Path("runs/crossval"), workers=2)
        >>> answers[0,].probabilities
    """
    folders = {folds: folder / f"fold_{'_'.join(map(str, folds))}" for folds in left_out}
    missing = [folds for folds in left_out if not _has_answered(folders[folds] / _PREDICTIONS, arrays)]
    alone = workers == 1 or len(missing) < 2
    threads = None if alone else config.training.threads or max(1, (os.cpu_count() or 1) // workers)
    tasks = (joblib.delayed(_train_one)(config, arrays, folds, folders[folds], threads) for folds in missing)
    for done, folds in enumerate(run_parallel(tasks, 1 if alone else workers), 1):
        if not alone:
            click.echo(f"{folders[folds].relative_to(folder.parent)} has ended ({done} of {len(missing)})", err=True)
    return {folds: _read_answers(folders[folds] / _PREDICTIONS) for folds in left_out}


def _train_one(config, arrays, folds, folder, threads):
    set_threads(threads)
    held_out = np.isin(arrays.folds, folds)
    names = " and ".join(map(str, folds))
    click.echo(f"fold {names}: {(~held_out).sum()} photos to train on, {held_out.sum()} left out", err=True)
    training_pixels = arrays.pixels[~held_out]
    trained = train(config, training_pixels, arrays.labels[~held_out], folder)
    model = deploy(add_ood_score(trained, training_pixels, seed=config.seed))
    outputs = model.predict(arrays.pixels[held_out], verbose=0)
    arrays = {"probabilities": outputs["probabilities"], "ood_score": outputs["ood_score"][:, 0]}
    if arrays.external is not None:
        arrays["external"] = model.predict(arrays.external, verbose=0)["probabilities"]
    with replacing(folder / _PREDICTIONS) as temporary:
        np.savez(temporary, of=_fingerprint(arrays), **arrays)
    keras.backend.clear_session()
    return folds


def _has_answered(path, arrays):
    """Whether a network has answered for these photos; the external photos may be others from call to call."""
    try:
        with np.load(path) as stored:
            return str(stored["of"]) == _fingerprint(arrays)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):  # none yet, or damaged: the network is asked again
        return False


def _fingerprint(arrays):
    return "" if arrays.external is None else hashlib.sha256(arrays.external).hexdigest()


def _read_answers(path):
    with np.load(path) as stored:
        return FoldPredictions(stored["probabilities"], stored["ood_score"], stored.get("external"))
