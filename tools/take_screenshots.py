"""Take the pictures of the web app that the README shows, on a drawn picture of skin.

python tools/take_screenshots.py
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from mpox_keras.data.synthetic import draw_scene
from mpox_keras.export.exporter import export_bundle
from mpox_keras.web.server import make_server
from mpox_keras.web.site import build_site

DOCS = Path(__file__).parent.parent / "docs"
SCREENS = {
    "web_desktop": {"viewport": {"width": 1100, "height": 860}, "color_scheme": "light"},
    "web_phone": {"viewport": {"width": 375, "height": 860}, "color_scheme": "dark"},
}


def main():
    """Write docs/web_desktop.png and docs/web_phone.png."""
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        scratch = Path(scratch)
        export_bundle("fast_mpoxnet_msid", scratch / "bundle", "tfjs", "uint16")
        build_site(scratch / "bundle", scratch / "site")
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
            page.screenshot(path=scratch / f"{name}.png")
            Image.open(scratch / f"{name}.png").convert("P", palette=Image.Palette.ADAPTIVE).save(
                DOCS / f"{name}.png", optimize=True
            )
        browser.close()
        server.shutdown()


def draw_picture(path):
    """A drawn scene, enlarged, with grain, or it would be found blurred."""
    random = np.random.default_rng(5)
    picture = draw_scene("mpox", random).resize((640, 640), Image.Resampling.BICUBIC).crop((0, 80, 640, 560))
    grain = random.normal(0, 8, (480, 640, 1))
    Image.fromarray(np.clip(np.array(picture) + grain, 0, 255).astype("uint8")).save(path)


if __name__ == "__main__":
    main()
