"""The experiments run, each by its command: tiny pictures, one epoch."""

import csv
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image, ImageOps
from tiny_network import tiny

from mpox_keras.config import load_config
from mpox_keras.data.augmentation import augment
from mpox_keras.data.folder import DataError
from mpox_keras.data.synthetic import write_synthetic_photos
from mpox_keras.inference.metadata import read_metadata, write_metadata
from mpox_keras.utils.classes import CLASSES
from mpox_keras.utils.files import PRESETS_FOLDER

pytestmark = pytest.mark.usefixtures("without_graphs")

ROOT = Path(__file__).parent.parent.parent
TINY = ["model.weights=null", "model.image_size=32", "training.epochs=1", "training.batch_size=8", "training.threads=null"]
SKIN, WALL = (205, 150, 125), (40, 90, 200)


@pytest.fixture(autouse=True)
def experiments(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools" / "experiments")
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if str(ROOT / "tools") in str(getattr(sys.modules[name], "__file__", "")):
            del sys.modules[name]


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data") / "photos"
    write_synthetic_photos(folder, scenes_per_class=4)
    for file in folder.glob("*/*_00[02]_*.png"):
        with Image.open(file) as picture:
            ImageOps.expand(picture.crop((40, 40, 184, 184)), 40, "navy").save(file)
    return folder


def run(main, photos, out, *arguments):
    sets = [word for value in [*TINY, "data.folds=2"] for word in ("--set", value)]
    result = CliRunner().invoke(main, [*arguments, "--data", str(photos), "--out", str(out), *sets], catch_exceptions=False)
    assert result.exit_code == 0, result.output


def rows(run):
    with (run / "out_of_fold.csv").open() as stream:
        return list(csv.DictReader(stream))


def test_every_run_has_a_config():
    from experiment import CONFIGS, RECIPE, read_runs

    for file in CONFIGS.glob("*.yaml"):
        for name, changes in read_runs(file.stem).items():
            assert name.startswith(RECIPE), "rows of other names belong to an earlier release"
            assert set(changes) <= {"config", "set", "network", "split", "change"}, name
            assert load_config(changes.get("config", RECIPE), changes.get("set", [])).data.classes == list(CLASSES)


def test_the_ablation_leaves_parts_out():
    from ablation import build_variant
    from experiment import RECIPE, read_runs

    model = load_config(RECIPE, ["model.weights=null", "model.image_size=32"]).model
    for run in read_runs("ablation").values():
        network = build_variant(model, 4, options=run["network"])
        assert list(network.output_names) == ["diagnosis"]
        assert not {layer.name for layer in network.layers if layer.name.startswith(("fusion", "pyramid"))}


def test_a_finished_run_says_how_it_is_recorded():
    from experiment import read_runs, recording_command

    name = "fast_mpoxnet_msid_framing_split_all_changes"
    assert recording_command(Path("runs") / name, "framing_split", read_runs("framing_split")[name]) == (
        f"python tools/record_results.py runs/{name} --config fast_mpoxnet_msid --changes "
        "'augmentation.crop_area=[0.08, 1.0]; degradation=0.5; grey=0.3; background=0.5' --split 'framing split'"
    )


@pytest.mark.slow
def test_copies_made_before_the_split_are_photos_of_their_own(photos, tmp_path, monkeypatch):
    import leaky_protocols

    monkeypatch.setattr("mpox_keras.training.fit.build_model", tiny)
    run(leaky_protocols.main, photos, tmp_path, "fast_mpoxnet_msid_copies_first", "--copies", "2")
    found = rows(tmp_path / "fast_mpoxnet_msid_copies_first")
    assert len(found) == 3 * len(list(photos.glob("*/*.png")))
    assert {Path(row["file"]).stem.split("_")[1] for row in found} == {"0", "1", "2"}
    assert len({row["group"] for row in found}) == len(found)
    report = (tmp_path / "fast_mpoxnet_msid_copies_first" / "report.html").read_text()
    assert "copies of every photo made before the split" in report


@pytest.mark.slow
def test_folds_may_be_wide_shots_and_close_ups(photos, tmp_path, monkeypatch):
    import framing_split

    monkeypatch.setattr("mpox_keras.training.fit.build_model", tiny)
    name = "fast_mpoxnet_msid_framing_split_all_changes"
    run(framing_split.main, photos, tmp_path, name)
    framed = {file.relative_to(photos).as_posix() for file in photos.glob("*/*_00[02]_*.png")}
    assert {row["file"] for row in rows(tmp_path / name) if row["fold"] == "0"} == framed


def draw(skin_share, seed):
    """A patch of skin that fills a share of the width, before a wall of another colour."""
    photo = np.full((56, 56, 3), WALL, np.uint8)
    margin = round(28 * (1 - skin_share))
    photo[margin : 56 - margin, margin : 56 - margin] = SKIN
    return photo + np.random.default_rng(seed).integers(0, 6, photo.shape, np.uint8)


def test_framing_measures_skin_and_the_rim():
    from framing import framing

    assert framing(draw(1.0, 0))[:2] == (1.0, 1.0)
    assert framing(draw(0.5, 0))[:2] == (pytest.approx(0.25), 0)


def test_a_group_has_the_framing_of_most_of_its_photos_and_a_class_needs_both():
    from framing import assign_framings

    shares = np.array([1.0, 1.0, 0.4, 0.4, 0.4, 1.0])
    pixels = np.stack([draw(share, seed) for seed, share in enumerate(shares)])
    assert assign_framings(pixels, np.array(["mpox"] * 6), np.repeat([7, 8], 3), seed=0).tolist() == [1, 1, 1, 0, 0, 0]
    with pytest.raises(DataError, match="all photos of measles are framed alike"):
        assign_framings(pixels, np.array(["measles"] * 2 + ["mpox"] * 4), np.arange(6), seed=0)


def test_changes_are_made_to_the_share_of_photos_asked_for_and_the_background_alone_is_painted():
    from random_changes import RandomBackground, RandomDegradation

    def changed(photos, layer):
        return augment([layer], photos, np.zeros((len(photos), 1), "float32"), 0, 0)[0].numpy()

    walls = np.empty((400, 64, 64, 3), "float32")
    walls[:, :, :32], walls[:, :, 32:] = [60, 90, 160], [200, 150, 120]  # a blue wall beside skin
    walls[:, 30:33, 46:49] = [120, 30, 40]
    images = changed(walls, RandomBackground(0.25))
    assert 70 < (np.abs(images - walls).max(axis=(1, 2, 3)) > 1).sum() < 130
    np.testing.assert_allclose(images[:, :, 36:], walls[:, :, 36:], atol=1e-2)

    stripes = np.broadcast_to(np.linspace(30, 220, 64)[:, None, None], (200, 64, 64, 3)).astype("float32")
    images = changed(stripes, RandomDegradation(0.3))
    # Three changes, each drawn on its own, change 1 - 0.7^3 of the photos; some of them hardly to be seen.
    assert 50 < (np.abs(images - np.round(stripes)).max(axis=(1, 2, 3)) > 2).sum() < 150
    assert np.abs(images.mean(axis=(2, 3)) - stripes.mean(axis=(2, 3))).max() < 12


def test_a_preset_tells_how_often_it_gives_no_alarm_at_other_conditions(tmp_path):
    import measure_conditions

    shutil.copytree(PRESETS_FOLDER / "fast_mpoxnet", tmp_path / "preset")
    write_metadata(tmp_path / "preset", {**read_metadata(tmp_path / "preset"), "external": {"patients": 7}})
    shares = {"other": {"share": 0.8}, "pox_like": {"share": 0.5}}
    figures = {"photos": {"other": 30, "pox_like": 10}, "operating_points": {"0.9": {"no_alarm": shares}}}
    measure_conditions.tell_of_other_conditions(tmp_path / "preset", figures)
    told = read_metadata(tmp_path / "preset")["external"]
    assert told["patients"] == 7
    assert told["other_conditions"]["photos"] == 40
    assert told["other_conditions"]["no_alarm"] == {"0.9": pytest.approx((30 * 0.8 + 10 * 0.5) / 40)}


@pytest.mark.parametrize("name", ["fast_mpoxnet", "efficientnet_lite0"])
def test_a_preset_tells_what_its_results_file_holds(name):
    """A preset that is built anew loses what is measured afterwards, and would tell of what looks better."""
    results = json.loads((ROOT / "configs" / "results" / f"conditions_{name}.json").read_text(encoding="utf-8"))
    told = read_metadata(PRESETS_FOLDER / name)["external"]["other_conditions"]
    assert told["photos"] == sum(results["photos"].values())
    for recall, point in results["operating_points"].items():
        silent = sum(point["no_alarm"][kind]["share"] * photos for kind, photos in results["photos"].items())
        assert told["no_alarm"][recall] == pytest.approx(silent / told["photos"])
