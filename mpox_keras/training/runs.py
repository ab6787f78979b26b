"""Run folders: everything needed to repeat a run, and to go on with it."""

import contextlib
import csv
import difflib
import hashlib
import io
import os
import platform
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import tensorflow as tf

from mpox_keras._version import __version__
from mpox_keras.config import Config, ConfigError, dump_config, load_config
from mpox_keras.data.folder import Photo
from mpox_keras.inference.metadata import file_sha256
from mpox_keras.utils.errors import MpoxKerasError
from mpox_keras.utils.files import replacing, write_json


class RunError(MpoxKerasError, RuntimeError):
    """A run folder cannot be used for this run; the message says why and what to do."""


def open_run(folder: str | Path, config: Config, photos: Sequence[Photo]) -> None:
    """Make a run folder, or return to one that was made for the same config and photos.

    Writes `config.yaml`, `data.csv` (file, label, group, fold and SHA-256 of every photo) and `environment.json` (with the
    SHA-256 of the pretrained weights). RunError if the folder belongs to another run.
    """
    folder, weights = Path(folder), config.model.weights
    # None for random weights, and for those that come with a package or that Keras fetches.
    pretrained = file_sha256(weights) if weights and Path(weights).is_file() else None
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["file", "label", "group", "fold", "sha256"])
    for photo in photos:
        content = photo.encoded if isinstance(photo.encoded, bytes) else photo.encoded.read_bytes()
        writer.writerow([photo.file, photo.label, photo.group, photo.fold, hashlib.sha256(content).hexdigest()])
    texts = {"config.yaml": dump_config(config), "data.csv": table.getvalue()}
    for name, text in texts.items():
        path = folder / name
        if not path.is_file():
            with replacing(path) as temporary:
                temporary.write_text(text, encoding="utf-8")
        elif (before := _before(path)) != text:
            changed = list(difflib.unified_diff(before.splitlines(), text.splitlines(), n=0, lineterm=""))[3:5]
            difference = " against ".join(repr(line[1:].strip()) for line in changed)
            raise RunError(
                f"{folder} holds a run with another {name}: {difference}. Give another folder with --out, or remove this one."
            )
    write_json(folder / "environment.json", {**environment(), "pretrained_sha256": pretrained})


def _before(path):
    """What a file of an earlier run says; a config of an older release gets the keys that came since."""
    if path.name == "config.yaml":
        with contextlib.suppress(ConfigError):  # it has a key that is gone, and is shown as it is
            return dump_config(load_config(path))
    return path.read_text(encoding="utf-8")


def set_threads(threads: int | None) -> None:
    """Bound the threads of TensorFlow's operators; None leaves it one per core. RunError if it already runs with others."""
    try:
        if threads is not None:
            tf.config.threading.set_intra_op_parallelism_threads(threads)
    except RuntimeError:
        raise RunError(f"training.threads={threads} comes too late: TensorFlow already runs in this process.") from None


def environment() -> dict:
    """Versions, processor and threads: what may change a result in its last digits."""
    packages = ("tensorflow", "keras", "numpy", "pillow", "scikit-learn")
    cpuinfo = Path("/proc/cpuinfo")
    found = re.search(r"^model name\s*: *(.*\S)", cpuinfo.read_text() if cpuinfo.is_file() else "", re.MULTILINE)
    return {
        "mpox-keras": __version__,
        "python": platform.python_version(),
        **{package: version(package) for package in packages},
        "machine": platform.machine(),
        "processor": found[1] if found else platform.processor(),
        "cores": os.cpu_count(),
        "threads": tf.config.threading.get_intra_op_parallelism_threads() or os.cpu_count(),
    }


def training_seconds(folder: str | Path) -> float:
    """Seconds spent in the epochs of a run, from its `log.csv`; those of an interrupted run are added up."""
    if not (path := Path(folder) / "log.csv").is_file():  # without epochs
        return 0.0
    with path.open(newline="") as stream:
        return round(sum(float(row["seconds"]) for row in csv.DictReader(stream)), 1)
