"""Labelled photos: a folder with one folder per class, and the tables that may lie beside the photos."""

import csv
import dataclasses
import glob
import itertools
import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from mpox_keras.data.groups import connected_components
from mpox_keras.utils.classes import CLASSES, MPOX, NORMAL
from mpox_keras.utils.errors import MpoxKerasError

PHOTO_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".avif", ".heic", ".heif")
GROUPS_FILES = ("audit.csv", "groups.csv")  # made by people; found by matching
METADATA_FILES = ("metadata.csv", "labels.csv")
METADATA_COLUMNS = ("patient", "stage", "source", "skin_tone", "doubt")  # those that are carried along with a photo
OTHER_RASH = "other_rash"  # label of photos that are known to show another rash than mpox, but not which

_FOLDER_NAMES = {
    **dict.fromkeys(("monkeypox", "monkey pox", "m-pox"), MPOX),
    "healthy": NORMAL,
    **dict.fromkeys(("other rash", "others", "non mpox", "non monkeypox"), OTHER_RASH),
}


class DataError(MpoxKerasError, ValueError):
    """The data given cannot be used as it is."""


@dataclasses.dataclass(frozen=True)
class Photo:
    """One labelled photo.

    Attributes:
        file: path relative to the data folder, with `/` between its parts; the key of every table.
        encoded: the encoded photo: its path, or its bytes.
        label: class name.
        group: photos of one scene or patient share a group; a group never straddles a split.
        fold: the cross-validation fold given with the data, or None.
        metadata: `patient`, `stage`, `source`, `skin_tone` and `doubt` (why the label may be wrong: such a photo is evaluated
            and never trained on), as far as they are recorded.
    """

    file: str
    encoded: Path | bytes
    label: str
    group: str
    fold: int | None = None
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)


def class_of_folder(name: str, classes: Sequence[str] = ()) -> str:
    """The class that a folder's name means, in any case: older names of mpox are understood, and those of `OTHER_RASH`.

    If it means one of `classes`, it is that one, as it is spelt there.

    Example:
        >>> class_of_folder("Monkeypox"), class_of_folder("Others"), class_of_folder("TINEA", ["Tinea", "Ekzem"])
        ('mpox', 'other_rash', 'Tinea')
    """
    # Folders of a Mac may have accents apart from their letters.
    plain = unicodedata.normalize("NFC", name).strip().lower().replace("_", " ")
    meant = _FOLDER_NAMES.get(plain, plain)
    return name if name in classes else next((each for each in classes if class_of_folder(each) == meant), meant)


def walk_photos(directory: str | Path) -> Iterator[Path]:
    """Photo files below a folder, by suffix, in the order of their paths; hidden files and folders are passed over.

    Only the names of one folder and of those above it are held at a time. Folders that can't be read raise OSError.
    """
    with os.scandir(directory) as entries:
        entries = sorted(entries, key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from walk_photos(Path(directory) / entry.name)
        elif os.path.splitext(entry.name)[1].lower() in PHOTO_SUFFIXES and entry.is_file():
            yield Path(directory) / entry.name


def skipped_files(directory: str | Path) -> dict[str, int]:
    """How many files below a folder `walk_photos` passes over, by suffix; hidden files and tables are not counted."""
    seen = Counter()
    for _, folders, files in os.walk(directory):
        folders[:] = [name for name in folders if not name.startswith(".")]
        names = (name for name in files if not name.startswith(".") and name not in (*GROUPS_FILES, *METADATA_FILES))
        seen.update(os.path.splitext(name)[1].lower() or "no suffix" for name in names)
    return {suffix: count for suffix, count in sorted(seen.items()) if suffix not in PHOTO_SUFFIXES}


def expand_photos(arguments: Sequence[str]) -> Iterator[Path]:
    """Photo files meant by what a user typed: files, folders (searched by suffix) and globs; none is opened.

    DataError if an argument names nothing, or a folder without photos; checked before the first path is given.

    Example:
        >>> paths = list(expand_photos(["arm.jpg", "clinic/", "more/*.png"]))
    """
    expanded = []
    for argument in arguments:
        found = [argument] if os.path.exists(argument) else sorted(glob.glob(argument, recursive=True))
        if not found:
            raise DataError(f"{argument} is neither a file, a folder nor a pattern that matches any. Check the path.")
        if os.path.isdir(argument):
            found = walk_photos(argument)
            if (first := next(found, None)) is None:
                held = ", ".join(skipped_files(argument)) or "nothing"
                raise DataError(f"{argument} holds no photos ({', '.join(PHOTO_SUFFIXES)}); it holds {held}.")
            found = itertools.chain([first], found)
        expanded.append(map(Path, found))
    return itertools.chain.from_iterable(expanded)


def read_table(path: Path | None, *required: str) -> dict[str, dict[str, str]]:
    """Read a CSV table about photos, keyed by its `file` column; no table has no rows.

    DataError if a column is missing, a file is listed twice, a fold is no number, or the text is not UTF-8.
    """
    if path is None:
        return {}
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = set(reader.fieldnames or ())
            rows = list(reader)
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text: {error}. Save the table as UTF-8 CSV.") from None
    if missing := {"file", *required} - columns:
        raise DataError(f"{path} lacks the column {', '.join(sorted(missing))}; it has {', '.join(sorted(columns))}.")
    table = {}
    for row in rows:
        if row["file"] in table:
            raise DataError(f"{path} lists {row['file']} twice; keep one row per photo.")
        table[row["file"]] = {key: (value or "").strip() for key, value in row.items() if key}
        if (fold := table[row["file"]].get("fold")) and not fold.isdigit():
            raise DataError(f"{path} gives fold {fold!r} for {row['file']}; expected a whole number from 0, or nothing.")
    return table


def groups_table(directory: str | Path) -> Path | None:
    """The first of `GROUPS_FILES` that lies beside the photos."""
    return next((path for name in GROUPS_FILES if (path := Path(directory) / name).is_file()), None)


def read_tables(directory: str | Path, groups: str | Path | None = None) -> tuple[Path | None, dict, dict]:
    """The groups table, that in the folder if none is given, and the rows by file of this and of the metadata there."""
    groups = Path(groups) if groups else groups_table(directory)
    metadata = next((path for name in METADATA_FILES if (path := Path(directory) / name).is_file()), None)
    return groups, read_table(groups, "group"), read_table(metadata)


def find_photos(directory: str | Path, classes: Sequence[str] | None = None) -> list[Photo]:
    """Photos of a folder of class folders, without regard to any table: each is a group of its own.

    The folders are named as `class_of_folder` understands. DataError if there are no photos in any, or some in folders of none
    of the classes.
    """
    directory = Path(directory)
    shown = classes or CLASSES
    expected = f"Expected {directory}/{shown[0]}/photo.jpg and so on for {', '.join(shown)}."
    if not directory.is_dir():
        raise DataError(f"{directory} is not a folder. {expected}")
    class_folders = sorted(p for p in directory.iterdir() if p.is_dir() and not p.name.startswith("."))
    found = ((path.relative_to(directory).as_posix(), path) for folder in class_folders for path in walk_photos(folder))
    photos = [Photo(file, path, class_of_folder(file.partition("/")[0], classes or ()), group=file) for file, path in found]
    unknown = dict.fromkeys(photo.file.partition("/")[0] for photo in photos if classes and photo.label not in classes)
    if unknown:
        raise DataError(
            f"{directory} has photos in folders that name no class: {', '.join(unknown)}. {expected} "
            f"Rename or remove them, or name your classes in the config (data.classes). For photos in a folder {OTHER_RASH} "
            "there is `mpox-keras evaluate-external`."
        )
    if not photos:
        names = ", ".join(folder.name for folder in class_folders) or "no folder at all"
        raise DataError(f"{directory} holds no photos in class folders (found: {names}). {expected}")
    return sorted(photos, key=lambda photo: photo.file)


def read_folder(directory: str | Path, classes: Sequence[str] | None = None, groups: str | Path | None = None) -> list[Photo]:
    """What `find_photos` finds, with the groups and metadata that `apply_tables` adds.

    Example:
        >>> photos = read_folder("photos")
        >>> photos[0].file, photos[0].label, photos[0].group
        ('Chickenpox/chickenpox1.png', 'chickenpox', '11')
    """
    return apply_tables(find_photos(directory, classes), directory, groups)


def apply_tables(photos: Sequence[Photo], directory: str | Path, groups: str | Path | None = None) -> list[Photo]:
    """Add to photos what the tables beside them say: group, fold and metadata.

    Args:
        photos: what they have stays where the tables are silent.
        directory: where the tables are looked for.
        groups: table with the columns `file`, `group` and, if wanted, `fold` (0, 1, ...), `drop` (a reason to leave the
            photo out) and those of `METADATA_COLUMNS`. By default the one of `GROUPS_FILES` in the folder, if any.

    Returns:
        The photos, sorted by file, without those whose row says `drop`. Groups that share a known patient are joined.

    Raises:
        DataError: a table does not fit the photos, or drops them all.
    """
    groups, group_rows, metadata_rows = read_tables(directory, groups)
    kept = []
    for photo in photos:
        row = group_rows.get(photo.file, {})
        if groups and not row:
            raise DataError(
                f"{groups} has no row for {photo.file}. Add the row, or make the table anew: mpox-keras data check {directory}"
            )
        if row.get("drop"):
            continue
        recorded = metadata_rows.get(photo.file, {})
        metadata = {**photo.metadata, **{c: value for c in METADATA_COLUMNS if (value := recorded.get(c) or row.get(c))}}
        fold = int(row["fold"]) if row.get("fold") else photo.fold
        kept.append(dataclasses.replace(photo, group=row.get("group") or photo.group, fold=fold, metadata=metadata))
    if not kept:
        raise DataError(f"{groups} drops every photo of {directory}; nothing is left.")
    # Groups that share a known patient become one, named after the first of them.
    names = [photo.group for photo in kept]
    pairs = [(photo.group, ("patient", patient)) for photo in kept if (patient := photo.metadata.get("patient"))]
    numbers = connected_components(names, pairs)
    first = {numbers[name]: name for name in reversed(names)}
    joined = (dataclasses.replace(photo, group=first[numbers[photo.group]]) for photo in kept)
    return sorted(joined, key=lambda photo: photo.file)


def metadata_columns(photos: Sequence[Photo]) -> dict[str, list[str]]:
    """What is recorded of photos, by column, for breaking results down; "" where nothing is. Patients are left out."""
    columns = {c: [photo.metadata.get(c, "") for photo in photos] for c in METADATA_COLUMNS if c != "patient"}
    return {**columns, "doubt": [value and "doubtful" for value in columns["doubt"]]}
