"""A screening's run: the shards that are not done yet, spread over processes or over a cluster.

Only the numbers of shards are handed out; photos and records never pass through the process that hands them out.
"""

from __future__ import annotations

import collections
import dataclasses
import functools
import json
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import joblib

from mpox_keras._version import __version__
from mpox_keras.inference.classifier import Classifier, load_classifier, preset_names
from mpox_keras.inference.prediction import DISCLAIMER, Prediction
from mpox_keras.screening.inputs import absolute, find_inputs
from mpox_keras.screening.plan import (
    SHARDS_FOLDER,
    ScreeningError,
    find_shards,
    read_header,
    read_shard,
    refuse_foreign,
    shard_path,
    write_plan,
)
from mpox_keras.utils.errors import require
from mpox_keras.utils.files import locked, replacing, write_json
from mpox_keras.utils.parallel import run_parallel

SUMMARY_FILE = "summary.json"

# A worker of a cluster may have threads, and a network answers one of them at a time.
_ONE_AT_A_TIME = threading.Lock()


def screen_photos(
    inputs: Sequence[str],
    folder: str | os.PathLike,
    source: str | os.PathLike,
    classes: Sequence[str] | None = None,
    workers: int = 1,
    cluster: str | None = None,
    progress: Callable[[str, int, int], None] = lambda step, done, total: None,
) -> dict:
    """Predict any number of photos into Parquet files, each photo exactly as `Classifier.predict` does.

    The first run writes the plan; the same call goes on with it after any end, and does no shard twice that was done. A photo
    that can't be read has a record that says why.

    Args:
        inputs: as `find_inputs` takes them.
        folder: gets `plan.jsonl`; `shards/*.parquet`, with a record for each photo; and `summary.json`. One run at a time.
        source: of the network, as `load_classifier` takes it. With a TFLite bundle no process needs TensorFlow.
        classes: as `load_classifier` takes them.
        workers: processes of this machine to spread over; one is this process itself.
        cluster: address of a Dask scheduler, such as `tcp://host:8786`, whose workers do it instead. `folder`, the network and
            the photos must have the same paths there.
        progress: called with what is counted, how many of it are done, and how many there are.

    Returns:
        What `summary.json` holds: counts by answer and otherwise, classes, the network's hashes, inputs and version.

    Raises:
        ScreeningError: the folder belongs to another screening, or there are no photos.
        FolderInUseError: another run works in the folder.
        WorkerError: a worker was killed, or the cluster can't work.
        DataError: an input names nothing, or a list can't be used.
        ClassifierError: the network can't be loaded.
        MissingExtraError: a package of the extra `screen`, or for a cluster of `cluster`, is not installed.

    Example:
        >>> summary = screen_photos(["s3://clinic/photos/"], "screened", "mpox-tflite", workers=8)
        >>> summary["photos"], summary["answers"]["mpox"]
        (1000000, 40963)
    """
    folder, source = Path(folder), os.fspath(source)
    require("pyarrow", "screen", "screening")
    classifier = load_classifier(source, classes)
    header = {"inputs": [absolute(os.fspath(argument)) for argument in inputs], "network": _identity(classifier)}
    refuse_foreign(folder)
    with locked(folder):
        planned = read_header(folder)
        if planned is None:
            write_plan(folder, header, find_inputs(header["inputs"]))
        elif planned["inputs"] != header["inputs"]:
            raise ScreeningError(
                f"{folder} holds a screening of {', '.join(planned['inputs'])}, not of {', '.join(header['inputs'])}. "
                "Give the same photos, or another folder."
            )
        elif planned != header:
            raise ScreeningError(
                f"{folder} holds a screening by another network. Give the network it began with, or another folder."
            )
        shards = find_shards(folder)
        missing = _missing(folder, shards)
        if missing:
            shared = _same_everywhere(source) if cluster else source
            work = folder.absolute(), shared, classes and tuple(classes), json.dumps(header["network"])
            tasks = (joblib.delayed(screen_shard)(*shard, *work) for shard in missing)
            for done, _ in enumerate(run_parallel(tasks, workers, cluster), len(shards) - len(missing) + 1):
                progress("shards", done, len(shards))
        if missing := _missing(folder, shards):
            raise ScreeningError(
                f"{len(missing)} of {len(shards)} shards are missing in {folder / SHARDS_FOLDER}, such as {missing[0][0]}. "
                "The same command goes on; on a cluster, see that its machines write to this folder."
            )
        summary = {
            **_count(folder, shards, classifier.classes),
            "classes": list(classifier.classes),
            "inputs": header["inputs"],
            "network": {"source": source, "checksums": classifier.checksums},
            "made_by": f"mpox-keras {__version__}",
            "note": DISCLAIMER,
        }
        write_json(folder / SUMMARY_FILE, summary)
    return summary


def _identity(classifier) -> dict:
    """What tells one network from another."""
    return {"metadata": classifier.metadata, "checksums": classifier.checksums}


def _same_everywhere(source):
    """A preset's name means the same on every machine, a path only once it is absolute."""
    if os.path.dirname(source):
        return absolute(source)
    return source if source in preset_names() else absolute(source)


@functools.lru_cache(maxsize=1)
def _load_once(source: str, classes: tuple[str, ...] | None, network: str) -> Classifier:
    classifier = load_classifier(source, classes)
    if json.dumps(_identity(classifier)) != network:
        raise ScreeningError(f"{source} is no longer the network that this screening began with.")
    return classifier


def _missing(folder, shards):
    return [(number, offset) for number, offset in shards if not shard_path(folder, number).exists()]


def screen_shard(number: int, offset: int, folder: Path, source: str, classes: tuple[str, ...] | None, network: str) -> None:
    """Predict the photos of one shard and write their records, whole or not at all.

    Args:
        number: of the shard.
        offset: where in the plan its line begins.
        folder: of the screening.
        source: of the network, and
        classes: its classes, as `load_classifier` takes them.
        network: what tells the network that the screening began with from others, as JSON.

    Raises:
        ScreeningError: the network is another one than at the beginning.
    """
    import pyarrow.parquet

    path = shard_path(folder, number)
    if path.exists():  # a cluster may hand out the same work twice
        return
    photos = read_shard(folder, offset)
    with _ONE_AT_A_TIME:
        classifier = _load_once(source, classes, network)
        records = _records(photos, classifier.predict(file for _, file in photos), classifier.classes)
    with replacing(path) as temporary:
        pyarrow.parquet.write_table(records, temporary)


def _records(photos: Iterable[tuple[str, str]], predictions: Iterable[Prediction], classes: Sequence[str]):
    import pyarrow

    columns = ["id", "file", *(f"probability_{name}" for name in classes), "label", "answer", "abstention_reason"]
    columns += ["mpox_suspected", "ood_score", "error"]
    types = dict.fromkeys(columns, pyarrow.string()) | {"mpox_suspected": pyarrow.bool_()}
    types |= {name: pyarrow.float32() for name in columns if name == "ood_score" or name.startswith("probability_")}
    rows = [
        {
            **dataclasses.asdict(prediction),
            "id": _text(id),
            "file": _text(prediction.file),
            **{f"probability_{name}": value for name, value in prediction.probabilities.items()},
            "answer": prediction.answer,
            "error": prediction.error and _text(prediction.error),
        }
        for (id, _), prediction in zip(photos, predictions, strict=True)
    ]
    return pyarrow.Table.from_pylist(rows, pyarrow.schema(types))


def _text(name):
    """A file may have a name that is no Unicode; Parquet holds nothing else."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _count(folder, shards, classes):
    import pyarrow.parquet

    counts = {"photos": 0, "unreadable": 0, "mpox_suspected": 0}
    answers = collections.Counter(dict.fromkeys(classes, 0))
    for number, _ in shards:
        records = pyarrow.parquet.read_table(shard_path(folder, number), columns=["answer", "mpox_suspected", "error"])
        counts["photos"] += len(records)
        counts["unreadable"] += len(records) - records["error"].null_count
        counts["mpox_suspected"] += records["mpox_suspected"].to_pylist().count(True)
        answers.update(answer for answer in records["answer"].to_pylist() if answer)
    return {**counts, "answers": dict(answers)}
