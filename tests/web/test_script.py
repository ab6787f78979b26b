"""The script of docs/training.md, as it stands there, on drawn pictures of conditions with names of their own."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from web_app import serving

from mpox_keras import load_classifier

PAGE = Path(__file__).parents[2] / "docs" / "training.md"
COLOURS = {
    "Ekzem ä": (200, 90, 80),
    "Normal skin": (220, 180, 150),
    "Psoriasis": (180, 60, 60),
    "Tinea Versicolor": (150, 110, 80),
    "URTICARIA": (230, 140, 140),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, random = tmp_path_factory.mktemp("script"), np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (folder / "photos" / name).mkdir(parents=True)
        for number in range(3):
            pixels = np.clip(random.normal(colour, 15, (320, 320, 3)), 0, 255).astype("uint8")
            Image.fromarray(pixels).save(folder / "photos" / name / f"{number}.png")
    return folder


@pytest.mark.slow
def test_a_script_goes_from_folders_to_the_page(folder, start, monkeypatch, capsys):
    blocks = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    (script,) = [block for block in blocks if "build_site(" in block]
    assert len(script.splitlines()) <= 25
    monkeypatch.chdir(folder)
    exec(compile(script, str(PAGE), "exec"), {})
    assert "Ekzem ä" in capsys.readouterr().out
    photo = folder / "photos" / "Tinea Versicolor" / "0.png"
    prediction = load_classifier("bundle").predict(photo)
    assert list(prediction.probabilities) == sorted(COLOURS)
    assert (prediction.mpox_suspected, prediction.error) == (None, None)
    with serving(folder / "site") as server:
        app = start(server.address).ready().open(photo)
        # The whole photo, as `predict` takes it.
        app.check()
        data = app.data()
        assert list(data["probabilities"]) == list(prediction.probabilities)
        assert sum(data["probabilities"].values()) == pytest.approx(1, abs=1e-3)
        bars = app.page.locator("#bars").inner_text()
        assert {"Ekzem ä", "Tinea Versicolor", "URTICARIA"} <= set(bars.split("\n"))
        assert "mpox" not in app.page.locator("#result").inner_text().lower().replace("mpox-keras", "")
