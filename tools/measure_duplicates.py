"""Measure how well `mpox-keras data check` finds photos of one scene, against an audit made by people.

    python tools/measure_duplicates.py --data msid --audit msid/audit.csv --set-aside 115 \
        --out configs/results/duplicates_msid.json

The truth are all pairs of photos that share a group of the audit. "grouped" compares them with all pairs that share a
group of the check, which is what splits use; "direct" with the pairs confirmed by matching before they are joined into
groups. An audit errs too: `disagreements` lists every group in which the two differ, to be evaluated by eye, and
`--set-aside` gives the figures also without the groups of the audit that such a look has refuted.
"""

from __future__ import annotations

import itertools
import json
import os
import platform
import time
from collections import defaultdict
from pathlib import Path

import click
import cv2
import numpy as np
import PIL

from mpox_keras.curation.check import FolderReport, check_folder
from mpox_keras.data.folder import class_of_folder, read_table
from mpox_keras.utils.files import replacing

Pair = frozenset


def pairs_of_groups(groups: dict[str, str | int]) -> set[Pair]:
    """All pairs of files that share a group."""
    return {Pair(pair) for files in members(groups) for pair in itertools.combinations(files, 2)}


def members(groups: dict[str, str | int]) -> list[list[str]]:
    """The files of each group."""
    files_of = defaultdict(list)
    for file, group in groups.items():
        files_of[group].append(file)
    return list(files_of.values())


def compare(found: set[Pair], truth: set[Pair]) -> dict:
    """Counts, precision and recall of pairs."""
    correct = len(found & truth)
    return {
        "true_pairs": len(truth),
        "found_pairs": len(found),
        "correct_pairs": correct,
        "precision": round(correct / len(found), 4) if found else None,
        "recall": round(correct / len(truth), 4) if truth else None,
    }


def disagreements(audit: dict[str, str], found: dict[str, int]) -> dict[str, list]:
    """Groups of the audit that the check splits, and groups of the check that join several of the audit."""

    def parts(files, groups):
        return members({file: groups[file] for file in files})

    return {
        "split": [parts(files, found) for files in members(audit) if len({found[file] for file in files}) > 1],
        "joined": [parts(files, audit) for files in members(found) if len({audit[file] for file in files}) > 1],
    }


def measure(report: FolderReport, audit: dict[str, dict[str, str]], set_aside: tuple[str, ...]) -> dict:
    """The figures of a report against the audit's rows."""
    truth_groups = {file: row["group"] for file, row in audit.items()}
    found_groups = {photo.file: photo.group for photo in report.photos}
    if truth_groups.keys() != found_groups.keys():
        differing = sorted(truth_groups.keys() ^ found_groups.keys())
        raise click.ClickException(f"The audit and the folder list different photos, such as {differing[0]}.")
    missing = set(set_aside) - set(truth_groups.values())
    if missing:
        raise click.ClickException(f"The audit has no group {', '.join(sorted(missing))} to set aside.")

    truth, grouped = pairs_of_groups(truth_groups), pairs_of_groups(found_groups)
    direct = {Pair((link.first, link.second)) for link in report.links}
    direct |= {Pair(pair) for same in report.pixel_duplicates for pair in itertools.combinations(same, 2)}

    def figures(keep):
        kept_truth = {pair for pair in truth if keep(pair)}
        return {
            "grouped": compare({pair for pair in grouped if keep(pair)}, kept_truth),
            "direct": compare({pair for pair in direct if keep(pair)}, kept_truth),
        }

    labels = {photo.file: photo.label for photo in report.photos}
    without = {group: sum(value == group for value in truth_groups.values()) for group in set_aside}
    return {
        "all": figures(lambda pair: True),
        "without_groups_set_aside": {
            "photos_by_group": without,
            **figures(lambda pair: not any(truth_groups[file] in set_aside for file in pair)),
        },
        "pairs_with_a_photo_of": {
            label: figures(lambda pair, label=label: any(labels[file] == label for file in pair))
            for label in sorted(set(labels.values()))
        },
        "disagreements": disagreements(truth_groups, found_groups),
        "label_conflicts": report.label_conflicts,
        "mixed_links": [[link.first, link.second] for link in report.mixed_links],
    }


@click.command()
@click.option("--data", type=click.Path(exists=True, file_okay=False), required=True, help="Folder of class folders.")
@click.option("--audit", type=click.Path(exists=True, dir_okay=False), required=True, help="Table: file, group.")
@click.option("--set-aside", multiple=True, help="Group of the audit to leave out of a second set of figures.")
@click.option("--out", type=click.Path(dir_okay=False), required=True, help="JSON file to write.")
def main(data, audit, set_aside, out):
    """Measure the check of DATA against AUDIT."""
    rows = read_table(Path(audit), "group")
    classes = {class_of_folder(path.name) for path in Path(data).iterdir() if path.is_dir()}

    def progress(step, done, total):
        if done == total or done % 100 == 0:
            click.echo(f"{step}: {done}/{total}", err=True)

    started = time.perf_counter()
    report = check_folder(data, sorted(classes), progress)
    seconds = time.perf_counter() - started
    result = {
        "photos": len(report.photos),
        "seconds": round(seconds, 1),
        "cpu_cores": os.cpu_count(),
        "versions": {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "opencv": cv2.__version__,
            "pillow": PIL.__version__,
        },
        **measure(report, rows, set_aside),
    }
    with replacing(out) as temporary:
        temporary.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for name in ("all", "without_groups_set_aside"):
        click.echo(f"{name}: {json.dumps(result[name])}")


if __name__ == "__main__":
    main()
