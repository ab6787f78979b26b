"""Photos of several sources, as their tables and folders tell of them; nothing is decoded here."""

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from mpox_keras.data.decode import MIN_SIDE
from mpox_keras.data.folder import DataError, apply_tables, class_of_folder, find_photos, read_table, read_tables

LABEL_LEFT_OUT = "label left out"
_BOX_COLUMNS = ("left", "top", "width", "height")


@dataclasses.dataclass(frozen=True)
class SourcePhoto:
    """One photo of a source, and what became of it."""

    source: str  # name of the source
    origin: str  # path within the source
    path: Path  # of the original file
    place: str  # how errors name the photo
    label: str  # class name; of a photo left out by its label, that label
    group: str  # shared by the photos of one source that its tables put together
    recorded: Mapping[str, str]  # its row in its tables, by column
    box: tuple[int, int, int, int] | None = None  # left, top, width, height of what to keep, in pixels after the EXIF turn
    number: int = 0  # its place in the source
    sha256: str = ""  # of the original file
    drop: str = ""  # why the photo is left out
    duplicate_of: tuple[str, ...] = ()  # the photos that it was left out for, as SOURCE:origin

    @property
    def file(self) -> str:
        """Path in the data set; as photos that are left out are numbered too, a name stays if others come or go."""
        return f"{self.label}/{self.source}_{self.number:04d}.png"

    @property
    def patient(self) -> str:
        """The patient, if known; the source is part of it, because two sources may count their patients alike."""
        return f"{self.source}:{self.recorded['patient']}" if self.recorded.get("patient") else ""


def read_sources(
    sources: Sequence[str | Path], classes: Sequence[str] | None, labels: Mapping[str, str], licences: Mapping[str, str]
) -> list[SourcePhoto]:
    """Read what several sources say of their photos, in order, those to be left out too; arguments as of `build_folder`."""
    named = {}
    for path in map(Path, sources):
        if not path.is_dir() and not (path.is_file() and path.suffix.lower() == ".csv"):
            raise DataError(f"the source {path} is neither a folder nor a CSV table. Check the path.")
        # A hidden file would not be read as a photo.
        name = (Path(os.path.abspath(path)).name if path.is_dir() else path.stem).lstrip(".")
        # Some file systems take names for equal that differ in case alone.
        if twin := next((other for other in named if other.casefold() == name.casefold()), None):
            raise DataError(f"the sources {named[twin]} and {path} are both called {name}. Rename one of them.")
        named[name] = path
    for name in licences:
        if name not in named:
            raise DataError(f"there is no source {name} to give a licence; the sources are called {', '.join(named)}.")
    photos = []
    for name, path in named.items():
        found = _read_class_folders(name, path) if path.is_dir() else _read_csv(name, path)
        for number, photo in enumerate(found, 1):
            recorded = {**photo.recorded, "licence": photo.recorded.get("licence") or licences.get(name, "")}
            photos.append(dataclasses.replace(photo, recorded=recorded, number=number))
    return _map_labels(photos, labels, classes)


def _read_class_folders(name, directory):
    found = find_photos(directory)
    _, rows, recorded = read_tables(directory)
    groups = {photo.file: photo.group for photo in apply_tables(found, directory)}
    return [
        SourcePhoto(
            source=name,
            origin=photo.file,
            path=photo.encoded,
            place=str(photo.encoded),
            label=photo.label,
            group=groups.get(photo.file, ""),
            recorded={**rows.get(photo.file, {}), **recorded.get(photo.file, {})},
            drop=rows.get(photo.file, {}).get("drop", ""),
        )
        for photo in found
    ]


def _read_csv(name, table):
    rows = read_table(table, "label")
    if not rows:
        raise DataError(f"{table} lists no photos. Give each a row with its file and label.")
    if "" in rows:
        raise DataError(f"{table}, row {[*rows].index('') + 2} names no file. Name it, or remove the row.")
    places = {file: f"{table}, row {number} ({file})" for number, file in enumerate(rows, 2)}
    return [
        SourcePhoto(
            source=name,
            origin=file,
            path=table.parent / file,
            place=places[file],
            label=class_of_folder(row["label"]),
            group=row.get("group") or file,
            recorded=row,
            box=_read_box(row, places[file]),
        )
        for file, row in rows.items()
    ]


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
    classes = classes or ()
    photos = [dataclasses.replace(photo, label=class_of_folder(photo.label, classes)) for photo in photos]
    labels = {class_of_folder(old, classes): class_of_folder(new, classes) for old, new in labels.items()}
    found = {photo.label for photo in photos}
    for old, new in labels.items():
        if old not in found:
            raise DataError(f"no photo has the label {old!r} to be mapped; the labels are {', '.join(sorted(found))}.")
        if classes and new and new not in classes:
            raise DataError(f"the label {old!r} is mapped to {new!r}, which is no class; they are {', '.join(classes)}.")
    mapped = []
    for photo in photos:
        left_out = labels.get(photo.label) == ""
        change = {"drop": photo.drop or LABEL_LEFT_OUT} if left_out else {"label": labels.get(photo.label, photo.label)}
        mapped.append(dataclasses.replace(photo, **change))
    for photo in mapped if not classes else ():
        if not photo.drop and (photo.label.startswith(".") or {"/", "\\"} & {*photo.label} or not photo.label):
            raise DataError(
                f"{photo.place} has the label {photo.label!r}, which can't be the name of a folder. Map it (--label)."
            )
    if classes and (unknown := [photo for photo in mapped if not photo.drop and photo.label not in classes]):
        counts = ", ".join(f"{label!r} ({count})" for label, count in Counter(photo.label for photo in unknown).items())
        raise DataError(
            f"{unknown[0].place} has the label {unknown[0].label!r}, which is none of the classes {', '.join(classes)}. Labels "
            f"without a class: {counts}. Map them (--label OLD=NEW), leave their photos out (--label OLD=), or name your "
            "classes (--class)."
        )
    return mapped
