"""Networks trained with folds left out, and what they answer for these, in one process or in several."""

import contextlib
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
from mpox_keras.data.loading import PhotoArrays
from mpox_keras.models.deploy import deploy
from mpox_keras.training.fit import train
from mpox_keras.training.runs import set_threads
from mpox_keras.utils.files import replacing
from mpox_keras.utils.parallel import run_parallel

_PREDICTIONS = "predictions.npz"


@dataclasses.dataclass(frozen=True)
class FoldPredictions:
    """What a network answers for the photos that were left out of its training, in their order, and for external ones."""

    probabilities: np.ndarray  # (left out, classes)
    ood_score: np.ndarray  # (left out,)
    external: np.ndarray | None  # probabilities, (external photos, classes)


def train_left_out(
    config: Config,
    photos: PhotoArrays,
    folds: np.ndarray,
    left_out: Sequence[tuple[int, ...]],
    folder: Path,
    external: np.ndarray | None = None,
    workers: int = 1,
    **options,
) -> dict[tuple[int, ...], FoldPredictions]:
    """Train a network for each set of folds, on all photos but theirs, and have it answer for theirs.

    What has ended in an earlier call is not done again, and a network that was cut off goes on in its epoch.

    Args:
        folds: `(photos,)`, fold numbers.
        left_out: for each network the folds that it must not see.
        folder: gets a folder for each network, `fold_0` or, without two folds, `fold_0_1`, with `model.keras`.
        external: `(external photos, size, size, 3)`, uint8, photos that every network answers for too.
        workers: how many networks are trained side by side, each in a process of its own that has
            `config.training.threads` threads, or its share of the cores.
        **options: `augment` and `build`, as for `train`.

    Example:
        >>> answers = train_left_out(config, arrays, folds, [(0,), (1,), (2,)], Path("runs/crossval"), workers=2)
        >>> answers[0,].probabilities
    """
    folders = {without: folder / f"fold_{'_'.join(map(str, without))}" for without in left_out}
    of = "" if external is None else hashlib.sha256(external).hexdigest()
    missing = [without for without in left_out if _read_answers(folders[without], of) is None]
    alone = workers == 1 or len(missing) < 2
    threads = None if alone else config.training.threads or max(1, (os.cpu_count() or 1) // workers)

    def train_one(without):
        set_threads(threads)
        held_out = np.isin(folds, without)
        names = " and ".join(map(str, without))
        click.echo(f"fold {names}: {(~held_out).sum()} photos to train on, {held_out.sum()} left out", err=True)
        model = deploy(train(config, photos[~held_out], folders[without], **options))
        outputs = model.predict(photos.pixels[held_out], verbose=0)
        answers = {"probabilities": outputs["probabilities"], "ood_score": outputs["ood_score"][:, 0]}
        if external is not None:
            answers["external"] = model.predict(external, verbose=0)["probabilities"]
        with replacing(folders[without] / _PREDICTIONS) as temporary:
            np.savez(temporary, of=of, **answers)
        keras.backend.clear_session()
        return without

    tasks = (joblib.delayed(train_one)(without) for without in missing)
    for done, without in enumerate(run_parallel(tasks, 1 if alone else workers), 1):
        if not alone:
            click.echo(f"{folders[without].relative_to(folder.parent)} has ended ({done} of {len(missing)})", err=True)
    return {without: _read_answers(folders[without], of) for without in left_out}


def _read_answers(folder, of):
    """What a network has answered, None if it has not, or for other external photos than those with the hash `of`."""
    # None yet, or damaged: the network is asked again.
    with contextlib.suppress(OSError, ValueError, KeyError, zipfile.BadZipFile), np.load(folder / _PREDICTIONS) as stored:
        if str(stored["of"]) == of:
            return FoldPredictions(stored["probabilities"], stored["ood_score"], stored.get("external"))
    return None
