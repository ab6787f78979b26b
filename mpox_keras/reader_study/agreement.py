"""How far reviewers agree with each other, and with the network, by the tables that review sheets save."""

import csv
import itertools
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mpox_keras.evaluation.intervals import bootstrap_interval, proportion
from mpox_keras.inference.prediction import DISCLAIMER, NOT_SURE
from mpox_keras.reports.summary import photo_count
from mpox_keras.reports.summary import proportion as proportion_in_words
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


def measure_agreement(reviews: dict[str, dict[str, dict[str, str]]]) -> dict:
    """Agreement beyond chance on diagnoses and on where the maps lie.

    Cohen's kappa (Cohen 1960, doi 10.1177/001316446002000104) for each pair of reviewers over the photos that both rated;
    Fleiss' kappa (Fleiss 1971, doi 10.1037/h0031619) over the photos that all rated. Intervals are 95 %: of kappa by
    bootstrap, of proportions Wilson's; both take photos as independent. Reviews are those of `read_reviews`.

    Returns:
        `reviewers`, and for `diagnosis` and `map`: `photos`, how many all reviewers rated; `fleiss_kappa`; `all_agree`, share
        of these photos; and `pairs`, each with `reviewers`, `photos`, `agreement` and `cohen_kappa`. `network` compares each
        `reviewer` like a pair with the network's answers, where the tables have them and the network was sure. Each figure has
        its `_interval`; one that is undefined, as kappa is where all ratings are the same, is None.

    Raises:
        ReviewError: there are fewer than two reviewers, or no two of them rated one photo.

    Example:
        >>> measure_agreement(read_reviews(["review_AB.csv", "review_CD.csv"]))["diagnosis"]["fleiss_kappa"]
        0.71
    """
    reviewers = sorted(reviews)
    if len(reviewers) < 2:
        found = f"only {reviewers[0]!r}" if reviewers else "none"
        raise ReviewError(f"agreement needs two reviewers or more, and the tables have {found}.")
    results = {"reviewers": reviewers}
    for question in QUESTIONS:
        given = {name: _column(reviews[name], question) for name in reviewers}
        pairs = [{"reviewers": [a, b], **_pair(given[a], given[b])} for a, b in itertools.combinations(reviewers, 2)]
        if question == "diagnosis" and not any(pair["photos"] for pair in pairs):
            raise ReviewError(f"{', '.join(reviewers)} have no photo in common. Compare reviews of one sheet.")
        ratings = _common(*given.values())
        # How often each photo was put into each category.
        counts = (ratings[..., None] == np.arange(ratings.max(initial=-1) + 1)).sum(axis=1)
        results[question] = {
            "photos": len(counts),
            **proportion("all_agree", (counts == len(reviewers)).sum(), len(counts)),
            **_with_interval("fleiss_kappa", fleiss_kappa, counts),
            "pairs": pairs,
        }
    results["network"] = []
    for name in reviewers:
        answers = {digest: answer for digest, answer in _column(reviews[name], "answer").items() if answer != NOT_SURE}
        if answers:
            results["network"].append({"reviewer": name, **_pair(_column(reviews[name], "diagnosis"), answers)})
    return results


def fleiss_kappa(counts: np.ndarray) -> float | None:
    """Agreement of several raters beyond chance (Fleiss 1971): at most 1, and 0 for agreement by chance.

    Counts are how many raters put each photo into each category, int `(photos, categories)`; every row has the same sum.
    None without photos, or where only one category was ever used.
    """
    if not len(counts):
        return None
    raters = counts[0].sum()
    observed = ((counts**2).sum(axis=1) - raters).mean() / (raters * (raters - 1))
    return _chance_corrected(observed, ((counts.sum(axis=0) / counts.sum()) ** 2).sum())


def cohen_kappa(ratings: np.ndarray) -> float | None:
    """Agreement of two raters beyond chance (Cohen 1960), like `fleiss_kappa`; ratings are categories, int `(photos, 2)`."""
    if not len(ratings):
        return None
    first, second = (np.bincount(of_rater, minlength=ratings.max() + 1) / len(ratings) for of_rater in ratings.T)
    return _chance_corrected((ratings[:, 0] == ratings[:, 1]).mean(), first @ second)


def _chance_corrected(observed, expected):
    return float((observed - expected) / (1 - expected)) if expected < 1 else None


def _column(rows, name):
    """A photo's digest -> what its row has in a column, where it has something."""
    return {digest: row[name] for digest, row in rows.items() if row.get(name)}


def _common(*raters):
    """The ratings of the photos that all raters rated, as numbers of categories: `(photos, raters)`."""
    digests = sorted(set.intersection(*map(set, raters)))
    ratings = np.array([[rater[digest] for rater in raters] for digest in digests]).reshape(-1, len(raters))
    return np.unique(ratings, return_inverse=True)[1].reshape(ratings.shape)


def _pair(first, second):
    """Agreement of two raters, each a photo's digest -> rating, over the photos of both."""
    ratings = _common(first, second)
    return {
        "photos": len(ratings),
        **proportion("agreement", (ratings[:, 0] == ratings[:, 1]).sum(), len(ratings)),
        **_with_interval("cohen_kappa", cohen_kappa, ratings),
    }


def _with_interval(name, kappa, ratings):
    """A figure of photos' rows under a name, and its interval."""
    value = kappa(ratings)
    interval = None if value is None else bootstrap_interval(lambda drawn: kappa(ratings[drawn]), len(ratings))
    return {name: value, f"{name}_interval": interval}


def format_agreement(results: dict) -> str:
    """Figures of `measure_agreement` as plain text."""
    lines = []
    for question in QUESTIONS:
        figures = _in_words(results[question], "all_agree", "Fleiss' kappa", "fleiss_kappa")
        lines.append(f"{question}: all {len(results['reviewers'])} reviewers agree on {figures}")
        lines += [f"  {' and '.join(pair['reviewers'])}: {_in_words(pair)}" for pair in results[question]["pairs"]]
    if results["network"]:
        lines.append("diagnosis and the network's answer, where it was sure:")
        lines += [f"  {pair['reviewer']}: {_in_words(pair)}" for pair in results["network"]]
    return "\n".join([*lines, "", f"In brackets: 95 % intervals; they take photos as independent. {DISCLAIMER}"])


def _in_words(figures, share="agreement", kappa="Cohen's kappa", key="cohen_kappa"):
    value = "-"
    if figures[key] is not None:
        low, high = figures[f"{key}_interval"]
        value = f"{figures[key]:.2f} ({low:.2f} to {high:.2f})"
    return f"{proportion_in_words(figures, share)} of {photo_count(figures['photos'])}, {kappa} {value}"
