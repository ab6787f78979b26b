"""Labelled photos from a folder or from a dataset built with TFDS."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from mpox_keras.data.folder import METADATA_COLUMNS, OTHER_RASH, DataError, Photo, class_of_folder, groups_table, read_folder
from mpox_keras.utils.classes import MPOX, NORMAL


def read_photos(data: str | os.PathLike, classes: Sequence[str] | None = None, groups: str | None = None) -> list[Photo]:
    """Read labelled photos.

    Args:
        data: a folder, as `read_folder` takes it, or `mpox/CONFIG` for a dataset built with `tfds build mpox`.
        classes: the class names allowed; None: all.
        groups: a groups table, for a folder only.

    Raises:
        DataError: there is no such folder or dataset, or it does not fit.
    """
    if Path(data).is_dir() or not str(data).startswith("mpox/"):
        return read_folder(data, classes, groups)
    if groups:
        raise DataError(f"a groups table goes with a folder of photos; {data} has its groups built in.")

    import tensorflow_datasets as tfds

    import mpox_keras.datasets  # noqa: F401 - registers the builder

    try:
        builder = tfds.builder(str(data))
    except ValueError:
        known = ", ".join(f"mpox/{name}" for name in tfds.builder_cls("mpox").builder_configs)
        raise DataError(f"there is no data set {data}, and no such folder. There are {known}.") from None
    if not builder.is_prepared():
        raise DataError(
            f'{data} is not built in {builder.data_dir}. Build it first: pip install "mpox-keras[tfds]"; '
            f"tfds build {data} --imports mpox_keras.datasets --manual_dir DIR"
        )
    photos = [dataclasses.replace(photo, label=class_of_folder(photo.label, classes or ())) for photo in read_dataset(builder)]
    if classes and (unknown := sorted({photo.label for photo in photos}.difference(classes))):
        raise DataError(f"{data} has the classes {', '.join(unknown)}, which are not among {', '.join(classes)}.")
    return photos


def read_grouped_photos(
    data: str | os.PathLike, classes: Sequence[str] | None = None, groups: str | None = None
) -> list[Photo]:
    """Like `read_photos`, but a folder without a groups table is a DataError, so that a split cannot leak."""
    photos = read_photos(data, classes, groups)
    if Path(data).is_dir() and not groups and not groups_table(data):
        raise DataError(
            f"{data} has no groups.csv or audit.csv, so photos of one scene could lie on both sides of a split and flatter "
            f"the result. Find them with `mpox-keras data check {data}`, or give your own table with --groups."
        )
    return photos


def read_external_photos(data: str | os.PathLike, classes: Sequence[str]) -> list[Photo]:
    """Read photos of mpox and of other rashes for external validation; the others may lie in one folder `other_rash`."""
    photos = read_photos(data, [*classes, OTHER_RASH])
    labels = {photo.label for photo in photos}
    if MPOX not in labels or labels <= {MPOX, NORMAL}:
        raise DataError(f"{data} must hold photos of mpox and of other rashes; it has {', '.join(sorted(labels))}.")
    return photos


def read_dataset(builder) -> list[Photo]:
    """Photos of a built TFDS dataset `mpox`, as a `tfds.core.DatasetBuilder` gives them, sorted by file."""
    import tensorflow_datasets as tfds

    dataset = builder.as_dataset(split="train", decoders={"image": tfds.decode.SkipDecoding()})
    photos = [
        Photo(
            file=example["file"].decode(),
            encoded=example["image"],
            label=builder.info.features["label"].int2str(int(example["label"])),
            group=example["group"].decode(),
            fold=None if example["fold"] < 0 else int(example["fold"]),
            metadata={column: example[column].decode() for column in METADATA_COLUMNS if example[column]},
        )
        for example in dataset.as_numpy_iterator()
    ]
    return sorted(photos, key=lambda photo: photo.file)
