"""Agreement of reviewers: published examples, and tables that can't be compared."""

import json
import subprocess
import sys

import numpy as np
import pytest
from click.testing import CliRunner
from sklearn.metrics import cohen_kappa_score

from mpox_keras.cli import main
from mpox_keras.reader_study.agreement import ReviewError, cohen_kappa, fleiss_kappa, measure_agreement, read_reviews

HEADER = "reviewer,photo,sha256,diagnosis,map,comment,seconds,answer,method,explained"


def row(reviewer, number, diagnosis, map="partly", answer="mpox"):
    return f"{reviewer},photo{number}.jpg,sha{number},{diagnosis},{map},,3.0,{answer},lime,mpox"


def write(path, *rows, header=HEADER):
    path.write_text("\n".join([header, *rows, ""]), encoding="utf-8-sig")
    return path


def test_fleiss_kappa_of_the_published_example():
    # Fourteen raters, ten subjects, five categories: https://en.wikipedia.org/wiki/Fleiss%27_kappa
    counts = [
        *([0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1]),
        *([7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7]),
    ]
    assert fleiss_kappa(np.array(counts)) == pytest.approx(0.210, abs=5e-4)
    assert fleiss_kappa(np.array([[3, 0], [3, 0]])) is None


@pytest.fixture
def two(tmp_path):
    """Fifty photos: both say mpox to 20, both normal to 15, and they differ on 5 and on 10 (kappa 0.4, Cohen's own example)."""
    pairs = [("mpox", "mpox")] * 20 + [("mpox", "normal")] * 5 + [("normal", "mpox")] * 10 + [("normal", "normal")] * 15
    first = write(tmp_path / "ab.csv", *(row("AB", n, one) for n, (one, _) in enumerate(pairs)))
    answers = ["not sure"] * 10 + ["mpox"] * 40
    second = write(tmp_path / "cd.csv", *(row("CD", n, pairs[n][1], answer=answers[n]) for n in range(50)))
    return first, second


def test_two_reviewers(two):
    results = measure_agreement(read_reviews(two))
    assert results["reviewers"] == ["AB", "CD"]
    diagnosis = results["diagnosis"]
    (pair,) = diagnosis["pairs"]
    assert (pair["photos"], pair["agreement"]) == (50, 0.7)
    assert pair["cohen_kappa"] == pytest.approx(0.4)
    # The standard error of kappa is 0.13 here (Cohen 1960, equation 7), so 1.96 of it is about a quarter.
    low, high = pair["cohen_kappa_interval"]
    assert low == pytest.approx(0.4 - 0.25, abs=0.04)
    assert high == pytest.approx(0.4 + 0.25, abs=0.04)
    # Of two raters, with 55 and 45 of 100 ratings: (0.7 - 0.505) / (1 - 0.505).
    assert diagnosis["fleiss_kappa"] == pytest.approx(0.195 / 0.495)
    assert diagnosis["fleiss_kappa_interval"][0] < diagnosis["fleiss_kappa"] < diagnosis["fleiss_kappa_interval"][1]
    assert results["map"]["all_agree"] == 1
    assert results["map"]["fleiss_kappa"] is None
    network = {entry["reviewer"]: entry for entry in results["network"]}
    assert (network["AB"]["photos"], network["AB"]["agreement"]) == (50, 0.5)
    # Not where the network was not sure: of the other forty, CD calls twenty mpox.
    assert (network["CD"]["photos"], network["CD"]["agreement"]) == (40, 0.5)


def test_cohens_kappa_is_that_of_scikit_learn():
    ratings = np.random.default_rng(0).integers(0, 4, (60, 2))
    assert cohen_kappa(ratings) == pytest.approx(cohen_kappa_score(*ratings.T))
    assert cohen_kappa(np.array([[1, 1], [1, 1]])) is None


def test_photos_that_not_all_rated_count_for_their_pairs(two, tmp_path):
    third = write(tmp_path / "ef.csv", row("EF", 0, "mpox", ""), row("EF", 1, "normal", ""), row("EF", 99, "mpox"))
    results = measure_agreement(read_reviews([*two, third]))
    assert results["diagnosis"]["photos"] == 2
    assert [pair["photos"] for pair in results["diagnosis"]["pairs"]] == [50, 2, 2]
    assert results["map"]["photos"] == 0
    assert results["map"]["fleiss_kappa"] is None


def test_a_later_table_of_the_same_reviewer_completes_the_first(tmp_path):
    first = write(tmp_path / "early.csv", row("AB", 0, "mpox", ""))
    reviews = read_reviews([first, write(tmp_path / "late.csv", row("AB", 0, "mpox", "partly"))])
    assert reviews["AB"]["sha0"]["map"] == "partly"


@pytest.mark.parametrize(
    ("tables", "message"),
    [
        ([(row("AB", 0, "mpox"),)], "needs two reviewers or more, and the tables have only 'AB'"),
        ([(row("AB", 0, "mpox"),), (row("CD", 1, "mpox"),)], "AB, CD have no photo in common"),
        (
            [(row("AB", 0, "mpox"),), (row("AB", 0, "normal"),)],
            r"1\.csv, line 2: AB gave photo0\.jpg the diagnosis 'normal'",
        ),
        (
            [(row("AB", 0, "mpox"),), (row("CD", 0, "mpox").replace("sha0", "sha9"),)],
            r"photo0\.jpg is not the photo of that name",
        ),
        ([(row("AB", 0, "mpox", "everywhere"),)], "rates the map as 'everywhere'; expected one of on the lesion"),
        ([(row("", 0, "mpox"),)], r"0\.csv, line 2 has no reviewer"),
    ],
)
def test_tables_that_cannot_be_compared_are_told(tmp_path, tables, message):
    paths = [write(tmp_path / f"{number}.csv", *rows) for number, rows in enumerate(tables)]
    with pytest.raises(ReviewError, match=message):
        measure_agreement(read_reviews(paths))


def test_other_files_are_told(tmp_path):
    with pytest.raises(ReviewError, match="lacks the column 'map'"):
        read_reviews([write(tmp_path / "a.csv", header="reviewer,photo,sha256,diagnosis")])
    with pytest.raises(ReviewError, match="has the unknown column 'certainty'"):
        read_reviews([write(tmp_path / "b.csv", header=f"{HEADER},certainty")])
    (tmp_path / "c.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReviewError, match=r"c\.csv is no CSV table in UTF-8"):
        read_reviews([tmp_path / "c.csv"])


def test_the_figures_need_neither_tensorflow_nor_scipy():
    """Or the command would keep reviewers waiting for seconds."""
    script = "import sys, mpox_keras.cli, mpox_keras.reader_study.agreement; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert not {"tensorflow", "keras", "sklearn", "scipy", "matplotlib"} & set(loaded)


def test_the_command_prints_figures(two, tmp_path):
    result = CliRunner().invoke(main, ["agreement", *map(str, two)])
    assert result.exit_code == 0, result.output
    assert "AB and CD: 70.0 % (56.2 to 80.9) of 50 photos, Cohen's kappa 0.40" in result.stdout
    result = CliRunner().invoke(main, ["agreement", *map(str, two), "--json"])
    assert json.loads(result.stdout)["diagnosis"]["photos"] == 50
    result = CliRunner().invoke(main, ["agreement", str(tmp_path / "nowhere.csv")])
    assert result.exit_code == 2
    assert "nowhere.csv" in result.stderr
