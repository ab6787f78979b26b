"""The script of docs/training.md, from folders with names as people give them to an answer of the page."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from web_app import serving

SCRIPT = Path(__file__).parent.parent.parent / "docs" / "own_classes.py"
CLASSES = ["Atopic Eczema", "Healthy skin", "Mpox", "Tinea Versicolor", "Ulcus"]


@pytest.mark.slow
def test_a_short_script_goes_from_folders_of_photos_to_the_page(start, tmp_path, drawn):
    assert len(SCRIPT.read_text().splitlines()) <= 25
    random = np.random.default_rng(0)
    for number, name in enumerate(CLASSES):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for photo in range(2):
            pixels = random.normal(40 * number, 20, (48, 48, 3)).clip(0, 255).astype("uint8")
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{photo}.png")
    (tmp_path / "out").mkdir()
    command = [sys.executable, SCRIPT, tmp_path / "photos", tmp_path / "out"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    answers = [line.partition(".png ")[2] for line in printed.splitlines() if ".png " in line]
    assert len(answers) == 5
    assert set(answers) <= set(CLASSES)
    with serving(tmp_path / "out" / "site") as server:
        data = start(server.address).open(drawn).check().data()
    assert list(data["probabilities"]) == CLASSES
    assert data["answer"] in CLASSES
