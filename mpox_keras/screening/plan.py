"""The plan of a screening: which photo belongs to which shard, written once, so that every run of it does the same."""

import itertools
import json
from collections.abc import Iterable
from pathlib import Path

from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.files import replacing

PLAN_FILE = "plan.jsonl"
SHARDS_FOLDER = "shards"

SHARD_SIZE = 256
"""Photos per shard: some seconds of work; a multiple of the batches of `Classifier.predict`, which shards must not change."""


class ScreeningError(MpoxKerasError, RuntimeError):
    """A screening can't begin or go on; the message says why and what to do."""


def refuse_foreign(folder: Path) -> None:
    """ScreeningError unless a folder is new, empty, or a screening's."""
    if folder.is_dir() and not (folder / PLAN_FILE).exists():
        other = next((path.name for path in folder.iterdir() if not path.name.startswith(".")), None)
        if other:
            raise ScreeningError(f"{folder} holds {other} but no {PLAN_FILE}, so it is no screening's. Give a new folder.")


def write_plan(folder: Path, header: dict, photos: Iterable[tuple[str, str]]) -> None:
    """Write the plan: the header in the first line, then a line for each shard, with the id and the file of its photos."""
    photos, shards = iter(photos), 0
    with replacing(folder / PLAN_FILE) as temporary, temporary.open("w", encoding="utf-8") as stream:
        stream.write(json.dumps(header) + "\n")
        while shard := list(itertools.islice(photos, SHARD_SIZE)):
            shards += 1
            stream.write(json.dumps(shard) + "\n")
        if not shards:
            raise ScreeningError(f"there are no photos in {', '.join(header['inputs'])}; nothing to screen.")


def read_plan(folder: Path) -> tuple[dict, list[tuple[int, int]]] | None:
    """The plan's header, and of each shard its number and where its line begins; None where there is no plan."""
    if not (folder / PLAN_FILE).is_file():
        return None
    with (folder / PLAN_FILE).open("rb") as stream:
        header = stream.readline()
        ends = itertools.accumulate(map(len, stream), initial=len(header))
        return json.loads(header), list(enumerate(start for start, _ in itertools.pairwise(ends)))


def read_shard(folder: Path, offset: int) -> list[list[str]]:
    """The id and the file of a shard's photos."""
    with (folder / PLAN_FILE).open("rb") as stream:
        stream.seek(offset)
        return json.loads(stream.readline())


def shard_path(folder: Path, number: int) -> Path:
    """Where a shard's records are, once it is done."""
    return folder / SHARDS_FOLDER / f"{number:06d}.parquet"
