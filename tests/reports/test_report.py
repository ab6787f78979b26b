"""The report tells the figures of the results, safely and in one file."""

import html.parser
import json
import re

import numpy as np
import pytest

from mpox_keras.evaluation.external import evaluate_mpox_against_other_rashes
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.evaluation.thresholds import choose_thresholds
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.reports.evaluate import write_report
from mpox_keras.reports.summary import format_summary

CLASSES = ["mpox", "chickenpox", "measles", "normal"]
ATTACK = "<script>alert('\"')</script>"


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.links, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.links += [value for name, value in attributes if name in ("src", "href", "xlink:href", "srcset")]

    def handle_data(self, data):
        self.text += data + "\n"


@pytest.fixture
def predictions():
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 4
    logits = generator.normal(size=(60, 4)) + 2 * np.eye(4)[labels]
    probabilities = np.exp(logits)
    return labels, probabilities / probabilities.sum(axis=1, keepdims=True)


def write(directory, predictions, classes=CLASSES, **options):
    labels, probabilities = predictions
    metadata = {"stage": [ATTACK, ""] * 30, "source": [""] * 60}
    results = evaluate_predictions(labels, probabilities, classes, folds=np.arange(60) % 5, metadata=metadata)
    options = {"title": "Title", "protocol": "five grouped folds, out-of-fold"} | options
    path = write_report(directory, results, labels, probabilities, **options)
    return results, path.read_text(encoding="utf-8")


def test_page_states_purpose_protocol_and_figures(tmp_path, predictions):
    results, text = write(tmp_path, predictions)
    page = Page(text)
    assert DISCLAIMER in page.text
    assert "five grouped folds, out-of-fold" in page.text
    assert f"{100 * results['accuracy']:.1f}" in page.text
    low, high = results["per_class"]["mpox"]["recall_interval"]
    assert f"{100 * low:.1f} to {100 * high:.1f}" in page.text
    assert "not recorded" in page.text
    assert page.tags.count("svg") == 3


def headings(text):
    return re.findall("<h2>(.+?)</h2>", text)


def test_sections_without_results_are_left_out(tmp_path, predictions):
    labels, probabilities = predictions
    folds, ood_score = np.arange(60) % 5, np.linspace(0, 1, 60)
    results = evaluate_predictions(labels, probabilities, CLASSES, metadata={"source": [""] * 60})
    write_report(tmp_path / "few", results, labels, probabilities, title="Title", protocol="none")
    few = headings((tmp_path / "few" / "report.html").read_text())
    assert few == ["Each class against the rest", "Rash classes only", "Plots", "How to read the figures"]

    results |= {
        "breakdown": evaluate_predictions(labels, probabilities, CLASSES, metadata={"stage": ["early"] * 60})["breakdown"],
        "thresholds": choose_thresholds(labels, probabilities, folds, ood_score, CLASSES),
        "external": evaluate_mpox_against_other_rashes(labels == 0, probabilities, CLASSES, [""] * 60),
        "external_auc": 0.712,
    }
    options = {"files": ["photo.png"] * 60, "pictures": [("one", np.zeros((4, 4, 3), np.uint8))]}
    write_report(tmp_path / "all", results, labels, probabilities, title="Title", protocol="none", **options)
    text = (tmp_path / "all" / "report.html").read_text()
    assert headings(text) == [
        "Photos",
        *few[:3],
        "External validation",
        "Thresholds",
        "Breakdown by metadata",
        "Misclassified photos",
        few[3],
    ]
    page = Page(text)
    assert "0.712" in page.text
    text = " ".join(page.text.split())
    for point in results["thresholds"]["operating_points"].values():
        assert f"{point['threshold']:.3f}" in text
        assert f"no alarm at measles {100 * point['no_alarm']['measles']['share']:.1f}" in text
    low, high = results["external"]["auc_per_patient_interval"]
    assert f"{low:.3f} to {high:.3f}" in page.text


def test_results_file_holds_the_results(tmp_path, predictions):
    results, _ = write(tmp_path, predictions, title="Title")
    written = json.loads((tmp_path / "results.json").read_text())
    assert written == {**results, "title": "Title", "protocol": "five grouped folds, out-of-fold"}


def test_page_is_self_contained(tmp_path, predictions):
    picture = np.full((300, 100, 3), 7, np.uint8)
    _, text = write(tmp_path, predictions, pictures=[("one", picture)])
    page = Page(text)
    assert any(link.startswith("data:image/png") for link in page.links)
    assert all(link.startswith(("#", "data:")) for link in page.links)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert not re.search(r"@import|url\((?!#)", text)


def test_every_text_is_escaped(tmp_path, predictions):
    picture = (ATTACK, np.zeros((4, 4, 3), np.uint8))
    _, text = write(
        tmp_path,
        predictions,
        classes=[ATTACK, *CLASSES[1:]],
        title=ATTACK,
        protocol=ATTACK,
        description=ATTACK,
        files=[ATTACK] * 60,
        pictures=[picture],
    )
    page = Page(text)
    assert "script" not in page.tags
    assert page.text.count(ATTACK) > 8


def test_misclassified_photos_come_with_the_most_wrong_first(tmp_path, predictions):
    labels, probabilities = predictions
    files = [f"photo_{index}.png" for index in range(60)]
    _, text = write(tmp_path, predictions, files=files)
    of_true_class = probabilities[np.arange(60), labels]
    wrong = [index for index in np.argsort(of_true_class) if probabilities[index].argmax() != labels[index]]
    assert re.findall(r"photo_\d+\.png", text) == [files[index] for index in wrong[:20]]


def test_undefined_figures_are_dashes():
    results = evaluate_predictions([0, 0], [[0.9, 0.1], [0.8, 0.2]], ["mpox", "normal"])
    row = format_summary(results).splitlines()[4]
    assert row.split()[:2] == ["normal", "-"]


def test_summary_is_aligned_and_tells_the_headline(predictions):
    labels, probabilities = predictions
    results = evaluate_predictions(labels, probabilities, CLASSES, folds=np.arange(60) % 5)
    lines = format_summary(results).splitlines()
    low, high = results["accuracy_interval"]
    assert lines[0].startswith(f"accuracy {100 * results['accuracy']:.1f} % ({100 * low:.1f} to {100 * high:.1f})")
    assert f"± {100 * results['accuracy_sd']:.1f}" in lines[0]
    table = lines[3:8]
    assert [row.split()[0] for row in table] == ["class", *CLASSES]
    assert len({len(row) for row in table}) == 1
    assert DISCLAIMER in lines[-1]
