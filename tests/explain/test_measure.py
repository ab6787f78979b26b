"""All checks of explanations together: on a network whose answers are known, and as a command."""

import json
import re

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from tiny_network import small

from mpox_keras.cli import main
from mpox_keras.data.decode import PhotoError
from mpox_keras.data.folder import Photo
from mpox_keras.data.synthetic import write_synthetic_photos
from mpox_keras.explain.faithfulness import VIEWS, middle_half, occlusion_test_figures, paint_over
from mpox_keras.explain.maps import ExplanationError, explain
from mpox_keras.explain.masks import MaskError, energy_in_lesion
from mpox_keras.explain.measure import measure_explanations
from mpox_keras.explain.report import check_explanations
from mpox_keras.inference.classifier import Classifier
from mpox_keras.inference.metadata import write_metadata

ATTACK = "<script>alert(1)</script>"


def look_for_red(pixels):
    """Says mpox if a quarter of the photo is bright red, and looks where it is."""
    red = (pixels[..., 0] > 200).astype("float32")
    mpox = np.minimum(4 * red.mean(axis=(1, 2)), 1)
    maps = red.reshape(-1, 8, 8, 8, 8).mean(axis=(2, 4))
    return {"probabilities": np.stack([mpox, 1 - mpox], axis=1), "class_activation_map": np.stack([maps, -maps], axis=-1)}


RED = Classifier({"classes": ["mpox", "normal"], "image_size": 64, "thresholds": None}, look_for_red)


def corner(top=True):
    """True in one quarter."""
    quarter = np.zeros((64, 64), bool)
    quarter[slice(0, 32) if top else slice(32, 64), :32] = True
    return quarter


@pytest.fixture
def folders(tmp_path):
    """Four photos with a red corner; what is masked, and which class is true, differs."""
    photo = np.zeros((64, 64, 3), "uint8")
    photo[corner(), 0] = 255
    masks = {
        "seen": corner(),
        "outside": corner(top=False),
        "wrong": corner(),
        "empty": np.zeros((64, 64), bool),
        "bare": None,
    }
    photos = []
    for name, mask in masks.items():
        label = "normal" if name == "wrong" else "mpox"
        for folder, array in (("photos", photo), ("masks", mask)):
            if array is not None:
                (tmp_path / folder / label).mkdir(parents=True, exist_ok=True)
                Image.fromarray(array).save(tmp_path / folder / label / f"{name}.png")
        file = f"{label}/{name}.png"
        photos.append(Photo(file, tmp_path / "photos" / file, label, file))
    return tmp_path / "masks", photos


def test_figures_over_a_folder(folders):
    masks, photos = folders
    broken = Photo("mpox/broken.png", b"no photo", "mpox", "")
    methods = ["class_activation_map", "occlusion"]
    results, examples = measure_explanations(RED, [*photos, broken], methods, masks=masks, examples=2)
    assert results["photos"] == 5
    assert list(results["errors"]) == ["mpox/broken.png"]
    lesions = results["lesions"]
    assert (lesions["photos"], lesions["without_mask"], lesions["share"]) == (3, 1, 0.25)
    assert "marks no lesion" in lesions["errors"]["mpox/empty.png"]
    assert [example.photo.file for example in examples] == ["mpox/seen.png", "mpox/outside.png"]

    figures = results["methods"]["class_activation_map"]
    # Nothing speaks for the true class of the photo answered wrongly.
    assert figures["pointing_game"] == pytest.approx(1 / 3)
    assert figures["pointing_game_error"] == pytest.approx(1 / 3)
    heat = explain(RED, examples[0].pixels, "class_activation_map", "mpox")
    energies = [energy_in_lesion(heat, corner()), energy_in_lesion(heat, corner(top=False)), 0]
    assert energies[0] > 0.8
    assert figures["energy_in_lesion"] == pytest.approx(np.mean(energies))
    # The corner is a quarter: the first five of twenty steps cover it.
    assert figures["deletion"] == pytest.approx(0.125, abs=0.02)
    assert results["methods"]["random"]["energy_in_lesion"] == pytest.approx(0.25, abs=0.02)
    assert results["shuffled_photos"] == 0
    json.dumps(results, allow_nan=False)

    views = results["occlusion_tests"]["lesion"]["views"]
    assert views["whole"]["accuracy"] == pytest.approx(2 / 3)
    # Of three masks two hide what the answer comes from, and for one of these photos the other answer is right.
    assert views["covered"]["changed"] == pytest.approx(2 / 3)
    assert views["covered"]["accuracy"] == pytest.approx(2 / 3)
    assert views["only"]["changed"] == pytest.approx(1 / 3)
    assert views["only"]["accuracy"] == pytest.approx(1 / 3)
    assert results["occlusion_tests"]["middle"]["photos"] == 5


def test_occlusion_test_figures_by_hand():
    # Two photos, two classes: the first changes its answer where the region is covered, the second where the rest is.
    first = np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]])
    second = np.array([[0.7, 0.3], [0.7, 0.3], [0.1, 0.9]])
    figures = occlusion_test_figures(np.stack([first, second]), [0, 1])
    assert list(figures) == list(VIEWS)
    assert [figures[view]["changed"] for view in VIEWS] == [0, 0.5, 0.5]
    assert [figures[view]["accuracy"] for view in VIEWS] == [0.5, 0, 1]
    assert figures["whole"]["changed_interval"][0] == 0


def test_regions_have_the_size_they_should():
    assert middle_half(224).mean() == pytest.approx(0.5, abs=0.01)
    photo = np.zeros((4, 4, 3), "uint8")
    photo[0] = [200, 100, 40]
    assert paint_over(photo, np.eye(4, dtype=bool))[0, 0].tolist() == [50, 25, 10]
    assert paint_over(photo, np.eye(4, dtype=bool))[0, 1].tolist() == [200, 100, 40]


def test_what_cannot_be_measured_is_told(folders):
    masks, photos = folders
    with pytest.raises(MaskError, match="has a mask for none of the 1 photos"):
        measure_explanations(RED, photos[-1:], ["class_activation_map"], masks=masks)
    with pytest.raises(ExplanationError, match="smooth_grad needs gradients"):
        measure_explanations(RED, photos, ["smooth_grad"])
    with pytest.raises(PhotoError, match="none of the 1 photos can be read"):
        measure_explanations(RED, [Photo("a.png", b"no photo", "mpox", "")], ["class_activation_map"])


def test_the_report_is_one_safe_file(folders, tmp_path, monkeypatch):
    _, photos = folders
    named = [Photo(f"mpox/{ATTACK}.png", photos[0].encoded, "mpox", ""), Photo(ATTACK, b"no photo", "mpox", "")]
    monkeypatch.setattr("mpox_keras.explain.report.read_photos", lambda data, classes: named)
    _, path = check_explanations(RED, ATTACK, tmp_path / "out", methods=["class_activation_map"])
    page = path.read_text()
    assert "<script" not in page
    assert "not a diagnosis" in page
    assert page.count("data:image/jpeg") == 3  # the photo, its map and noise
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "Pointing game" not in page
    assert json.loads((tmp_path / "out" / "results.json").read_text())["photos"] == 1


@pytest.mark.slow
def test_the_command_writes_report_and_figures(tmp_path):
    model = tmp_path / "model"
    model.mkdir()
    small(32).save(model / "model.keras")
    classes = ["mpox", "chickenpox", "measles", "normal"]
    write_metadata(model, {"classes": classes, "image_size": 32, "temperature": 1.0, "thresholds": None})
    data = tmp_path / "photos"
    write_synthetic_photos(data, scenes_per_class=1)
    masks, mask = tmp_path / "masks", Image.fromarray(middle_half(224))
    for label, view, width in (("measles", 1, 224), ("mpox", 0, 100)):
        (masks / label).mkdir(parents=True)
        mask.resize((width, 224)).save(masks / label / f"{label}_000_{view}.png")
    arguments = ["check-explanations", "--model", model, "--data", data, "--masks", masks, "--out", tmp_path / "out"]
    arguments += ["--photos", 3, "--method", "class_activation_map", "--method", "occlusion"]
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exit_code == 2
    assert "1 of the photos and masks could not be used" in result.stderr
    assert "lesion hidden" in result.stdout
    figures = json.loads((tmp_path / "out" / "results.json").read_text())
    assert set(figures["methods"]) == {"class_activation_map", "occlusion", "random"}
    assert "correlation_with_shuffled_weights" in figures["methods"]["occlusion"]
    assert figures["shuffled_photos"] == figures["photos"] == 3
    # Of eight photos those with a mask come first; one of the two masks is of another photo.
    assert (figures["lesions"]["photos"], figures["lesions"]["without_mask"]) == (1, 1)
    assert list(figures["lesions"]["errors"]) == ["mpox/mpox_000_0.png"]
    assert figures["occlusion_tests"]["lesion"]["photos"] == 1
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Pointing game" in page
    assert "expected the same proportions" in page.lower()
