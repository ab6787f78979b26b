"""The page for everyone: screen readers, keyboards, small phones, six languages."""

import json
from pathlib import Path

import pytest
from PIL import Image

LANGUAGES = Path(__file__).parents[2] / "mpox_keras" / "web" / "app" / "languages"


@pytest.mark.parametrize(("language", "scheme"), [("en", "light"), ("ar", "dark")])
def test_axe_finds_no_violations(start, server, drawn, tmp_path, language, scheme):
    app = start(f"{server.address}?language={language}", color_scheme=scheme, viewport={"width": 390, "height": 800}).ready()
    assert app.violations() == []
    Image.new("RGB", (300, 300), "black").save(tmp_path / "dark.png")
    app.open(tmp_path / "dark.png").page.click("#check")
    app.page.wait_for_selector("#warnings:not([hidden])")
    assert app.violations() == []
    app.open(drawn).check()
    assert app.violations() == []
    app.page.click("#smaller")
    app.page.wait_for_selector("#old:not([hidden])")
    assert app.violations() == []
    app.page.click("#add-to-report")
    assert app.violations() == []
    app.page.locator("#about-model").click()
    assert app.violations() == []
    app.page.keyboard.press("Escape")
    (tmp_path / "notes.jpg").write_text("notes")
    app.page.set_input_files("#file", tmp_path / "notes.jpg")
    app.message()
    assert app.violations() == []


@pytest.mark.parametrize(("locale", "language"), [("fr-CA", "fr"), ("ar", "ar"), ("ja", "en")])
def test_it_starts_in_the_browsers_language(start, server, locale, language):
    page = start(server.address, locale=locale).page
    assert page.locator("html").get_attribute("lang") == language
    assert page.locator("html").get_attribute("dir") == ("rtl" if language == "ar" else "ltr")
    assert page.locator("#choose").inner_text() == words(language)["choose_photo"]


def test_every_language_fits_the_smallest_phone(start, server, drawn):
    app = start(server.address, viewport={"width": 320, "height": 568}).open(drawn).check()
    app.page.click("#add-to-report")
    app.open(drawn).check()
    width = "document.documentElement.scrollWidth"
    for language in ("en", "fr", "es", "pt", "sw", "ar"):
        app.page.select_option("#language", language)
        app.page.wait_for_selector(f"html[lang={language}]")
        assert words(language)["notice"] in app.page.locator("main").inner_text()
        assert app.page.locator("#check").inner_text() == words(language)["check_area"]
        assert app.page.evaluate(width) == 320, language
        # Text twice as large still fits.
        app.page.evaluate("document.documentElement.style.fontSize = '200%'")
        assert app.page.evaluate(width) == 320, language
        app.page.evaluate("document.documentElement.style.fontSize = ''")


def words(language):
    return json.loads((LANGUAGES / f"{language}.json").read_text(encoding="utf-8"))


def test_another_language_is_a_choice_away(app, drawn):
    app.open(drawn).check()
    app.page.select_option("#language", "es")
    app.page.wait_for_selector("html[lang=es]")
    assert app.page.locator("#next-heading, h3").first.inner_text() == "Qué hacer ahora"
    assert "ninguna de estas" in app.page.locator("#bars").inner_text()
    assert app.page.url.endswith("?language=es")


def test_all_can_be_done_with_the_keyboard(app, drawn):
    page = app.open(drawn).ready().page
    page.locator("#frame").focus()
    order = []
    for _ in range(6):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id"))
    assert order[:5] == ["smaller", "larger", "whole", "another", "check"]
    page.locator("#check").focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("#result:not([hidden])")
    page.keyboard.press("Tab")
    order = []
    for _ in range(2):
        page.keyboard.press("Tab")
        order.append(page.evaluate("document.activeElement.id"))
    assert order == ["recall", "heat-map-class"]
