"""Photos of several sources, as their tables and folders tell of them; nothing is decoded here."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mpox_keras.data.decode import MIN_SIDE
from mpox_keras.data.folder import (
    DataError,
    apply_tables,
    class_of_folder,
    find_groups_file,
    find_metadata_file,
    find_photos,
    read_table,
)

LABEL_LEFT_OUT = "label left out"
_BOX_COLUMNS = ("left", "top", "width", "height")


@dataclasses.dataclass(frozen=True)
class SourcePhoto:
    """One photo of a source, and what became of it.

    Attributes:
        source: name of the source.
        origin: path within the source.
        path: where the original file is.
        place: how errors name the photo.
        label: class name; of a photo left out by its label, that label.
        group: photos of one source that its tables put together share it.
        recorded: the rest of the photo's row in its table, by column.
        box: left, top, width and height of the part to keep, in pixels of the photo after its EXIF turn, or None.
        file: path in the data set, with `/` between its parts.
        sha256: of the original file.
        drop: why the photo is left out, or "".
        duplicate_of: the photos that it was left out for, as `SOURCE:origin`.
    """

    source: str
    origin: str
    path: Path
    place: str
    label: str
    group: str
    recorded: Mapping[str, str]
    box: tuple[int, int, int, int] | None = None
    file: str = ""
    sha256: str = ""
    drop: str = ""
    duplicate_of: tuple[str, ...] = ()

    @property
    def patient(self) -> str:
        """The patient, if known; the source is part of it, because two sources may count their patients alike."""
        return f"{self.source}:{self.recorded['patient']}" if self.recorded.get("patient") else ""


def read_sources(
    sources: Sequence[str | Path], classes: Sequence[str], labels: Mapping[str, str], licences: Mapping[str, str]
) -> list[SourcePhoto]:
    """Read what several sources say of their photos; arguments and errors as in `build.build_folder`.

    Returns:
        The photos in the order of the sources, those to be left out too.

    Example:
        >>> photos = read_sources(["clinic", "web.csv"], CLASSES, {"acne": ""}, {})
    """
    named = _name_sources(sources)
    if unknown := [name for name in licences if name not in named]:
        raise DataError(f"there is no source {unknown[0]} to give a licence; the sources are called {', '.join(named)}.")
    photos = []
    for name, path in named.items():
        found = _read_class_folders(name, path, classes) if path.is_dir() else _read_csv(name, path)
        for photo in found:
            licence = photo.recorded.get("licence") or licences.get(name, "")
            photos.append(dataclasses.replace(photo, recorded={**photo.recorded, "licence": licence}))
    return _map_labels(photos, labels, classes)


def _name_sources(sources):
    """The sources by name."""
    named = {}
    for path in map(Path, sources):
        if not path.is_dir() and not (path.is_file() and path.suffix.lower() == ".csv"):
            raise DataError(f"the source {path} is neither a folder nor a CSV table. Check the path.")
        # A hidden file would not be read as a photo.
        name = (Path(os.path.abspath(path)).name if path.is_dir() else path.stem).lstrip(".")
        # Some file systems take names for equal that differ in case alone.
        twin = next((other for other in named if other.casefold() == name.casefold()), None)
        if twin:
            raise DataError(f"the sources {named[twin]} and {path} are both called {name}. Rename one of them.")
        named[name] = path
    return named


def _read_class_folders(name, directory, classes):
    folders = [class_of_folder(path.name) for path in directory.iterdir() if path.is_dir()]
    found = find_photos(directory, [*classes, *folders])
    rows, recorded = read_table(find_groups_file(directory), "group"), read_table(find_metadata_file(directory))
    groups = {photo.file: photo.group for photo in apply_tables(found, directory)}
    return [
        SourcePhoto(
            source=name,
            origin=photo.file,
            path=photo.encoded,
            place=str(photo.encoded),
            label=photo.label,
            group=groups.get(photo.file, ""),
            recorded=recorded.get(photo.file, {}),
            drop=rows.get(photo.file, {}).get("drop", ""),
        )
        for photo in found
    ]


def _read_csv(name, table):
    photos = []
    for number, row in enumerate(read_table(table, "label").values(), 2):
        place = f"{table}, row {number} ({row['file']})"
        if not row["file"]:
            raise DataError(f"{table}, row {number} names no file. Name it, or remove the row.")
        photos.append(
            SourcePhoto(
                source=name,
                origin=row["file"],
                path=table.parent / row["file"],
                place=place,
                label=class_of_folder(row["label"]),
                group=row["file"],
                recorded=row,
                box=_read_box(row, place),
            )
        )
    if not photos:
        raise DataError(f"{table} lists no photos. Give each a row with its file and label.")
    return photos


def _read_box(row, place):
    texts = [row.get(column, "") for column in _BOX_COLUMNS]
    if not any(texts):
        return None
    try:
        left, top, width, height = map(float, texts)
        box = (round(left), round(top), round(left + width) - round(left), round(top + height) - round(top))
    except (ValueError, OverflowError):
        raise DataError(
            f"{place} has {name_box(texts)}; expected four numbers, in pixels of the turned photo, or none of them."
        ) from None
    if min(box[2:]) < MIN_SIDE:
        raise DataError(f"{place} has {name_box(texts)}; expected a width and height of at least {MIN_SIDE} pixels.")
    return box


def name_box(values: Sequence) -> str:
    """A box as errors name it: left, top, width and height."""
    return "the box " + ", ".join(f"{column}={value}" for column, value in zip(_BOX_COLUMNS, values, strict=True))


def _map_labels(photos, labels, classes):
    labels = {class_of_folder(old): class_of_folder(new) for old, new in labels.items()}
    found = {photo.label for photo in photos}
    for old, new in labels.items():
        if old not in found:
            raise DataError(f"no photo has the label {old!r} to be mapped; the labels are {', '.join(sorted(found))}.")
        if new and new not in classes:
            raise DataError(f"the label {old!r} is mapped to {new!r}, which is no class; they are {', '.join(classes)}.")
    mapped = []
    for photo in photos:
        is_left_out = labels.get(photo.label) == ""
        change = {"drop": photo.drop or LABEL_LEFT_OUT} if is_left_out else {"label": labels.get(photo.label, photo.label)}
        mapped.append(dataclasses.replace(photo, **change))
    unknown = [photo for photo in mapped if not photo.drop and photo.label not in classes]
    if unknown:
        label = unknown[0].label
        counts = Counter(photo.label for photo in unknown)
        raise DataError(
            f"{unknown[0].place} has the label {label!r}, which is none of the classes {', '.join(classes)}. Labels without a "
            f"class: {', '.join(f'{name!r} ({count})' for name, count in counts.items())}. Map them (--label OLD=NEW), leave "
            "their photos out (--label OLD=), or name your classes (--class)."
        )
    return mapped
