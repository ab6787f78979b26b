"""The tables that review sheets save, one row for each photo that a reviewer rated."""

import csv
import os
from collections.abc import Iterable
from pathlib import Path

from mpox_keras.utils.errors import MpoxKerasError

COLUMNS = ("reviewer", "photo", "sha256", "diagnosis", "map", "comment", "seconds", "answer", "method", "explained")
QUESTIONS = ("diagnosis", "map")  # The columns with what a reviewer was asked for; "map" says where the heat map lies.
MAP_RATINGS = ("on the lesion", "partly", "off the lesion", "cannot tell")
_REQUIRED = ("reviewer", "photo", "sha256", "diagnosis")


class ReviewError(MpoxKerasError, ValueError):
    """Tables of ratings that can't be compared; the message says which and why."""


def read_reviews(paths: Iterable[str | os.PathLike]) -> dict[str, dict[str, dict[str, str]]]:
    """Read the tables that review sheets saved, CSV files. One may be of several reviewers, and a reviewer may have several.

    Returns:
        Reviewer -> SHA-256 of the photo -> the row, a column to its text.

    Raises:
        ReviewError: a file is no such table, lacks a column or has one that no sheet has; a row has no reviewer, photo or
            diagnosis, or an unknown rating of the map; one reviewer rated one photo in two ways; two photos have one name.

    Example:
        >>> reviews = read_reviews(["review_AB.csv", "review_CD.csv"])
    """
    reviews, digests = {}, {}
    for path in paths:
        for number, row in _rows(Path(path)):
            place = f"{path}, line {number}"
            for column in _REQUIRED:
                if not row[column]:
                    raise ReviewError(f"{place} has no {column}. Save the table from the sheet again.")
            if row["map"] and row["map"] not in MAP_RATINGS:
                raise ReviewError(f"{place} rates the map as {row['map']!r}; expected one of {', '.join(MAP_RATINGS)}.")
            if digests.setdefault(row["photo"], row["sha256"]) != row["sha256"]:
                raise ReviewError(
                    f"{place}: {row['photo']} is not the photo of that name in an earlier row (its SHA-256 differs). "
                    "Compare reviews of one sheet only."
                )
            earlier = reviews.setdefault(row["reviewer"], {}).setdefault(row["sha256"], row)
            for question in QUESTIONS:
                # A table saved before the review was finished lacks the ratings of some maps.
                earlier[question] = earlier[question] or row[question]
                if row[question] and row[question] != earlier[question]:
                    raise ReviewError(
                        f"{place}: {row['reviewer']} gave {row['photo']} the {question} {row[question]!r} here and "
                        f"{earlier[question]!r} in an earlier row. Keep one, or give two reviewers two names."
                    )
    return reviews


def _rows(path):
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            found = [f"lacks the column {name!r}" for name in (*_REQUIRED, "map") if name not in columns]
            found += [f"has the unknown column {name!r}" for name in columns if name not in COLUMNS]
            if found:
                raise ReviewError(f"{path} {found[0]}. Expected {', '.join(COLUMNS)}, with commas, as a sheet saves them.")
            return [(reader.line_num, {name: (value or "").strip() for name, value in row.items() if name}) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReviewError(f"{path} is no CSV table in UTF-8: {error}. Save it from the sheet again.") from None
