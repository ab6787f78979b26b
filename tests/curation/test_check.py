import csv
import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image
from scenes import make_scene, recode

from mpox_keras.curation.check import check_folder
from mpox_keras.data.folder import DataError, read_folder


def save(directory, file, photo):
    path = directory / file
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(photo)).save(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Scenes 0 to 4 with every kind of trouble that the report tells apart."""
    directory = tmp_path_factory.mktemp("photos")
    scenes = [make_scene(seed, 160) for seed in range(5)]
    save(directory, "Monkeypox/a.png", scenes[0])
    save(directory, "Monkeypox/b.png", scenes[0][20:140, 30:150])  # a crop of a
    save(directory, "Monkeypox/sub folder/c.bmp", scenes[0])  # the pixels of a
    save(directory, "Measles/d.png", scenes[1])
    save(directory, "Chickenpox/e.png", recode(scenes[1], 80))  # d under another label
    save(directory, "Measles/f.png", scenes[1][:, :90])  # half of d
    save(directory, "Normal/g.png", scenes[2])
    save(directory, "Chickenpox/h.png", scenes[3])
    save(directory, "Measles/i.png", scenes[3][60:, 60:])  # a corner of h under another label
    save(directory, "Normal/j.png", scenes[4][:, :140])
    save(directory, "Normal/empty.png", scenes[2])
    (directory / "Normal/empty.png").write_bytes(b"")
    (directory / "Normal/text.jpg").write_text("no photo")
    (directory / "stray.png").write_bytes(b"in no class folder")
    return directory


@pytest.fixture(scope="module")
def report(folder):
    return check_folder(folder)


EXPECTED = {
    "Chickenpox/e.png": ("chickenpox", 0, "label conflict"),
    "Chickenpox/h.png": ("chickenpox", 1, ""),
    "Measles/d.png": ("measles", 0, "label conflict"),
    "Measles/f.png": ("measles", 0, ""),
    "Measles/i.png": ("measles", 1, ""),
    "Monkeypox/a.png": ("mpox", 2, ""),
    "Monkeypox/b.png": ("mpox", 2, ""),
    "Monkeypox/sub folder/c.bmp": ("mpox", 2, "pixel duplicate"),
    "Normal/empty.png": ("normal", 3, "unreadable"),
    "Normal/g.png": ("normal", 4, ""),
    "Normal/j.png": ("normal", 5, ""),
    "Normal/text.jpg": ("normal", 6, "unreadable"),
}


def test_groups_and_reasons_to_drop(report):
    assert {p.file: (p.label, p.group, p.drop) for p in report.photos} == EXPECTED
    assert [p.file for p in report.photos] == sorted(EXPECTED)


def test_findings(report):
    assert sorted(report.unreadable) == ["Normal/empty.png", "Normal/text.jpg"]
    assert "Normal/empty.png is empty" in report.unreadable["Normal/empty.png"]
    assert report.pixel_duplicates == [["Monkeypox/a.png", "Monkeypox/sub folder/c.bmp"]]
    assert report.alike == [["Chickenpox/e.png", "Measles/d.png"], ["Monkeypox/a.png", "Monkeypox/sub folder/c.bmp"]]
    assert report.label_conflicts == [["Chickenpox/e.png", "Measles/d.png"]]
    assert [(link.first, link.second) for link in report.mixed_links] == [("Chickenpox/h.png", "Measles/i.png")]
    assert report.sizes == {(160, 160): 6, (120, 120): 1, (90, 160): 1, (100, 100): 1, (140, 160): 1}
    assert report.scene_groups() == [
        ["Chickenpox/e.png", "Measles/d.png", "Measles/f.png"],
        ["Monkeypox/a.png", "Monkeypox/b.png", "Monkeypox/sub folder/c.bmp"],
        ["Chickenpox/h.png", "Measles/i.png"],
    ]


def test_report_as_dict_and_text(report, folder):
    values = json.loads(json.dumps(report.to_dict()))
    assert values["photos"] == 12
    assert values["usable"] == 7
    assert values["usable_groups"] == 5
    assert values["photos_per_class"] == {"chickenpox": 2, "measles": 3, "mpox": 3, "normal": 4}
    assert values["usable_per_class"] == {"chickenpox": 1, "measles": 2, "mpox": 2, "normal": 2}
    text = report.to_text()
    assert text.startswith(f"12 photos in {folder}\n")
    for line in [
        "  mpox: 3, usable 2",
        "  Normal/empty.png is empty (0 bytes). Copy or download it again.",
        "  Monkeypox/a.png = Monkeypox/sub folder/c.bmp",
        "  Chickenpox/e.png = Measles/d.png",
        "Groups of one scene (8 photos in them): 3",
        "Usable: 7 photos in 5 groups",
    ]:
        assert line in text.splitlines()
    assert "Chickenpox/h.png ~ Measles/i.png (correlation " in text


def test_groups_table_is_what_read_folder_reads(report, folder, tmp_path):
    table = tmp_path / "groups.csv"
    table.write_text("old")
    report.write_groups(table)
    with table.open(newline="") as stream:
        rows = list(csv.reader(stream))
    assert rows[0] == ["file", "label", "group", "drop"]
    assert {row[0]: (row[1], int(row[2]), row[3]) for row in rows[1:]} == EXPECTED
    assert list(tmp_path.iterdir()) == [table]

    photos = read_folder(folder, groups=table)
    assert {p.file: (p.label, int(p.group)) for p in photos} == {
        file: (label, group) for file, (label, group, drop) in EXPECTED.items() if not drop
    }


def test_equal_pixels_under_two_labels_are_all_dropped(tmp_path):
    for file in ("measles/1.png", "normal/2.png", "normal/3.png"):
        save(tmp_path, file, make_scene(0, 100))
    report = check_folder(tmp_path)
    assert {photo.drop for photo in report.photos} == {"label conflict"}
    assert report.label_conflicts == [["measles/1.png", "normal/2.png", "normal/3.png"]]
    assert report.to_dict()["usable"] == 0


def test_missing_opencv_is_told_before_any_photo_is_read(tmp_path):
    save(tmp_path, "mpox/1.png", make_scene(0, 100))
    script = "import sys; sys.modules['cv2'] = None; from mpox_keras.cli import main; main()"
    answer = subprocess.run([sys.executable, "-c", script, "data", "check", tmp_path], capture_output=True, text=True)
    assert answer.returncode == 2
    assert answer.stderr.startswith("error: finding duplicates needs the package opencv-python-headless: pip install")
    assert "mpox-keras[duplicates]" in answer.stderr
    assert not (tmp_path / "groups.csv").exists()


def test_own_classes(tmp_path):
    save(tmp_path, "acne/1.png", make_scene(0, 100))
    assert [photo.label for photo in check_folder(tmp_path, classes=("acne",)).photos] == ["acne"]
    assert [photo.label for photo in check_folder(tmp_path).photos] == ["acne"]
    with pytest.raises(DataError, match=r"name no class: acne.* for mpox, normal"):
        check_folder(tmp_path, classes=("mpox", "normal"))


def test_folder_whose_photos_are_all_unreadable(tmp_path):
    (tmp_path / "normal").mkdir()
    (tmp_path / "normal" / "1.png").write_bytes(b"nothing")
    report = check_folder(tmp_path)
    assert [(photo.group, photo.drop) for photo in report.photos] == [(0, "unreadable")]
    assert report.to_text().endswith("Usable: 0 photos in 0 groups")


def test_folder_without_photos(tmp_path):
    with pytest.raises(DataError, match="holds no photos in class folders"):
        check_folder(tmp_path)
    (tmp_path / "normal").mkdir()
    (tmp_path / "normal" / "notes.txt").write_text("no photo")
    with pytest.raises(DataError, match="holds no photos in class folders"):
        check_folder(tmp_path)
    with pytest.raises(DataError, match="missing is not a folder"):
        check_folder(tmp_path / "missing")


def test_progress_is_told_step_by_step(tmp_path):
    save(tmp_path, "normal/1.png", make_scene(0, 64))
    save(tmp_path, "normal/2.png", make_scene(1, 64))
    calls = []
    check_folder(tmp_path, progress=lambda *call: calls.append(call))
    assert calls[:2] == [("decoding", 1, 2), ("decoding", 2, 2)]
    assert {step for step, _, _ in calls} >= {"decoding", "keypoints", "neighbours"}
