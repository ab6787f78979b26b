"""The documentation site: it is built without a warning, needs nothing from outside, and leaves out no public name."""

import ast
import html.parser
import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import fasteners
import pytest

pytest.importorskip("material", reason='needs the extra "docs"')

# The build takes ten seconds.
pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent
AXE = ROOT / "tests" / "javascript" / "node_modules" / "axe-core" / "axe.min.js"


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The built site; the processes of pytest share it."""
    shared = tmp_path_factory.getbasetemp()
    shared = shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared
    with fasteners.InterProcessLock(shared / "site.lock"):
        folder = shared / "site"
        if not folder.exists():
            # With --quiet warnings would be no errors.
            command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
            done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
            assert done.returncode == 0, done.stderr
    return folder


class _Page(html.parser.HTMLParser):
    """Anchors, links, and what the browser loads by itself."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links, self.loaded = set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])
        elif attributes.get("src") or (tag == "link" and attributes.get("rel") != "canonical"):
            self.loaded.append(attributes.get("src") or attributes["href"])


@pytest.fixture(scope="session")
def pages(site):
    return {path: _Page(path) for path in site.rglob("*.html")}


def test_every_link_leads_somewhere_and_nothing_is_loaded_from_outside(site, pages):
    assert len(pages) > 30
    broken = []
    for path, page in pages.items():
        for address in [*page.links, *page.loaded]:
            parts = urlsplit(address)
            if parts.scheme in ("http", "https", "mailto"):
                if address in page.loaded:
                    broken.append((path, address))
                continue
            # The page for an address that leads nowhere may be shown at any address, and names its files from the root.
            base = site if parts.path.startswith("/") else path.parent
            target = Path(os.path.normpath(base / unquote(parts.path).lstrip("/"))) if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_file() or (parts.fragment and target in pages and parts.fragment not in pages[target].anchors):
                broken.append((path, address))
    assert not broken


def test_every_public_name_has_an_entry(pages):
    anchors = set().union(*(page.anchors for page in pages.values()))
    missing = []
    for path in (ROOT / "mpox_keras").rglob("*.py"):
        module = path.relative_to(ROOT).with_suffix("").parts
        if module[1] in ("cli", "configs", "datasets", "__main__.py") or any(part.startswith("_") for part in module):
            continue
        if "examples" not in module:
            names = [node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if hasattr(node, "name")]
            missing += [f"{'.'.join(module)}.{name}" for name in names if not name.startswith("_")]
    assert not [name for name in missing if name not in anchors]


def test_what_is_imported_from_the_top_is_named_on_the_page_of_the_reference(pages, site):
    import mpox_keras

    text = (site / "docs" / "reference" / "index.html").read_text(encoding="utf-8")
    assert not [name for name in mpox_keras.__all__ if not name.startswith("_") and name not in text]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violations(site, chromium, scheme):
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm ci --prefix tests/javascript")
    context = chromium.new_context(color_scheme=scheme, viewport={"width": 390, "height": 844})
    page = context.new_page()
    for name in ("index.html", "docs/reference/python/inference.html"):
        page.goto((site / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 390, name
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate(
            "async () => (await axe.run(document)).violations.map((v) => [v.id, v.nodes.slice(0, 3).map((n) => n.html)])"
        )
        assert found == [], name
    context.close()


def test_search_works_in_a_site_that_is_opened_as_files(site, chromium):
    page = chromium.new_page()
    page.goto((site / "index.html").as_uri())
    page.locator(".md-search__input").fill("prevalence")
    page.wait_for_selector(".md-search-result__item", timeout=20_000)
    assert page.locator(".md-search-result__item").count() > 1
    page.close()
