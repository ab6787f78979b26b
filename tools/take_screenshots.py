"""Take the pictures of the web app and of the review sheet that the README shows, on drawn pictures of skin.

python tools/take_screenshots.py
"""

from __future__ import annotations

import io
import shutil
import tempfile
import threading
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from mpox_keras.data.synthetic import draw_scene
from mpox_keras.explain.maps import explain
from mpox_keras.inference.classifier import DEFAULT_PRESET, load_classifier
from mpox_keras.reader_study.sheet import write_review_sheet
from mpox_keras.web.server import make_server
from mpox_keras.web.site import build_site

DOCS = Path(__file__).parent.parent / "docs"
SCREENS = {
    "web_desktop": {"viewport": {"width": 1100, "height": 860}, "color_scheme": "light"},
    "web_phone": {"viewport": {"width": 375, "height": 860}, "color_scheme": "dark"},
}


def main():
    """Write docs/web_desktop.png, docs/web_phone.png and docs/review.png."""
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        scratch = Path(scratch)
        build_site(DEFAULT_PRESET, scratch / "site")
        draw_picture(scratch / "drawn.png")
        server = make_server(scratch / "site")
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, options in SCREENS.items():
            page = browser.new_context(locale="en-GB", **options).new_page()
            page.goto(f"http://127.0.0.1:{server.server_port}/")
            page.set_input_files("#file", scratch / "drawn.png")
            page.wait_for_selector("#check:not([disabled])", timeout=60_000)
            for key in ["-", "-", "-", "ArrowLeft", "ArrowLeft", "ArrowUp"]:
                page.locator("#frame").press(key)
            page.click("#check")
            page.wait_for_selector("#result:not([hidden])")
            # The bars grow.
            page.wait_for_timeout(1000)
            if name == "web_phone":
                page.locator("#result").scroll_into_view_if_needed()
                page.evaluate("document.getElementById('result').scrollIntoView()")
            save_screen(page, name)
        take_review(browser, scratch)
        browser.close()
        server.shutdown()


def take_review(browser, scratch):
    """The review sheet once a diagnosis was given."""
    page = browser.new_context(viewport={"width": 1100, "height": 940}, color_scheme="light").new_page()
    photos = [scratch / f"{label}.png" for label in ("mpox", "chickenpox", "measles")]
    for path in photos:
        draw_scene(path.stem, np.random.default_rng(5)).crop((0, 30, 224, 190)).save(path)
    write_review_sheet(scratch / "sheet.html", load_classifier(), photos, explain)
    page.goto((scratch / "sheet.html").as_uri())
    page.click("#help summary")
    page.fill("#reviewer", "AB")
    page.check("[name=diagnosis][value=mpox]")
    page.click("#give")
    page.check("[name=map][value=partly]")
    save_screen(page, "review")


def save_screen(page, name):
    """Write what is on the screen to docs, in few colours."""
    shot = Image.open(io.BytesIO(page.screenshot()))
    shot.convert("P", palette=Image.Palette.ADAPTIVE).save(DOCS / f"{name}.png", optimize=True)


def draw_picture(path):
    """A drawn scene, enlarged, with grain, or it would be found blurred."""
    random = np.random.default_rng(5)
    picture = draw_scene("mpox", random).resize((640, 640), Image.Resampling.BICUBIC).crop((0, 80, 640, 560))
    grain = random.normal(0, 8, (480, 640, 1))
    Image.fromarray(np.clip(np.array(picture) + grain, 0, 255).astype("uint8")).save(path)


if __name__ == "__main__":
    main()
