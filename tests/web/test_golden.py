"""The page gives Python's answers, whatever the photo and the area."""

import numpy as np
import pytest
from click.testing import CliRunner
from golden_photos import GOLDEN, skin
from PIL import Image
from web_app import as_base64, as_trained, assert_same_answer, predicted, serving

from mpox_keras.cli import main
from mpox_keras.data.decode import decode_photo, resize_photo
from mpox_keras.inference.classifier import load_classifier, preset_names

AREAS = {"square": lambda app: None, "whole": lambda app: app.page.click("#whole")}


@pytest.mark.parametrize("area", list(AREAS))
@pytest.mark.parametrize("name", list(GOLDEN))
def test_golden_photos_have_pythons_answer(app, classifier, tmp_path, name, area):
    path = tmp_path / name
    path.write_bytes(GOLDEN[name]())
    app.open(path)
    AREAS[area](app)
    found = app.check().data()
    pixels = decode_photo(path)
    place = found["area"]
    height, width = pixels.shape[:2]
    assert found["photo"] == {"name": name, "width": width, "height": height}
    side = min(height, width)
    assert (place["width"], place["height"]) == ((side, side) if area == "square" else (width, height))
    cut = pixels[place["y"] : place["y"] + place["height"], place["x"] : place["x"] + place["width"]]
    assert_same_answer(found, *predicted(classifier, cut))


def test_the_bundle_in_python_gives_the_same(app, bundle, drawn):
    # The same 16-bit weights: only the runtimes differ.
    found = app.open(drawn).check().data()
    assert_same_answer(found, *predicted(load_classifier(bundle), decode_photo(drawn)), tolerance=2e-5)


@pytest.mark.parametrize("preset", preset_names())
def test_every_preset_runs_in_the_page(start, drawn, tmp_path, preset):
    classifier = as_trained(load_classifier(preset))
    site = tmp_path / "site"
    result = CliRunner().invoke(main, ["web", "--model", preset, "--out", str(site)])
    assert result.exit_code == 0, result.output
    photos = [drawn]
    for name in ("turned 6.jpg", "grey.png", "cat.jpg", "noise.png"):
        photos.append(tmp_path / name)
        photos[-1].write_bytes(GOLDEN[name]())
    with serving(site) as server:
        app = start(server.address)
        for photo in photos:
            app.open(photo).page.click("#whole")
            found = app.check().data()
            assert found["model"]["name"] == preset
            assert found["thresholds"] == classifier.metadata["thresholds"]
            assert_same_answer(found, *predicted(classifier, decode_photo(photo)))
        assert app.tried_all()["litert"] > 0


# The last one is read in two bands.
@pytest.mark.parametrize("size", [(224, 224), (225, 100), (97, 1013), (2000, 3), (8, 8), (1050, 1000)])
def test_resizing_is_pillows(app, size):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), "uint8")
    found = app.page.evaluate(
        """async ([samples, width, height]) => {
            const { resize } = await import("./resize.js");
            const bytes = Uint8ClampedArray.from(atob(samples), (letter) => letter.charCodeAt(0));
            const read = (top, rows) => bytes.subarray(top * width * 4, (top + rows) * width * 4);
            return Array.from(resize(read, width, height, 224), (byte) => byte.toString(16).padStart(2, "0")).join("");
        }""",
        [as_base64(np.dstack([pixels, np.full(size[::-1], 255, "uint8")])), *size],
    )
    found = np.frombuffer(bytes.fromhex(found), "uint8").reshape(224, 224, 3)
    np.testing.assert_array_equal(found, resize_photo(pixels, 224))


def test_transparent_parts_lie_over_white(app, classifier, tmp_path):
    picture = skin("mpox", 3).convert("RGBA")
    picture.putalpha(Image.fromarray(np.tile(np.linspace(0, 255, 640).astype("uint8"), (480, 1))))
    picture.save(tmp_path / "clear.png")
    app.open(tmp_path / "clear.png").page.click("#whole")
    # A browser stores transparent colours premultiplied, in 8 bits, so samples are off by one or two.
    assert_same_answer(app.check().data(), *predicted(classifier, decode_photo(tmp_path / "clear.png")), tolerance=0.02)


def test_an_area_that_was_moved_is_the_one_that_is_checked(app, classifier, tmp_path):
    picture = skin("mpox", 3, (800, 500))
    picture.save(tmp_path / "photo.png")
    frame = app.open(tmp_path / "photo.png").page.locator("#frame")
    for key in ["-", "-", "-", "-", "ArrowRight", "ArrowRight", "ArrowDown", "+"]:
        frame.press(key)
    keyboard = app.check().data()
    assert keyboard["area"]["width"] == keyboard["area"]["height"] < 400
    assert keyboard["area"]["x"] > 220
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    mouse = app.page.mouse
    mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    mouse.down()
    mouse.move(box["x"] + box["width"] / 2 - 500, box["y"] + box["height"] / 2 - 500, steps=4)
    mouse.up()
    box = frame.bounding_box()
    mouse.move(box["x"] + box["width"] - 5, box["y"] + box["height"] - 5)
    mouse.down()
    mouse.move(box["x"] + box["width"] - 65, box["y"] + box["height"] - 65, steps=4)
    mouse.up()
    dragged = app.check().data()
    assert (dragged["area"]["x"], dragged["area"]["y"]) == (0, 0)
    assert dragged["area"]["width"] < keyboard["area"]["width"]
    for found in (keyboard, dragged):
        place = found["area"]
        cut = np.array(picture)[place["y"] : place["y"] + place["height"], place["x"] : place["x"] + place["width"]]
        assert_same_answer(found, *predicted(classifier, cut))
