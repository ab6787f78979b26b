"""A data set of one's own photos from several sources: one layout, one file format, every photo once."""

import dataclasses
import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from PIL import Image

from mpox_keras.curation.check import (
    LABEL_CONFLICT,
    PIXEL_DUPLICATE,
    UNREADABLE,
    check_folder,
    list_groups,
    name_group,
)
from mpox_keras.curation.duplicates import Progress
from mpox_keras.curation.sources import SourcePhoto, name_box, read_sources
from mpox_keras.data.decode import PhotoError, decode_photo
from mpox_keras.data.folder import METADATA_COLUMNS, DataError
from mpox_keras.data.groups import connected_components
from mpox_keras.data.loading import map_in_order
from mpox_keras.utils.files import replacing_folder, write_table

NEAR_IDENTICAL = "near identical"
_METADATA_COLUMNS = ("file", *METADATA_COLUMNS, "licence", "url", "origin", "sha256", "box")


@dataclasses.dataclass(frozen=True)
class BuildReport:
    """What `build_folder` made: every photo, in the order of the sources, and the group number by file of those kept."""

    directory: str
    photos: list[SourcePhoto]
    groups: dict[str, int]

    @property
    def kept(self) -> list[SourcePhoto]:
        """The photos in the data set, sorted by file."""
        return sorted((photo for photo in self.photos if not photo.drop), key=lambda photo: photo.file)

    def to_text(self) -> str:
        """The report for people."""
        kept, left_out = self.kept, [photo for photo in self.photos if photo.drop]
        labels = {photo.file: photo.label for photo in kept}
        sources, kept_of_source = (Counter(photo.source for photo in photos) for photos in (self.photos, kept))
        reasons = Counter(photo.drop.partition(":")[0] for photo in left_out)
        mixed = [files for files in list_groups(self.groups) if len({labels[file] for file in files}) > 1]
        unlicensed = Counter(photo.source for photo in kept if not photo.recorded.get("licence"))
        lines = [
            f"{len(kept)} photos in {len(set(self.groups.values()))} groups in {self.directory}",
            *_count_lines(sorted(Counter(labels.values()).items())),
            "Kept of each source",
            *_count_lines((source, f"{kept_of_source[source]} of {count}") for source, count in sources.items()),
            f"Left out, listed in left_out.csv: {len(left_out)}",
            *_count_lines(sorted(reasons.items())),
            f"Groups with more than one label, kept: look at these: {len(mixed)}",
            *(f"  {name_group(files)}" for files in mixed),
            f"Without a known licence (--licence SOURCE=TEXT names it): {unlicensed.total()}",
            *_count_lines(unlicensed.items()),
        ]
        return "\n".join(lines)


def _count_lines(counts):
    return (f"  {name}: {count}" for name, count in counts)


def build_folder(
    sources: Sequence[str | Path],
    out: str | Path,
    classes: Sequence[str] | None = None,
    labels: Mapping[str, str] | None = None,
    licences: Mapping[str, str] | None = None,
    progress: Progress = lambda *step: None,
    match_scenes: bool = True,
) -> BuildReport:
    """Build a folder of class folders from several sources, with each photo in it once.

    A source is a folder of class folders, with the tables that `folder.read_folder` reads, or a CSV table with the columns
    `file` (relative to the table) and `label` and, if wanted, `group`, `fold`, those of `METADATA_COLUMNS`, `licence`, `url`
    and those of a box to crop to: `left`, `top`, `width`, `height`. The source is called as its path, without suffix.

    Photos are written as PNG, which leaves places, names and devices behind, as `CLASS/SOURCE_NUMBER.png`; the number is the
    photo's place in its source. Of equal photos one is kept; where they are near identical and of several sources, those of
    the source named first are kept; where their labels differ, none is. Groups join the photos of one scene, of one patient,
    and those that the tables of a source put together. Folds are taken over; a group with several gets the commonest.

    Args:
        sources: folders and CSV tables.
        out: gets the class folders, `groups.csv`, `metadata.csv` and `left_out.csv`; made whole or not at all.
        classes: the class names allowed; by default every label is a class.
        labels: class by label, for labels that are no class; "" leaves the photos out.
        licences: licence by name of source, for photos whose table names none.
        progress: told of every photo, in each step.
        match_scenes: whether photos of one scene are looked for; without, groups are those that the sources have.

    Raises:
        DataError: a source, table, box, label or option does not fit, no photo is left, or `out` is not empty.

    Example:
        >>> report = build_folder(["clinic", "web.csv"], "photos", labels={"varicella": "chickenpox", "acne": ""})
        >>> print(report.to_text())
    """
    out = Path(out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already and not an empty folder. Give another one, or remove it.")
    for path in map(Path, sources):
        if path.is_dir() and out.resolve().is_relative_to(path.resolve()):
            raise DataError(f"{out} lies in the source {path} and would be taken for a part of it. Give a folder outside.")
    photos = read_sources(sources, classes, labels or {}, licences or {})
    with replacing_folder(out) as directory:
        photos = _write_photos(photos, directory, progress)
        check = check_folder(directory, classes, progress, match_scenes)
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
            names = ", ".join(dict.fromkeys(photo.source for photo in photos))
            raise DataError(f"nothing is left of {names}: all photos contradict each other in label.")
        _write_tables(report, directory)
    return report


def _write_photos(photos, directory, progress):
    written = []
    for photo in map_in_order(lambda photo: _write_photo(photo, directory), photos):
        written.append(photo)
        progress("writing", len(written), len(photos))
    for source in dict.fromkeys(photo.source for photo in written):
        drops = [photo.drop for photo in written if photo.source == source]
        if all(drops):
            raise DataError(f"no photo of the source {source} can be used; the first one: {drops[0]}")
    return written


def _write_photo(photo, directory):
    if photo.drop:
        return photo
    try:
        pixels = decode_photo(photo.path, name=photo.origin)
    except PhotoError as error:
        return dataclasses.replace(photo, drop=f"{UNREADABLE}: {error}")
    if photo.box:
        left, top, width, height = photo.box
        if left < 0 or top < 0 or left + width > pixels.shape[1] or top + height > pixels.shape[0]:
            raise DataError(
                f"{photo.place} has {name_box(photo.box)}, which is not inside the photo of {pixels.shape[1]} x "
                f"{pixels.shape[0]} pixels. Boxes are in pixels of the photo after its EXIF turn."
            )
        pixels = pixels[top : top + height, left : left + width]
    path = directory / photo.file
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)
    return dataclasses.replace(photo, sha256=hashlib.sha256(photo.path.read_bytes()).hexdigest())


def _find_duplicates(photos, check):
    """What changes of the photos that are to be left out, by file."""
    written = {photo.file: photo for photo in photos if not photo.drop}
    places = {file: place for place, file in enumerate(written)}
    equal = {file: same for same in check.pixel_duplicates for file in same}
    drops = {}
    for files in check.alike:
        alike, kept = sorted(files, key=places.get), []
        for file in alike:
            copies = [other for other in kept if other in equal.get(file, ())]
            if files in check.label_conflicts:
                reason, originals = LABEL_CONFLICT, [other for other in alike if other != file]
            elif copies:
                reason, originals = PIXEL_DUPLICATE, copies
            elif written[file].source != written[alike[0]].source:
                reason, originals = NEAR_IDENTICAL, kept[:1]
            else:
                kept.append(file)
                continue
            names = tuple(f"{written[other].source}:{written[other].origin}" for other in originals)
            drops[file] = {"drop": reason, "duplicate_of": names}
    return drops


def _number_groups(photos, check):
    """Group numbers by file; photos that are left out as duplicates join what they belong to all the same."""
    written = [photo for photo in photos if not photo.drop]
    pairs = [(photo.file, ("scene", photo.group)) for photo in check.photos]
    pairs += [(photo.file, ("group", photo.source, photo.group)) for photo in written]
    pairs += [(photo.file, ("patient", photo.patient)) for photo in written if photo.patient]
    return connected_components(sorted(photo.file for photo in check.photos), pairs)


def _write_tables(report, directory):
    folds = {}
    for photo in report.kept:
        folds.setdefault(report.groups[photo.file], []).extend(filter(None, [photo.recorded.get("fold")]))
    folds = {group: max(sorted(given), key=given.count, default="") for group, given in folds.items()}
    numbers = ((photo, report.groups[photo.file]) for photo in report.kept)
    groups = ((photo.file, photo.label, group, folds[group], "") for photo, group in numbers)
    write_table(directory / "groups.csv", ("file", "label", "group", "fold", "drop"), groups)
    write_table(directory / "metadata.csv", _METADATA_COLUMNS, map(_metadata_row, report.kept))
    left_out = [photo for photo in report.photos if photo.drop]
    rows = ((photo.source, photo.origin, photo.label, photo.drop, "; ".join(photo.duplicate_of)) for photo in left_out)
    write_table(directory / "left_out.csv", ("source", "origin", "label", "reason", "duplicate_of"), rows)


def _metadata_row(photo):
    row = {**photo.recorded, **{column: getattr(photo, column) for column in ("file", "patient", "origin", "sha256")}}
    row |= {"source": row.get("source") or photo.source, "box": " ".join(map(str, photo.box or ()))}
    return [row.get(column, "") for column in _METADATA_COLUMNS]
