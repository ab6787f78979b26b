"""What is wrong with a folder of labelled photos: unreadable files, duplicates, shared scenes, contradictory labels."""

import dataclasses
import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from mpox_keras.curation.duplicates import Progress, ScenePair, find_scene_pairs, to_comparison_copy
from mpox_keras.data.decode import PhotoError, decode_photo
from mpox_keras.data.folder import find_photos, skipped_files
from mpox_keras.data.groups import connected_components
from mpox_keras.utils.files import write_table

UNREADABLE, PIXEL_DUPLICATE, LABEL_CONFLICT = "unreadable", "pixel duplicate", "label conflict"


class CheckedPhoto(NamedTuple):
    """A row of the groups table: path in the folder, class, number of the scene, and why the photo is to be left out, or ""."""

    file: str
    label: str
    group: int
    drop: str


@dataclasses.dataclass(frozen=True)
class FolderReport:
    """What `check_folder` found; files are named relative to the folder.

    Attributes:
        photos: every photo file, sorted.
        unreadable: reason by file.
        skipped: number of files that are no photos by their suffix, by suffix.
        sizes: number of readable photos by `(width, height)`.
        pixel_duplicates: sets of files whose decoded pixels are equal.
        links: pairs of one scene, by file, found by matching among photos that are no pixel duplicates.
        alike: sets of files that are equal or near identical.
        label_conflicts: those of `alike` with more than one label; all are dropped, as nothing tells which label is right.
        mixed_links: pairs of one scene whose labels differ although neither photo is dropped; look at them.
    """

    directory: str
    photos: list[CheckedPhoto]
    unreadable: dict[str, str]
    skipped: dict[str, int]
    sizes: dict[tuple[int, int], int]
    pixel_duplicates: list[list[str]]
    links: list[ScenePair]
    alike: list[list[str]]
    label_conflicts: list[list[str]]
    mixed_links: list[ScenePair]

    def scene_groups(self) -> list[list[str]]:
        """Groups of two and more files, the largest first."""
        groups = list_groups({photo.file: photo.group for photo in self.photos})
        return sorted(groups, key=lambda files: (-len(files), files))

    def to_dict(self) -> dict:
        """The report as plain values, ready for JSON."""
        usable = [photo for photo in self.photos if not photo.drop]
        return dataclasses.asdict(self) | {
            "photos": len(self.photos),
            "photos_per_class": dict(Counter(photo.label for photo in self.photos)),
            "usable": len(usable),
            "usable_per_class": dict(Counter(photo.label for photo in usable)),
            "usable_groups": len({photo.group for photo in usable}),
            "sizes": [{"width": w, "height": h, "photos": n} for (w, h), n in sorted(self.sizes.items())],
            "scene_groups": self.scene_groups(),
        }

    def to_text(self) -> str:
        """The report for people."""
        report, groups = self.to_dict(), self.scene_groups()
        usable = report["usable_per_class"]
        common = sorted(self.sizes.items(), key=lambda item: (-item[1], item[0]))[:3]
        mixed = [f"{link.first} ~ {link.second} (correlation {link.correlation:.2f})" for link in self.mixed_links]
        conflicts = [" = ".join(files) for files in self.label_conflicts]
        lines = [
            f"{len(self.photos)} photos in {self.directory}",
            *(f"  {label}: {count}, usable {usable.get(label, 0)}" for label, count in report["photos_per_class"].items()),
            f"Sizes: {len(self.sizes)}; most common {', '.join(f'{w}x{h} ({n})' for (w, h), n in common) or '-'}",
            *_section("Unreadable, dropped", self.unreadable.values()),
            *_section("Skipped, no photo by the suffix", [f"{suffix}: {n}" for suffix, n in self.skipped.items()]),
            *_section("Equal pixels, all but the first dropped", [" = ".join(files) for files in self.pixel_duplicates]),
            *_section("Label conflicts among equal or near identical photos, all dropped", conflicts),
            *_section("Same scene under different labels, kept: look at these", mixed),
            *_section(f"Groups of one scene ({sum(map(len, groups))} photos in them)", list(map(name_group, groups))),
            f"Usable: {report['usable']} photos in {report['usable_groups']} groups",
        ]
        return "\n".join(lines)

    def write_groups(self, path: str | Path) -> None:
        """Write the table that `folder.read_folder` reads: `file,label,group,drop`."""
        write_table(path, CheckedPhoto._fields, self.photos)


def check_folder(
    directory: str | Path,
    classes: Sequence[str] | None = None,
    progress: Progress = lambda *step: None,
    match_scenes: bool = True,
) -> FolderReport:
    """Decode every photo of a folder of class folders, and find duplicates, shared scenes and label conflicts.

    Arguments and errors are those of `folder.find_photos`; `progress` is told of every photo, in each step. Takes minutes for
    a thousand photos and hours for ten thousand, most of them in `duplicates.find_scene_pairs`, whose limits apply; without
    `match_scenes` that is left out, and copies with equal pixels alone are found.

    Example:
        >>> report = check_folder("photos")
        >>> print(report.to_text())
        >>> report.write_groups("photos/groups.csv")
    """
    directory = Path(directory)
    labels = {photo.file: photo.label for photo in find_photos(directory, classes)}
    unreadable, sizes, copies, by_pixels = {}, Counter(), {}, {}
    for done, file in enumerate(labels, 1):
        try:
            photo = decode_photo(directory / file, name=file)
        except PhotoError as error:
            unreadable[file] = str(error)
        else:
            sizes[photo.shape[1::-1]] += 1
            same = by_pixels.setdefault((photo.shape, hashlib.sha256(photo).digest()), [])
            if not same:
                copies[file] = to_comparison_copy(photo)
            same.append(file)
        progress("decoding", done, len(labels))

    copied = list(copies)
    pairs = find_scene_pairs(list(copies.values()), progress) if match_scenes else []
    links = [dataclasses.replace(pair, first=copied[pair.first], second=copied[pair.second]) for pair in pairs]
    equal = [(same[0], other) for same in by_pixels.values() for other in same[1:]]
    groups = connected_components(labels, [*equal, *((link.first, link.second) for link in links)])
    near_identical = [(link.first, link.second) for link in links if link.near_identical]
    alike = list_groups(connected_components(labels, equal + near_identical))
    label_conflicts = [same for same in alike if len({labels[file] for file in same}) > 1]

    drops = dict.fromkeys(unreadable, UNREADABLE)
    drops |= {other: PIXEL_DUPLICATE for _, other in equal}
    drops |= {file: LABEL_CONFLICT for same in label_conflicts for file in same}
    return FolderReport(
        directory=str(directory),
        photos=[CheckedPhoto(file, label, groups[file], drops.get(file, "")) for file, label in labels.items()],
        unreadable=unreadable,
        skipped=skipped_files(directory),
        sizes=dict(sizes),
        pixel_duplicates=[same for same in by_pixels.values() if len(same) > 1],
        links=links,
        alike=alike,
        label_conflicts=label_conflicts,
        mixed_links=[
            link for link in links if labels[link.first] != labels[link.second] and not {link.first, link.second} & drops.keys()
        ],
    )


def list_groups(groups: Mapping[str, int]) -> list[list[str]]:
    """Groups of two and more files, from the group number of each file."""
    members = defaultdict(list)
    for file, group in groups.items():
        members[group].append(file)
    return [files for files in members.values() if len(files) > 1]


def name_group(files: Sequence[str]) -> str:
    """A group in one line of a report."""
    return f"{len(files)}: {', '.join(files[:4])}{', ...' if len(files) > 4 else ''}"


def _section(title: str, entries: Collection[str]) -> list[str]:
    return [f"{title}: {len(entries)}", *(f"  {entry}" for entry in entries)]
