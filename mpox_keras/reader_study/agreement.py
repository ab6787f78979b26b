"""How far reviewers agree with each other, and with the network, on the sheets of `mpox_keras.reader_study.sheet`."""

from __future__ import annotations

import csv
import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from mpox_keras.evaluation.metrics import proportion
from mpox_keras.inference.prediction import DISCLAIMER, NOT_SURE
from mpox_keras.reader_study.sheet import COLUMNS, MAP_VERDICTS
from mpox_keras.reports.summary import photo_count
from mpox_keras.reports.summary import proportion as in_words
from mpox_keras.utils.errors import MpoxKerasError

_REQUIRED = ("reviewer", "photo", "sha256", "diagnosis", "map")
_QUESTIONS = ("diagnosis", "map")
_RESAMPLES = 2000


class ReviewError(MpoxKerasError, ValueError):
    """Tables of verdicts that can't be compared; the message says which and why."""


def read_reviews(paths: Iterable[str | os.PathLike]) -> dict[str, dict[str, dict[str, str]]]:
    """Read the tables that review sheets saved.

    Args:
        paths: CSV files, each of one or more reviewers; a reviewer may have several.

    Returns:
        Reviewer -> SHA-256 of the photo -> the row, a column to its text.

    Raises:
        ReviewError: a file is no such table, lacks a column or has one that no sheet has; a row has no reviewer, photo or
            diagnosis, or an unknown verdict of the map; one reviewer has two verdicts on one photo; two photos have one name.

    Example:
        >>> verdicts = read_reviews(["review_AB.csv", "review_CD.csv"])
    """
    verdicts, digests = {}, {}
    for path in paths:
        for number, row in _rows(Path(path)):
            place = f"{path}, line {number}"
            for column in ("reviewer", "photo", "sha256", "diagnosis"):
                if not row[column]:
                    raise ReviewError(f"{place} has no {column}. Save the table from the sheet again.")
            if row["map"] and row["map"] not in MAP_VERDICTS:
                raise ReviewError(f"{place} has the map verdict {row['map']!r}; expected one of {', '.join(MAP_VERDICTS)}.")
            if digests.setdefault(row["photo"], row["sha256"]) != row["sha256"]:
                raise ReviewError(
                    f"{place}: the photo {row['photo']} is another one than in an earlier row (its SHA-256 differs). "
                    "Compare reviews of one sheet only."
                )
            given = verdicts.setdefault(row["reviewer"], {})
            earlier = given.setdefault(row["sha256"], row)
            for question in _QUESTIONS:
                # A table saved before the review was finished lacks some verdicts on maps.
                earlier[question] = earlier[question] or row[question]
                if row[question] and row[question] != earlier[question]:
                    raise ReviewError(
                        f"{place}: {row['reviewer']} gave {row['photo']} the {question} {row[question]!r} here and "
                        f"{earlier[question]!r} in an earlier row. Keep one, or give two reviewers two names."
                    )
    return verdicts


def _rows(path):
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.DictReader(stream)
            columns = reader.fieldnames or []
            missing, unknown = [name for name in _REQUIRED if name not in columns], [n for n in columns if n not in COLUMNS]
            if missing or unknown:
                found = f"lacks the column {missing[0]!r}" if missing else f"has the unknown column {unknown[0]!r}"
                raise ReviewError(f"{path} {found}. Expected {', '.join(COLUMNS)}, with commas, as a sheet saves them.")
            return [(reader.line_num, {name: (value or "").strip() for name, value in row.items() if name}) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReviewError(f"{path} is no CSV table in UTF-8: {error}. Save it from the sheet again.") from None


def measure_agreement(verdicts: dict[str, dict[str, dict[str, str]]]) -> dict:
    """Agreement beyond chance on diagnoses and on where the maps lie.

    Cohen's kappa (Cohen 1960, doi 10.1177/001316446002000104) for each pair of reviewers over the photos that both evaluated;
    Fleiss' kappa (Fleiss 1971, doi 10.1037/h0031619) over the photos that all evaluated. Intervals of kappa are the 2.5th and
    97.5th percentile over 2000 draws with replacement, those of proportions Wilson's; both take photos as independent.

    Args:
        verdicts: of `read_reviews`.

    Returns:
        `reviewers`, and for `diagnosis` and `map`: `photos`, how many all reviewers evaluated; `fleiss_kappa`; `all_agree`, share
        of these photos; and `pairs`, each with `reviewers`, `photos`, `agreement` and `cohen_kappa`. `network` compares each
        `reviewer` like a pair with the network's answers, where the tables have them and the network was sure. Each figure has
        its `_interval`; one that is undefined, as kappa is where all verdicts are the same, is None.

    Raises:
        ReviewError: there are fewer than two reviewers, or no two of them evaluated one photo.

    Example:
        >>> measure_agreement(read_reviews(["review_AB.csv", "review_CD.csv"]))["diagnosis"]["fleiss_kappa"]
        0.71
    """
    reviewers = sorted(verdicts)
    if len(reviewers) < 2:
        found = f"only {reviewers[0]!r}" if reviewers else "none"
        raise ReviewError(f"agreement needs two reviewers or more, and the tables have {found}.")
    results = {"reviewers": reviewers}
    for question in _QUESTIONS:
        given = {
            name: {digest: row[question] for digest, row in of_reviewer.items() if row[question]}
            for name, of_reviewer in verdicts.items()
        }
        pairs = [
            {"reviewers": [first, second], **_pair(given[first], given[second])}
            for first, second in itertools.combinations(reviewers, 2)
        ]
        if question == "diagnosis" and not any(pair["photos"] for pair in pairs):
            raise ReviewError(f"{', '.join(reviewers)} have no photo in common. Compare reviews of one sheet.")
        common = sorted(set.intersection(*(set(of_reviewer) for of_reviewer in given.values())))
        ratings = [[given[name][digest] for name in reviewers] for digest in common]
        agreeing = sum(len(set(row)) == 1 for row in ratings)
        results[question] = {
            "photos": len(common),
            **proportion("all_agree", agreeing, len(common)),
            **_with_interval("fleiss_kappa", fleiss_kappa, _counts(ratings)),
            "pairs": pairs,
        }
    results["network"] = []
    for name in reviewers:
        rows = {digest: row for digest, row in verdicts[name].items() if row.get("answer") not in (None, "", NOT_SURE)}
        if rows:
            diagnoses, answers = ({digest: row[column] for digest, row in rows.items()} for column in ("diagnosis", "answer"))
            results["network"].append({"reviewer": name, **_pair(diagnoses, answers)})
    return results


def fleiss_kappa(counts: np.ndarray) -> float | None:
    """Agreement of several raters beyond chance (Fleiss 1971).

    Args:
        counts: how many raters put each photo into each category, int `(photos, categories)`; every row has the same sum.

    Returns:
        At most 1, 0 for agreement by chance; None without photos, or where only one category was ever used.

    Example:
        >>> fleiss_kappa(np.array([[2, 0], [0, 2]]))
        1.0
    """
    if not len(counts):
        return None
    raters = counts[0].sum()
    observed = ((counts**2).sum(axis=1) - raters).mean() / (raters * (raters - 1))
    expected = ((counts.sum(axis=0) / counts.sum()) ** 2).sum()
    return float((observed - expected) / (1 - expected)) if expected < 1 else None


def _counts(ratings: Sequence[Sequence[str]]) -> np.ndarray:
    """How often each photo was put into each category."""
    categories = sorted({value for row in ratings for value in row})
    return np.array([[row.count(category) for category in categories] for row in ratings], int)


def _pair(first, second):
    """Agreement of two raters, each a photo's digest -> verdict, over the photos of both."""
    common = sorted(first.keys() & second.keys())
    values = [[of_rater[digest] for digest in common] for of_rater in (first, second)]
    agreeing = sum(one == other for one, other in zip(*values, strict=True))
    found = {"photos": len(common), **proportion("agreement", agreeing, len(common)), "cohen_kappa": None}
    found["cohen_kappa_interval"] = None
    if len({*values[0], *values[1]}) > 1:
        found["cohen_kappa"] = float(cohen_kappa_score(*values))
        table = confusion_matrix(*values)
        draws = np.random.default_rng(0).multinomial(len(common), table.ravel() / len(common), _RESAMPLES)
        found["cohen_kappa_interval"] = _percentiles([_cohen_kappa(draw.reshape(table.shape)) for draw in draws])
    return found


def _cohen_kappa(table):
    """From a confusion matrix; scikit-learn's is slow for thousands of draws."""
    shares = table / table.sum()
    expected = shares.sum(axis=0) @ shares.sum(axis=1)
    return (np.trace(shares) - expected) / (1 - expected) if expected < 1 else None


def _with_interval(name, kappa, counts):
    """A figure of photos' rows under a name, and its bootstrap interval."""
    random = np.random.default_rng(0)
    draws = [kappa(counts[random.integers(0, len(counts), len(counts))]) for _ in range(_RESAMPLES)] if len(counts) else []
    value = kappa(counts)
    return {name: value, f"{name}_interval": None if value is None else _percentiles(draws)}


def _percentiles(draws):
    # A draw in which every verdict is the same has no kappa.
    defined = [draw for draw in draws if draw is not None]
    return np.percentile(defined, [2.5, 97.5]).tolist() if defined else None


def format_agreement(results: dict) -> str:
    """Figures of `measure_agreement` as plain text.

    Example:
        >>> print(format_agreement(results))
        diagnosis: all 3 reviewers agree on 81.0 % (60.0 to 92.3) of 21 photos, Fleiss' kappa 0.74 (0.52 to 0.92)
        ...
    """
    lines = []
    for question in _QUESTIONS:
        of_question = results[question]
        lines.append(
            f"{question}: all {len(results['reviewers'])} reviewers agree on {in_words(of_question, 'all_agree')} of "
            f"{photo_count(of_question['photos'])}, Fleiss' kappa {_kappa(of_question, 'fleiss_kappa')}"
        )
        lines += [f"  {' and '.join(pair['reviewers'])}: {_pair_in_words(pair)}" for pair in of_question["pairs"]]
    if results["network"]:
        lines.append("diagnosis and the network's answer, where it was sure:")
        lines += [f"  {pair['reviewer']}: {_pair_in_words(pair)}" for pair in results["network"]]
    return "\n".join([*lines, "", f"In brackets: 95 % intervals; they take photos as independent. {DISCLAIMER}"])


def _pair_in_words(pair):
    kappa = _kappa(pair, "cohen_kappa")
    return f"{in_words(pair, 'agreement')} of {photo_count(pair['photos'])}, Cohen's kappa {kappa}"


def _kappa(figures, name):
    if figures[name] is None:
        return "-"
    low, high = figures[f"{name}_interval"]
    return f"{figures[name]:.2f} ({low:.2f} to {high:.2f})"
