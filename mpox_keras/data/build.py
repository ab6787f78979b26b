"""A data set of one's own photos from several sources: one layout, one file format, every photo once."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from mpox_keras.data.check import LABEL_CONFLICT, PIXEL_DUPLICATE, UNREADABLE, check_folder
from mpox_keras.data.duplicates import Progress, import_cv2
from mpox_keras.data.folder import (
    CLASSES,
    DataError,
    apply_tables,
    class_of_folder,
    find_groups_file,
    find_metadata_file,
    find_photos,
    read_table,
)
from mpox_keras.data.groups import connect
from mpox_keras.data.loading import map_in_order
from mpox_keras.data.photos import MIN_SIDE, PhotoError, decode_photo
from mpox_keras.files import replacing_folder

NEAR_IDENTICAL, LABEL_LEFT_OUT = "near identical", "label left out"
_METADATA_COLUMNS = ("file", "patient", "stage", "source", "skin_tone", "licence", "url", "origin", "sha256", "box")
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
        box: left, top, right and bottom of the part to keep, in pixels of the photo after its EXIF turn, or None.
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


@dataclasses.dataclass(frozen=True)
class BuildReport:
    """What `build_folder` made.

    Attributes:
        directory: the data set.
        photos: every photo of every source, in the order of the sources.
        groups: group number by file, of the photos kept.
    """

    directory: str
    photos: list[SourcePhoto]
    groups: dict[str, int]

    @property
    def kept(self) -> list[SourcePhoto]:
        """The photos in the data set, sorted by file."""
        return sorted((photo for photo in self.photos if not photo.drop), key=lambda photo: photo.file)

    def mixed_groups(self) -> list[list[str]]:
        """Files of each group with more than one label: photos of one scene or patient. Look at them."""
        members = defaultdict(list)
        for photo in self.kept:
            members[self.groups[photo.file]].append(photo)
        return [[photo.file for photo in group] for group in members.values() if len({photo.label for photo in group}) > 1]

    def to_text(self) -> str:
        """The report for people."""
        kept, left_out = self.kept, [photo for photo in self.photos if photo.drop]
        lines = [f"{len(kept)} photos in {len(set(self.groups.values()))} groups in {self.directory}"]
        lines += [f"  {label}: {count}" for label, count in sorted(Counter(photo.label for photo in kept).items())]
        lines.append("Kept of each source")
        of_source = Counter(photo.source for photo in kept)
        for source, count in Counter(photo.source for photo in self.photos).items():
            lines.append(f"  {source}: {of_source[source]} of {count}")
        lines.append(f"Left out, listed in left_out.csv: {len(left_out)}")
        reasons = Counter(photo.drop.partition(":")[0] for photo in left_out)
        lines += [f"  {reason}: {count}" for reason, count in sorted(reasons.items())]
        mixed = self.mixed_groups()
        lines.append(f"Groups with more than one label, kept: look at these: {len(mixed)}")
        lines += [f"  {len(files)}: {', '.join(files[:4])}{', ...' if len(files) > 4 else ''}" for files in mixed]
        unlicensed = Counter(photo.source for photo in kept if not photo.recorded.get("licence"))
        lines.append(f"Without a known licence (--licence SOURCE=TEXT names it): {unlicensed.total()}")
        lines += [f"  {source}: {count}" for source, count in unlicensed.items()]
        return "\n".join(lines)


def build_folder(
    sources: Sequence[str | Path],
    out: str | Path,
    classes: Sequence[str] = CLASSES,
    labels: Mapping[str, str] | None = None,
    licences: Mapping[str, str] | None = None,
    progress: Progress | None = None,
) -> BuildReport:
    """Build a folder of class folders from several sources, with each photo in it once.

    A source is a folder of class folders, with the tables that `folder.read_folder` reads, or a CSV table with the columns
    `file` (relative to the table) and `label` and, if wanted, `patient`, `stage`, `source`, `skin_tone`, `licence`, `url` and
    those of a box to crop to: `left`, `top`, `width`, `height`. The source is called as its path, without suffix.

    Photos are written as PNG, which leaves places, names and devices behind, as `CLASS/SOURCE_NUMBER.png`; the number is the
    photo's place in its source. Of equal photos one is kept; where they are near identical and of several sources, those of
    the source named first are kept; where their labels differ, none is. Groups join the photos of one scene, of one patient,
    and those that the tables of a source put together. Folds given with a source are not taken over.

    Args:
        sources: folders and CSV tables.
        out: gets the class folders, `groups.csv`, `metadata.csv` and `left_out.csv`; made whole or not at all.
        classes: the class names allowed.
        labels: class by label, for labels that are no class; "" leaves the photos out.
        licences: licence by name of source, for photos whose table names none.
        progress: called with the name of the step, how much of it is done, and how much there is.

    Returns:
        What was kept and what was left out, and why.

    Raises:
        DataError: a source, table, box, label or option does not fit, no photo is left, or `out` is not empty.
        MissingExtraError: OpenCV is not installed.

    Example:
        >>> report = build_folder(["clinic", "web.csv"], "photos", labels={"varicella": "chickenpox", "acne": ""})
        >>> print(report.to_text())
    """
    import_cv2()  # before minutes of decoding, not after
    out = Path(out)
    named = _name_sources(sources, out)
    photos = []
    for name, path in named.items():
        photos += _read_class_folders(name, path, classes) if path.is_dir() else _read_csv(name, path)
    photos = _add_licences(photos, licences or {}, named)
    photos = _name_files(_map_labels(photos, labels or {}, classes))
    with replacing_folder(out) as directory:
        photos = _write_photos(photos, directory, progress)
        check = check_folder(directory, classes, progress)
        groups = _number_groups(photos, check)
        drops = _find_duplicates(photos, check)
        for file in drops:
            (directory / file).unlink()
        report = BuildReport(
            directory=str(out),
            photos=[dataclasses.replace(photo, **drops.get(photo.file, {})) for photo in photos],
            groups={file: group for file, group in groups.items() if file not in drops},
        )
        if not report.kept:
            raise DataError(f"nothing is left of {', '.join(named)}: all photos contradict each other in label.")
        _write_tables(report, directory)
    return report


def _name_sources(sources, out):
    """The sources by name."""
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already and not an empty folder. Give another one, or remove it.")
    named = {}
    for path in map(Path, sources):
        if not path.is_dir() and not (path.is_file() and path.suffix.lower() == ".csv"):
            raise DataError(f"the source {path} is neither a folder nor a CSV table. Check the path.")
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            raise DataError(f"{out} lies in the source {path} and would be taken for a part of it. Give a folder outside.")
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
    groups_file, metadata_file = find_groups_file(directory), find_metadata_file(directory)
    drops = {file: row.get("drop", "") for file, row in read_table(groups_file, ["group"]).items()} if groups_file else {}
    recorded = read_table(metadata_file, []) if metadata_file else {}
    groups = {photo.file: photo.group for photo in apply_tables(found, directory)}
    return [
        SourcePhoto(
            source=name,
            origin=photo.file,
            path=photo.source,
            place=str(photo.source),
            label=photo.label,
            group=groups.get(photo.file, ""),
            recorded=recorded.get(photo.file, {}),
            drop=drops.get(photo.file, ""),
        )
        for photo in found
    ]


def _read_csv(name, table):
    photos = []
    for number, row in enumerate(read_table(table, ["label"]).values(), 2):
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
        box = (round(left), round(top), round(left + width), round(top + height))
    except (ValueError, OverflowError):
        raise DataError(
            f"{place} has {_name_box(texts)}; expected four numbers, in pixels of the turned photo, or none of them."
        ) from None
    if box[2] - box[0] < MIN_SIDE or box[3] - box[1] < MIN_SIDE:
        raise DataError(f"{place} has {_name_box(texts)}; expected a width and height of at least {MIN_SIDE} pixels.")
    return box


def _name_box(values):
    return "the box " + ", ".join(f"{column}={value}" for column, value in zip(_BOX_COLUMNS, values, strict=True))


def _add_licences(photos, licences, named):
    unknown = [name for name in licences if name not in named]
    if unknown:
        raise DataError(f"there is no source {unknown[0]} to give a licence; the sources are called {', '.join(named)}.")
    return [
        dataclasses.replace(photo, recorded={**photo.recorded, "licence": licences[photo.source]})
        if photo.source in licences and not photo.recorded.get("licence")
        else photo
        for photo in photos
    ]


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
        if labels.get(photo.label) == "":
            mapped.append(dataclasses.replace(photo, drop=photo.drop or LABEL_LEFT_OUT))
        else:
            mapped.append(dataclasses.replace(photo, label=labels.get(photo.label, photo.label)))
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


def _name_files(photos):
    """Number the photos of each source, also those left out, so that a name stays if other photos come or go."""
    numbers = Counter()
    named = []
    for photo in photos:
        numbers[photo.source] += 1
        named.append(dataclasses.replace(photo, file=f"{photo.label}/{photo.source}_{numbers[photo.source]:04d}.png"))
    return named


def _write_photos(photos, directory, progress):
    written = []
    for photo in map_in_order(lambda photo: photo if photo.drop else _write_photo(photo, directory), photos):
        written.append(photo)
        if progress:
            progress("writing", len(written), len(photos))
    for source in dict.fromkeys(photo.source for photo in written):
        drops = [photo.drop for photo in written if photo.source == source]
        if all(drops):
            raise DataError(f"no photo of the source {source} can be used; the first one: {drops[0]}")
    return written


def _write_photo(photo, directory):
    try:
        pixels = decode_photo(photo.path, name=photo.origin)
    except PhotoError as error:
        return dataclasses.replace(photo, drop=f"{UNREADABLE}: {error}")
    if photo.box:
        left, top, right, bottom = photo.box
        height, width = pixels.shape[:2]
        if left < 0 or top < 0 or right > width or bottom > height:
            raise DataError(
                f"{photo.place} has {_name_box((left, top, right - left, bottom - top))}, which is not inside the photo "
                f"of {width} x {height} pixels. Boxes are in pixels of the photo after its EXIF turn."
            )
        pixels = pixels[top:bottom, left:right]
    path = directory / photo.file
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)
    with photo.path.open("rb") as stream:
        return dataclasses.replace(photo, sha256=hashlib.file_digest(stream, "sha256").hexdigest())


def _find_duplicates(photos, check):
    """What changes of the photos that are to be left out, by file."""
    written = {photo.file: photo for photo in photos if not photo.drop}
    places = {file: place for place, file in enumerate(written)}
    equal = {file: same for same in check.pixel_duplicates for file in same}
    conflicting = {file for alike in check.label_conflicts for file in alike}
    drops = {}
    for alike in check.alike:
        alike = sorted(alike, key=places.get)
        kept = []
        for file in alike:
            copies = [other for other in kept if other in equal.get(file, ())]
            if file in conflicting:
                reason, others = LABEL_CONFLICT, [other for other in alike if other != file]
            elif copies:
                reason, others = PIXEL_DUPLICATE, copies
            elif written[file].source != written[alike[0]].source:
                reason, others = NEAR_IDENTICAL, kept[:1]
            else:
                kept.append(file)
                continue
            names = tuple(f"{written[other].source}:{written[other].origin}" for other in others)
            drops[file] = {"drop": reason, "duplicate_of": names}
    return drops


def _number_groups(photos, check):
    """Group numbers by file; photos that are left out as duplicates join what they belong to all the same."""
    scenes = {photo.file: photo.group for photo in check.photos}
    first, pairs = {}, []
    for photo in photos:
        if photo.drop:
            continue
        keys = [("scene", scenes[photo.file]), ("group", photo.source, photo.group)]
        if photo.patient:
            keys.append(("patient", photo.patient))
        pairs += [(first.setdefault(key, photo.file), photo.file) for key in keys]
    return connect(sorted(scenes), pairs)


def _write_tables(report, directory):
    kept = report.kept
    groups = ((photo.file, photo.label, report.groups[photo.file], "") for photo in kept)
    _write_table(directory / "groups.csv", ["file", "label", "group", "drop"], groups)
    metadata = (
        (
            photo.file,
            photo.patient,
            photo.recorded.get("stage", ""),
            photo.recorded.get("source") or photo.source,
            photo.recorded.get("skin_tone", ""),
            photo.recorded.get("licence", ""),
            photo.recorded.get("url", ""),
            photo.origin,
            photo.sha256,
            _box_text(photo.box),
        )
        for photo in kept
    )
    _write_table(directory / "metadata.csv", _METADATA_COLUMNS, metadata)
    left_out = (
        (photo.source, photo.origin, photo.label, photo.drop, "; ".join(photo.duplicate_of))
        for photo in report.photos
        if photo.drop
    )
    _write_table(directory / "left_out.csv", ["source", "origin", "label", "reason", "duplicate_of"], left_out)


def _write_table(path, columns, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def _box_text(box):
    if box is None:
        return ""
    left, top, right, bottom = box
    return f"{left} {top} {right - left} {bottom - top}"
