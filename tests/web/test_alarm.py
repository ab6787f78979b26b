"""The alarm for mpox at the recall that a person chooses, and the answer that it is another skin condition."""

import pytest
from web_app import predicted, resealed, serving

from mpox_keras.data.decode import decode_photo

FIGURES = {
    "0.9": {"recall": 0.91, "no_alarm": {"other": {"share": 0.87}}},
    "0.95": {"recall": 0.96, "no_alarm": {"other": {"share": 0.74}}},
}


@pytest.fixture(scope="module")
def thresholds(classifier, drawn):
    """Recall -> a threshold for the drawn skin, over its p(mpox) and under it, once its answer is called `other`."""
    prediction, _ = predicted(classifier, decode_photo(drawn))
    mpox = prediction.probabilities["other" if prediction.label == "mpox" else "mpox"]
    return {"0.9": (1 + mpox) / 2, "0.95": mpox / 2}


@pytest.fixture(scope="module")
def server_of_other(site, classifier, drawn, thresholds):
    """Serves a network to which the drawn skin looks like another skin condition."""
    label = predicted(classifier, decode_photo(drawn))[0].label
    names = {label: "other", "other": label}

    def change(metadata):
        return metadata | {
            "classes": [names.get(name, name) for name in classifier.classes],
            "operating_points": {recall: {**point, "threshold": thresholds[recall]} for recall, point in FIGURES.items()},
            "thresholds": {"mpox": thresholds["0.9"], "confidence": 0, "ood_score": 1},
            "external": {"other_conditions": {"no_alarm": {"0.9": 0.81, "0.95": 0.67}}},
        }

    with serving(site, changed=resealed(site, metadata=change)) as server:
        yield server


def shown(app, name):
    return app.page.locator(f"#{name}").inner_text()


def words_of_the_image(app):
    app.page.evaluate(
        """() => {
            window.written = [];
            const write = CanvasRenderingContext2D.prototype.fillText;
            CanvasRenderingContext2D.prototype.fillText = function (words, ...place) {
                window.written.push(words);
                write.call(this, words, ...place);
            };
        }"""
    )
    with app.page.expect_download():
        app.page.click("#save-image")
    return " ".join(app.page.evaluate("window.written"))


def test_the_recall_is_chosen_and_kept(start, server_of_other, drawn, thresholds):
    app = start(server_of_other.address).open(drawn).check()
    data = app.data()
    assert (data["mpox_suspected"], data["recall"], data["thresholds"]["mpox"]) == (False, 0.9, thresholds["0.9"])
    assert not app.page.locator("#suspected").is_visible()
    assert "90 of 100" in shown(app, "alarm-level")
    assert app.page.locator("#recall option").all_inner_texts() == [
        "90 of 100",
        "95 of 100, more false alarms",
    ]

    app.page.click("#add-to-report")
    assert "can't be ruled out" not in shown(app, "report")
    app.open(drawn).check().page.select_option("#recall", "0.95")
    # What was added before is told anew, too.
    assert "can't be ruled out: 1 of 1." in shown(app, "summary")
    assert "Mpox can't be ruled out" in shown(app, "report-photos")
    alarm = shown(app, "suspected")
    assert "caught 96% of mpox" in alarm
    # On sources that nothing was learned from, not the 74 % out of fold.
    assert "silent for 67% of photos of other skin conditions" in alarm
    assert "can't be ruled out" in app.page.locator("#status").inner_text()
    level = shown(app, "alarm-level")
    assert f": {round(thresholds['0.95'] * 100, 1):g}%" in level
    assert "95 of 100" in level
    assert level in words_of_the_image(app)
    # Somebody should look at what raises an alarm, whatever it looks most like.
    assert shown(app, "next").startswith("Let a health worker look")

    app.page.reload()
    data = app.open(drawn).check().data()
    assert (data["mpox_suspected"], data["recall"], data["thresholds"]["mpox"]) == (True, 0.95, thresholds["0.95"])
    assert app.page.locator("#recall").input_value() == "0.95"

    # A recall that this network does not have, chosen for another one.
    app.page.evaluate("for (const key of Object.keys(localStorage)) localStorage.setItem(key, '0.5')")
    app.page.reload()
    assert app.open(drawn).check().data()["recall"] == 0.9


def test_another_skin_condition_is_told_in_each_language(start, server_of_other, drawn):
    app = start(server_of_other.address).open(drawn).check()
    assert app.data()["answer"] == "other"
    assert shown(app, "answer") == "Most like another skin condition"
    assert shown(app, "reason") == "It looks more like another skin condition than like mpox."
    assert shown(app, "next").startswith("See a health worker if it hurts, spreads, or does not get better.")
    assert "another skin condition" in shown(app, "bars")
    app.page.select_option("#language", "fr")
    app.page.wait_for_selector("html[lang=fr]")
    assert shown(app, "answer") == "Ressemble le plus à\u00a0: autre affection de la peau"
    assert "autre affection de la peau" in shown(app, "reason")
    assert shown(app, "next").startswith("Consultez un soignant si cela fait mal")
    assert "autre affection de la peau" in shown(app, "bars")


DESCRIBE = """async ([label, metadata]) => {
    const { inForce, recallChoices } = await import("./operating-point.js");
    const { describe } = await import("./result-view.js");
    const probabilities = Object.fromEntries((metadata.classes ?? ["mpox"]).map((name) => [name, 0.3]));
    const prediction = { label, probabilities, abstention_reason: null, mpox_suspected: true };
    return { ...describe({ prediction, metadata: inForce(metadata) }), choices: recallChoices(metadata) };
}"""
THRESHOLDS = {"mpox": 0.25, "confidence": 0.5, "ood_score": 0.5}


@pytest.mark.parametrize(
    ("points", "level", "figures", "choices"),
    [
        (None, "Alarm level for mpox: 25%.", [], 0),
        ({"0.9": {"threshold": 0.25}}, "set to find 90 of 100", [], 0),
        ({"0.9": {"threshold": 0.25, "recall": 0.91, "specificity_other_rashes": 0.68}}, "90 of 100", ["91%", "68%"], 0),
        ({"0.9": {"threshold": 0.4}, "0.975": {"threshold": 0.25, "recall": 0.98}}, "find 97.5 of 100", ["98%"], 2),
        ({"0.9": {"threshold": 0.4}, "0.95": {"threshold": 0.1}}, "Alarm level for mpox: 25%.", [], 2),
    ],
)
def test_the_alarm_tells_what_its_network_knows_of_it(app, points, level, figures, choices):
    metadata = {"thresholds": THRESHOLDS} | ({"operating_points": points} if points else {})
    words = app.page.evaluate(DESCRIBE, ["measles", metadata])
    assert level in words["level"]
    assert words["suspected"].count("%") == len(figures)
    assert all(figure in words["suspected"] for figure in figures)
    assert len(words["choices"]) == choices
    # Where mpox is the answer, there is nothing to add.
    assert app.page.evaluate(DESCRIBE, ["mpox", metadata])["suspected"] == ""


def test_a_class_without_a_translation_is_shown_by_its_name(app):
    words = app.page.evaluate(DESCRIBE, ["lupus", {"thresholds": None}])
    assert words["answer"] == "Most like lupus"
    assert words["next"].startswith("If you are worried or ill")
    assert words["level"] == ""


def test_a_network_without_mpox_tells_nothing_of_it(app):
    metadata = {"classes": ["lupus", "other"], "thresholds": {"confidence": 0.5, "ood_score": 0.5}}
    words = app.page.evaluate(DESCRIBE, ["other", metadata])
    assert words["answer"] == "Most like another skin condition"
    assert "mpox" not in words["reason"] + words["level"]


def limitations(app, metadata):
    return app.page.evaluate(
        """async (metadata) => {
            const { fillModelCard } = await import("./model-card.js");
            const [limitations, card] = [document.createElement("div"), document.createElement("div")];
            fillModelCard(limitations, card, { metadata, card: "" });
            return [...limitations.children].map((line) => line.textContent);
        }""",
        metadata,
    )


def test_the_limitations_are_those_that_the_metadata_tells_of(app):
    sources = {"one": {"other": {"photos": 100, "no_alarm": 0.9}}, "two": {"other": {"photos": 300, "no_alarm": 0.7}}}
    sources["three"] = {"measles": {"photos": 50, "no_alarm": 0.1}}
    metadata = {
        "thresholds": THRESHOLDS,
        "operating_points": {recall: {**point, "threshold": 0.25} for recall, point in FIGURES.items()},
        "training_photos": {"mpox": 20, "other": 30},
        "out_of_fold": {
            "accuracy": 0.83,
            "left_out_sources": {name: {"photos": 400, "no_alarm": figures} for name, figures in sources.items()},
        },
        "external": {"patients": 47, "auc_per_patient": 0.74, "auc_per_patient_interval": [0.61, 0.85]},
    }
    lines = limitations(app, metadata)
    assert len(lines) == 7
    told = " ".join(lines)
    for words in ("caught 91%", "silent for 87%", "50 photos, 20 of them", "83% of its answers", "47 patients", "0.61 to 0.85"):
        assert words in told
    assert "75% of 400 photos of other skin conditions" in told
    assert "worst collection 70%" in told
    assert "no better than guessing" not in told
    metadata["external"]["auc_per_patient_interval"] = [0.48, 0.85]
    assert "no better than guessing" in " ".join(limitations(app, metadata))


@pytest.mark.parametrize(
    "metadata",
    [
        {"thresholds": None},
        {"thresholds": THRESHOLDS, "out_of_fold": {}, "external": {"auc_per_patient": None, "auc_per_patient_interval": None}},
        {"thresholds": THRESHOLDS, "operating_points": {"0.9": {"threshold": 0.25}}, "out_of_fold": {"left_out_sources": {}}},
    ],
)
def test_limitations_that_nothing_is_known_of_are_left_out(app, metadata):
    lines = limitations(app, metadata)
    assert len(lines) == 2
    assert not any("undefined" in line or "NaN" in line for line in lines)
