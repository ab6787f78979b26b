"""The review sheet, opened from a file as a clinician opens it, and the way of its ratings to figures."""

import csv
import hashlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from mpox_keras.cli import main
from mpox_keras.data.decode import PhotoError
from mpox_keras.data.synthetic import draw_scene
from mpox_keras.explain.maps import explain
from mpox_keras.inference.classifier import Classifier
from mpox_keras.reader_study.sheet import COLUMNS, write_review_sheet

AXE = Path(__file__).parent.parent / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
NAMES = ["</script><b>=arm.png", "hand.jpg", "leg.png"]


def look_for_red(pixels):
    """Looks where a photo is red; is not sure of reddish ones."""
    maps = pixels.reshape(-1, 8, 8, 8, 8, 3)[..., 0].mean(axis=(2, 4)) / 255
    mpox = maps.mean(axis=(1, 2))
    outputs = {"probabilities": [mpox, 1 - mpox], "class_activation_map": [maps - 0.5, 0.5 - maps]}
    return {name: np.stack(values, axis=-1) for name, values in outputs.items()} | {"ood_score": mpox[:, None]}


THRESHOLDS = {"mpox": 0.1, "confidence": 0.6, "ood_score": 2}
RED = Classifier({"classes": ["mpox", "normal"], "image_size": 64, "thresholds": THRESHOLDS}, look_for_red)


@pytest.fixture(scope="module")
def sheet(tmp_path_factory):
    folder = tmp_path_factory.mktemp("review")
    (folder / "photos" / "mpox").mkdir(parents=True)
    paths = [folder / "photos" / name for name in (f"mpox/{NAMES[0].replace('/', '')}", *NAMES[1:])]
    exif = Image.Exif()
    exif[0x010F] = "camera of someone"
    for number, path in enumerate(paths):
        draw_scene("mpox", np.random.default_rng(number)).crop((0, 0, 224, 150)).save(path, exif=exif)
    copy = folder / "photos" / "copy.png"
    copy.write_bytes(paths[2].read_bytes())
    broken = folder / "photos" / "notes.jpg"
    broken.write_text("notes")
    problems = write_review_sheet(folder / "sheet.html", RED, [*paths, copy, broken], explain)
    assert [("copy.png" in problem, "notes.jpg" in problem) for problem in problems] == [(True, False), (False, True)]
    return folder / "sheet.html", paths


class Sheet:
    """The page as a reviewer uses it."""

    def __init__(self, chromium, path, **options):
        self.context = chromium.new_context(**options)
        self.noise, self.requested = [], []
        self.context.on("request", lambda request: self.requested.append(request.url))
        self.page = self.context.new_page()
        self.page.on("console", lambda message: self.noise.append(message.text))
        self.page.on("pageerror", lambda error: self.noise.append(str(error)))
        self.page.goto(path.as_uri())

    def rate(self, diagnosis, map_rating, comment=""):
        self.page.check(f"[name=diagnosis][value='{diagnosis}']")
        self.page.click("#give")
        self.page.check(f"[name=map][value='{map_rating}']")
        self.page.fill("#comment", comment)

    def save(self):
        with self.page.expect_download() as download:
            self.page.click("#save")
        return Path(download.value.path())


@pytest.fixture
def opened(chromium, sheet):
    sheets = []

    def open_sheet(**options):
        sheets.append(Sheet(chromium, sheet[0], **options))
        return sheets[-1]

    yield open_sheet
    for one in sheets:
        one.context.close()


def test_the_answer_is_hidden_until_the_diagnosis_is_given(opened):
    page = opened().page
    assert "Photo 1 of 3" in page.inner_text("nav")
    assert "photos of people" in page.inner_text("header")
    seen = page.inner_text("body")
    assert not [word for word in ("answer:", "arm.png", "hand.jpg", "leg.png") if word in seen]
    for hidden in ("#answer", "#heat", "#contours", "#map"):
        assert page.locator(hidden).is_hidden()
    assert page.locator("#give").is_disabled()
    page.check("[name=diagnosis][value=normal]")
    page.click("#give")
    assert "answer:" in page.inner_text("#answered")
    assert page.evaluate("document.activeElement.id") == "answered"
    assert page.locator("#heat").evaluate("(image) => image.naturalWidth") == 64
    assert page.locator("#contours path").count() > 0
    # What was seen can't be unseen.
    assert page.locator("[name=diagnosis][value=normal]").is_disabled()
    assert page.locator("[name=diagnosis][value=mpox]").is_hidden()
    page.click("#next")
    assert page.locator("#answer").is_hidden()
    assert page.locator("#heat").is_hidden()


def test_ratings_are_saved_kept_and_compared(opened, sheet, tmp_path):
    path, photos = sheet
    tables = {}
    for name, second in (("=AB", "normal"), ("Çelik", "mpox")):
        one = opened()
        page = one.page
        page.click("#save")
        assert "Give your name" in page.inner_text("#message")
        assert page.evaluate("document.activeElement.id") == "reviewer"
        page.fill("#reviewer", name)
        page.click("#save")
        assert "no rating to save" in page.inner_text("#message")
        one.rate("mpox", "on the lesion", '=1+1, "quoted"\nand a line')
        page.click("#onward")
        one.rate(second, "off the lesion", "@ßtelle")
        page.reload()
        assert "Photo 2 of 3" in page.inner_text("nav")
        assert "2 of 3 finished" in page.inner_text("nav")
        assert page.input_value("#reviewer") == name
        assert page.input_value("#comment") == "@ßtelle"
        assert page.is_checked("[name=map][value='off the lesion']")
        tables[name] = one.save()
        assert one.noise == []
        # Nothing but the file itself and what it holds.
        assert not [url for url in one.requested if not url.startswith(("data:", "blob:", path.as_uri()))]
    text = tables["=AB"].read_bytes().decode("utf-8-sig")
    rows = list(csv.DictReader(text.splitlines(keepends=True)))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == 2
    assert rows[0]["reviewer"] == "'=AB"
    assert rows[0]["comment"].splitlines() == ['\'=1+1, "quoted"', "and a line"]
    assert rows[1]["comment"] == "'@ßtelle"
    assert [row["map"] for row in rows] == ["on the lesion", "off the lesion"]
    assert float(rows[0]["seconds"]) >= 0
    digests = {hashlib.sha256(photo.read_bytes()).hexdigest(): photo for photo in photos}
    for row in rows:
        assert digests[row["sha256"]].as_posix().endswith(row["photo"])
    result = CliRunner().invoke(main, ["agreement", *map(str, tables.values())])
    assert result.exit_code == 0, result.output
    assert "'=AB and Çelik: 50.0 %" in result.stdout
    assert "map: all 2 reviewers agree on 100.0 %" in result.stdout


def test_it_works_where_the_browser_stores_nothing(opened):
    one = opened()
    one.context.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('refused'); } })")
    one.page.reload()
    assert "keeps nothing" in one.page.inner_text("#storage")
    one.page.fill("#reviewer", "AB")
    one.rate("mpox", "partly")
    assert one.save().read_text(encoding="utf-8-sig").count("partly") == 1
    assert one.noise == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_for_everyone(opened, scheme):
    if not AXE.is_file():
        pytest.skip("needs axe-core: npm ci --prefix tests/javascript")
    # The page's policy would keep axe out.
    page = opened(color_scheme=scheme, viewport={"width": 320, "height": 568}, bypass_csp=True).page

    def violations():
        page.evaluate(AXE.read_text(encoding="utf-8"))
        return page.evaluate("async () => (await axe.run(document)).violations.map((v) => [v.id, v.nodes.map((n) => n.html)])")

    assert violations() == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    # By keyboard alone.
    page.locator("[name=diagnosis]").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "give"
    page.keyboard.press("Enter")
    assert page.locator("#answer").is_visible()
    assert violations() == []
    assert page.evaluate("document.documentElement.scrollWidth") == 320


def test_photos_leave_their_metadata_behind_and_bad_ones_are_told(sheet, tmp_path):
    text = sheet[0].read_text(encoding="utf-8")
    assert "camera of someone" not in text
    assert text.count("</script>") == 2
    assert str(sheet[0].parent) not in text
    (tmp_path / "notes.jpg").write_text("notes")
    with pytest.raises(PhotoError, match=r"no photo for the sheet can be read.*notes\.jpg"):
        write_review_sheet(tmp_path / "sheet.html", RED, [tmp_path / "notes.jpg"], explain)


def test_the_command_writes_a_sheet(drawn, bundle, tmp_path):
    out = tmp_path / "sheet.html"
    arguments = ["review", str(drawn), "--model", str(bundle), "--out", str(out)]
    result = CliRunner().invoke(main, [*arguments, "--class", "measles"])
    assert result.exit_code == 0, result.output
    assert '"explained": "measles"' in out.read_text(encoding="utf-8")
    result = CliRunner().invoke(main, [*arguments, "--method", "smooth_grad"])
    assert result.exit_code == 2
    assert "smooth_grad needs gradients" in result.stderr
