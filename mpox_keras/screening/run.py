"""A screening's run: the shards that are not done yet, spread over processes or over a cluster.

A plan, written once, says which photo belongs to which shard, so that every run does the same. Only the numbers of shards are
handed out; photos and records never pass through the process that hands them out.
"""

import collections
import functools
import itertools
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
from mpox_keras.utils.errors import MpoxKerasError, require
from mpox_keras.utils.files import locked, replacing, write_json
from mpox_keras.utils.parallel import run_parallel

PLAN_FILE, SUMMARY_FILE, _SHARDS_FOLDER = "plan.jsonl", "summary.json", "shards"

SHARD_SIZE = 256
"""Photos per shard: some seconds of work; a multiple of the batches of `Classifier.predict`, which shards must not change."""

# A worker of a cluster may have threads, and a network answers one of them at a time.
_ONE_AT_A_TIME = threading.Lock()


class ScreeningError(MpoxKerasError, RuntimeError):
    """A screening can't begin or go on; the message says why and what to do."""


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
        source, classes: as `load_classifier` takes them. No process needs TensorFlow for a preset or TFLite bundle.
        workers, cluster: as `run_parallel` takes them. On a cluster `folder`, the network and the photos must have the same
            paths as here.
        progress: called with what is counted, how many of it are done, and how many there are.

    Returns:
        What `summary.json` holds: counts by answer and otherwise, classes, the network's hashes, inputs and version.

    Raises:
        ScreeningError, FolderInUseError: the folder belongs to another screening or run; or there are no photos.
        MissingExtraError: a package of the extra `screen` is not installed.
        WorkerError, DataError, ClassifierError: of `run_parallel`, `find_inputs` and `load_classifier`.

    Example:
        >>> summary = screen_photos(["s3://clinic/photos/"], "screened", "mpox-tflite", workers=8)
        >>> summary["photos"], summary["answers"]["mpox"]
        (1000000, 40963)
    """
    folder, source = Path(folder), os.fspath(source)
    require("pyarrow", "screen", "screening")
    classifier = load_classifier(source, classes)
    header = {"inputs": [absolute(os.fspath(argument)) for argument in inputs], "network": _identity(classifier)}
    _refuse_foreign(folder)
    with locked(folder):
        if not _read_plan(folder):
            _write_plan(folder, header, find_inputs(header["inputs"]))
        planned, shards = _read_plan(folder)
        if planned["inputs"] != header["inputs"]:
            raise ScreeningError(
                f"{folder} holds a screening of {', '.join(planned['inputs'])}, not of {', '.join(header['inputs'])}. "
                "Give the same photos, or another folder."
            )
        if planned != header:
            raise ScreeningError(
                f"{folder} holds a screening by another network. Give the network it began with, or another folder."
            )
        if missing := _missing(folder, shards):
            # A preset's name means the same on every machine, a path only once it is absolute.
            shared = source if not cluster or source in preset_names() else absolute(source)
            work = folder.absolute(), shared, classes and tuple(classes), json.dumps(header["network"])
            tasks = (joblib.delayed(screen_shard)(*shard, *work) for shard in missing)
            for done, _ in enumerate(run_parallel(tasks, workers, cluster), len(shards) - len(missing) + 1):
                progress("shards", done, len(shards))
        if missing := _missing(folder, shards):
            raise ScreeningError(
                f"{len(missing)} of {len(shards)} shards are missing in {folder / _SHARDS_FOLDER}, such as "
                f"{missing[0][0]}. The same command goes on; on a cluster, see that its machines write to this folder."
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


def _refuse_foreign(folder):
    """ScreeningError unless a folder is new, empty, or a screening's."""
    if folder.is_dir() and not (folder / PLAN_FILE).exists():
        other = next((path.name for path in folder.iterdir() if not path.name.startswith(".")), None)
        if other:
            raise ScreeningError(f"{folder} holds {other} but no {PLAN_FILE}, so it is no screening's. Give a new folder.")


def _write_plan(folder, header, photos):
    """Write the plan: the header in the first line, then a line for each shard, with the id and the file of its photos."""
    photos, shards = iter(photos), 0
    with replacing(folder / PLAN_FILE) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(header) + "\n")
        while shard := list(itertools.islice(photos, SHARD_SIZE)):
            shards += 1
            stream.write(json.dumps(shard) + "\n")
        if not shards:
            raise ScreeningError(f"there are no photos in {', '.join(header['inputs'])}; nothing to screen.")


def _read_plan(folder):
    """The plan's header, and of each shard its number and where its line begins; None where there is no plan."""
    if not (folder / PLAN_FILE).is_file():
        return None
    with (folder / PLAN_FILE).open("rb") as stream:
        header = stream.readline()
        ends = itertools.accumulate(map(len, stream), initial=len(header))
        return json.loads(header), list(enumerate(start for start, _ in itertools.pairwise(ends)))


def _shard_path(folder, number):
    return folder / _SHARDS_FOLDER / f"{number:06d}.parquet"


def _identity(classifier):
    return {"metadata": classifier.metadata, "checksums": classifier.checksums}


@functools.lru_cache(maxsize=1)
def _load_once(source: str, classes: tuple[str, ...] | None, network: str) -> Classifier:
    classifier = load_classifier(source, classes)
    if json.dumps(_identity(classifier)) != network:
        raise ScreeningError(f"{source} is no longer the network that this screening began with.")
    return classifier


def _missing(folder, shards):
    return [(number, offset) for number, offset in shards if not _shard_path(folder, number).exists()]


def screen_shard(number: int, offset: int, folder: Path, source: str, classes: tuple[str, ...] | None, network: str) -> None:
    """Predict the photos of one shard, whose line in the plan begins at `offset`, and write their records, all or none."""
    import pyarrow.parquet

    path = _shard_path(folder, number)
    if path.exists():  # a cluster may hand out the same work twice
        return
    with (folder / PLAN_FILE).open("rb") as stream:
        stream.seek(offset)
        photos = json.loads(stream.readline())
    with _ONE_AT_A_TIME:
        classifier = _load_once(source, classes, network)
        records = _records(photos, classifier.predict(file for _, file in photos), classifier.classes)
    with replacing(path) as temporary:
        pyarrow.parquet.write_table(records, temporary)


def record_schema(classes: Sequence[str]) -> "pyarrow.Schema":  # noqa: F821
    """Columns of the Parquet files and their types, in order."""
    import pyarrow

    text, number = pyarrow.string(), pyarrow.float32()
    types = {"id": text, "file": text, **{f"probability_{name}": number for name in classes}, "label": text, "answer": text}
    types |= {"abstention_reason": text, "mpox_suspected": pyarrow.bool_(), "ood_score": number, "error": text}
    return pyarrow.schema(types)


def _records(photos: Iterable[tuple[str, str]], predictions: Iterable[Prediction], classes: Sequence[str]):
    import pyarrow

    rows = [
        {
            **prediction.to_row(),
            "id": _text(id),
            "file": _text(prediction.file),
            "error": prediction.error and _text(prediction.error),
        }
        for (id, _), prediction in zip(photos, predictions, strict=True)
    ]
    return pyarrow.Table.from_pylist(rows, record_schema(classes))


def _text(name):
    """A file may have a name that is no Unicode; Parquet holds nothing else."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _count(folder, shards, classes):
    import pyarrow.parquet

    counts, answers = collections.Counter(), collections.Counter(dict.fromkeys(classes, 0))
    for number, _ in shards:
        records = pyarrow.parquet.read_table(_shard_path(folder, number), columns=["answer", "mpox_suspected", "error"])
        suspected = records["mpox_suspected"].to_pylist().count(True)
        counts.update(photos=len(records), unreadable=len(records["error"].drop_null()), mpox_suspected=suspected)
        answers.update(records["answer"].drop_null().to_pylist())
    return {**counts, "answers": dict(answers)}
