"""Several photos of one person: the answers that were added to a report, what it says of them, and its printed page."""

import re

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def noise(tmp_path):
    """A picture that gets no answer."""
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (500, 700, 3), "uint8")).save(tmp_path / "noise.png")
    return tmp_path / "noise.png"


def add(app, *photos):
    for photo in photos:
        app.open(photo).check().page.click("#add-to-report")
    return app.page


def shown(page, name):
    return page.locator(f"#{name}").inner_text()


def test_answers_of_several_photos_stand_in_one_report(app, drawn, noise):
    page = app.open(drawn).check().page
    assert page.locator("#report").is_hidden()
    first = shown(page, "answer")
    page.click("#add-to-report")
    # The next photo can be chosen at once.
    assert page.evaluate("document.activeElement.id") == "choose"
    assert page.locator("#result").is_hidden()
    assert "differ" not in shown(page, "summary")

    add(app, noise)
    headings = page.locator("#report-photos h3").all_inner_texts()
    assert headings == [f"Photo 1 · {first}", "Photo 2 · Not sure"]
    shares = page.locator("#report-photos .shares").all_inner_texts()
    assert "mpox" in shares[0]
    # As on the page, nothing that was computed of such a picture is put forward.
    assert not shares[1]
    lines = shown(page, "summary").split("\n")
    assert "The answers differ" in lines[0]
    assert {f"1 of 2: {first}", "1 of 2: Not sure"} <= set(lines)
    assert "Not a diagnosis" in shown(page, "report")

    page.click("text=Remove photo 2")
    add(app, drawn)
    assert shown(page, "summary").startswith(f"The same answer for all 2 photos: {first}.")
    assert "makes none of them surer" in shown(page, "summary")

    page.select_option("#language", "fr")
    page.wait_for_selector("html[lang=fr]")
    assert "La même réponse pour les 2 photos" in shown(page, "summary")
    assert page.locator("#report-photos h3").last.inner_text().startswith("Photo n°\u00a02")
    assert app.noise == []


def test_another_person_starts_with_an_empty_report(app, drawn):
    page = add(app, drawn)
    page.fill("#days", "3")
    page.select_option("#fever", "yes")
    app.open(drawn).check()
    page.click("#new-person")
    assert page.locator("#report, #result, #area").filter(visible=True).count() == 0
    add(app, drawn)
    assert page.locator("#report-photos li").count() == 1
    assert (page.input_value("#days"), page.input_value("#fever")) == ("", "")
    # The last photo takes the notes with it.
    page.fill("#days", "3")
    page.click("text=Remove photo 1")
    assert page.locator("#report").is_hidden()
    assert page.input_value("#days") == ""


def test_a_full_report_is_one_printed_page(app, drawn, noise):
    page = add(app, drawn, noise, drawn, noise, drawn, noise)
    assert app.open(drawn).check().page.locator("#add-to-report").is_disabled()
    assert "full (6 photos)" in shown(page, "add-to-report")
    assert page.locator("#print").is_hidden()
    page.click("text=Remove photo 6")
    assert shown(page, "add-to-report") == "Add to a report"
    page.click("#add-to-report")
    app.open(noise).check()
    page.fill("#days", "4")
    page.locator("#report-photos input").first.fill("left forearm")
    page.evaluate("() => { window.printed = 0; window.print = () => window.printed++; }")
    page.click("#print-report")
    assert page.evaluate("window.printed") == 1
    # French takes the most room.
    page.select_option("#language", "fr")
    page.wait_for_selector("html[lang=fr]")
    assert len(re.findall(rb"/Type\s*/Page\b", page.pdf(format="A4"))) == 1
    page.emulate_media(media="print")
    for name in ("photo", "result", "fever", "print-report", "new-person"):
        assert page.locator(f"#{name}").is_hidden(), name
    for name in ("days", "summary", "report-origin"):
        assert page.locator(f"#{name}").is_visible(), name
    # Notes that nobody made are left out.
    assert page.locator("#report-photos input").filter(visible=True).count() == 1
    page.emulate_media(media="null")


def test_nothing_of_a_report_is_kept(start, server, drawn):
    app = start(server.address).kept_offline()
    app.page.wait_for_selector("#engine[data-measured]", state="attached", timeout=120_000)
    page = add(app, drawn)
    page.fill("#days", "4")
    page.locator("#report-photos input").fill("left forearm")
    app.requested.clear()
    stored = page.evaluate(
        """async () => {
            const kept = [...Object.entries(localStorage), ...Object.entries(sessionStorage), document.cookie, location.href];
            kept.push(...(await indexedDB.databases()).map(({ name }) => name));
            for (const name of await caches.keys()) {
                kept.push(...(await (await caches.open(name)).keys()).map(({ url }) => new URL(url).pathname));
            }
            return JSON.stringify(kept);
        }"""
    )
    assert "main.js" in stored
    assert "forearm" not in stored
    assert "drawn" not in stored
    assert app.requested == []
    page.reload()
    page.wait_for_selector("#choose:not(:empty)")
    assert page.locator("#report").is_hidden()
    assert page.locator("#report-photos li").count() == 0
    assert page.input_value("#days") == ""
