"""A screening's run: the shards that are not done yet, spread over processes by joblib or over a cluster by Apache Beam.

Beam runs on Dataflow, Flink and Spark, and TensorFlow Datasets speaks it already. Its runner for one machine is not used: where
a worker is killed, as happens when memory is short, it waits for ever (minutes, with 2.77), while joblib ends within seconds.
Both hand out numbers of shards only; photos and records never pass through them.
"""

from __future__ import annotations

import collections
import contextlib
import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import joblib

from mpox_keras._version import __version__
from mpox_keras.inference.classifier import Classifier, load_classifier
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
from mpox_keras.utils.files import locked, replacing
from mpox_keras.utils.parallel import run_parallel

SUMMARY_FILE = "summary.json"


@dataclasses.dataclass(frozen=True)
class Work:
    """What all shards of a screening share.

    Attributes:
        folder: of the screening.
        source: of the network, as in `screen_photos`.
        classes: as in `screen_photos`.
        network: the network's metadata and checksums at the beginning, as JSON.
    """

    folder: Path
    source: str | os.PathLike
    classes: Sequence[str] | None
    network: str


def screen_photos(
    inputs: Sequence[str],
    folder: str | os.PathLike,
    source: str | os.PathLike,
    classes: Sequence[str] | None = None,
    workers: int = 1,
    beam_options: Sequence[str] = (),
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
        beam_options: options of a Beam pipeline without their dashes, such as `runner=FlinkRunner`, for a cluster instead.
            `folder`, the bundle and the photos must have the same paths there.
        progress: called with what is counted, how many of it are done, and how many there are.

    Returns:
        What `summary.json` holds: counts by answer and otherwise, classes, the network's hashes, inputs and version.

    Raises:
        ScreeningError: the folder belongs to another screening, there are no photos, or the cluster stopped.
        FolderInUseError: another run works in the folder.
        WorkerError: a worker was killed.
        DataError: an input names nothing, or a list can't be used.
        ClassifierError: the network can't be loaded.
        MissingExtraError: a package of the extra `screen`, or for a cluster of `cluster`, is not installed.

    Example:
        >>> summary = screen_photos(["s3://clinic/photos/"], "screened", "mpox-tflite", workers=8)
        >>> summary["photos"], summary["answers"]["mpox"]
        (1000000, 40963)
    """
    folder = Path(folder)
    require("pyarrow", "screen", "screening")
    if beam_options:
        require("apache_beam", "cluster", "screening on a cluster")
    classifier = load_classifier(source, classes)
    network = _identity(classifier)
    header = {"inputs": [absolute(os.fspath(argument)) for argument in inputs], "network": json.loads(network)}
    refuse_foreign(folder)
    with locked(folder):
        planned = read_header(folder)
        if planned is None:
            write_plan(folder, header, find_inputs(header["inputs"]))
        elif planned != header:
            raise ScreeningError(_difference(folder, planned, header))
        shards = find_shards(folder)
        missing = _missing(folder, shards)
        if missing:
            work = Work(folder.absolute(), source, classes, network)
            if beam_options:
                _spread_over_cluster(missing, work, beam_options)
            else:
                done = len(shards) - len(missing)
                for _ in run_parallel((joblib.delayed(screen_shard)(shard, work) for shard in missing), workers):
                    done += 1
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
            "network": {"source": classifier.source, "checksums": classifier.checksums},
            "made_by": f"mpox-keras {__version__}",
            "note": DISCLAIMER,
        }
        with replacing(folder / SUMMARY_FILE) as temporary:
            temporary.write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary


def _identity(classifier):
    return json.dumps({"metadata": classifier.metadata, "checksums": classifier.checksums})


@functools.lru_cache(maxsize=1)
def _load_once(source, classes, network: str) -> Classifier:
    classifier = load_classifier(source, classes)
    if _identity(classifier) != network:
        raise ScreeningError(f"{source} is no longer the network that this screening began with.")
    return classifier


def _difference(folder, planned, header):
    if planned["inputs"] != header["inputs"]:
        return (
            f"{folder} holds a screening of {', '.join(planned['inputs'])}, not of {', '.join(header['inputs'])}. "
            "Give the same photos, or another folder."
        )
    return f"{folder} holds a screening by another network. Give the network it began with, or another folder."


def _missing(folder, shards):
    return [(number, offset) for number, offset in shards if not shard_path(folder, number).exists()]


def _spread_over_cluster(shards, work, beam_options):
    import apache_beam as beam
    from apache_beam.options.pipeline_options import PipelineOptions

    try:
        pipeline = beam.Pipeline(options=PipelineOptions([f"--{option}" for option in beam_options]))
        pipeline | beam.Create(shards) | beam.Reshuffle() | beam.Map(screen_shard, work)
        running = pipeline.run()
        try:
            running.wait_until_finish()
        except KeyboardInterrupt:
            with contextlib.suppress(NotImplementedError):
                running.cancel()
            raise
    except Exception as error:
        reason = str(error).strip().splitlines() or [repr(error)]
        raise ScreeningError(f"the cluster stopped: {reason[-1]}. What is done is kept; the same command goes on.") from error


def screen_shard(shard: tuple[int, int], work: Work) -> None:
    """Predict the photos of one shard and write their records, whole or not at all.

    Args:
        shard: its number, and where in the plan its line begins.
        work: what all shards share.

    Raises:
        ScreeningError: the network is another one than at the beginning.
    """
    number, offset = shard
    path = shard_path(work.folder, number)
    if path.exists():  # a cluster may hand out the same work twice
        return
    predictor = _load_once(work.source, work.classes, work.network)
    photos = read_shard(work.folder, offset)
    records = _records(photos, predictor.predict(file for _, file in photos), predictor.classes)
    import pyarrow.parquet

    with replacing(path) as temporary:
        pyarrow.parquet.write_table(records, temporary)


def _records(photos: Iterable[tuple[str, str]], predictions: Iterable[Prediction], classes: Sequence[str]):
    import pyarrow

    types = {
        "id": pyarrow.string(),
        "file": pyarrow.string(),
        **{f"probability_{name}": pyarrow.float32() for name in classes},
        "label": pyarrow.string(),
        "answer": pyarrow.string(),
        "abstention_reason": pyarrow.string(),
        "mpox_suspected": pyarrow.bool_(),
        "ood_score": pyarrow.float32(),
        "error": pyarrow.string(),
    }
    rows = [
        {
            "id": _text(id),
            "file": _text(prediction.file),
            **{f"probability_{name}": value for name, value in prediction.probabilities.items()},
            "label": prediction.label,
            "answer": prediction.answer,
            "abstention_reason": prediction.abstention_reason,
            "mpox_suspected": prediction.mpox_suspected,
            "ood_score": prediction.ood_score,
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
