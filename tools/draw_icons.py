"""Draw the web app's icons of fixed size from icon.svg.

python tools/draw_icons.py
"""

from __future__ import annotations

import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

ICONS = Path(__file__).parent.parent / "mpox_keras" / "web" / "app" / "icons"


def main():
    """Write the PNG files beside icon.svg."""
    drawing = (ICONS / "icon.svg").read_text(encoding="utf-8")
    # Phones cut maskable icons to their own shape: no corners, and nothing that matters beyond four fifths.
    maskable = drawing.replace('viewBox="0 0 64 64"', 'viewBox="-6 -6 76 76"').replace(
        '<rect width="64" height="64" rx="14"', '<rect x="-6" y="-6" width="76" height="76"'
    )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for name, size, source in (
            ("icon-192", 192, drawing),
            ("icon-512", 512, drawing),
            ("icon-maskable-512", 512, maskable),
        ):
            page = browser.new_page(viewport={"width": size, "height": size})
            page.set_content(f"<style>body{{margin:0}}svg{{display:block;width:{size}px}}</style>{source}")
            page.screenshot(path=ICONS / f"{name}.png", omit_background=True)
        browser.close()


if __name__ == "__main__":
    main()
