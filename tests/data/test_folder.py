"""Folders of class folders and the tables beside the photos."""

import numpy as np
import pytest
from PIL import Image

from mpox_keras.config import parse_config
from mpox_keras.data.folder import DataError, class_of_folder, expand_photos, metadata_columns, read_folder
from mpox_keras.data.loading import with_classes
from mpox_keras.data.sources import read_grouped_photos, read_photos


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "photos"
    for file in ("Monkeypox/m1.png", "Monkeypox/m2.jpg", "Chickenpox/c1.png", "Normal/deeper/n1.png"):
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), 120, "uint8")).save(path)
    (root / "Normal" / "notes.txt").write_text("no photo")
    (root / ".hidden").mkdir()
    (root / "empty").mkdir()
    return root


def test_labels_follow_the_folders(folder):
    photos = read_folder(folder)
    assert [(photo.file, photo.label, photo.group) for photo in photos] == [
        ("Chickenpox/c1.png", "chickenpox", "Chickenpox/c1.png"),
        ("Monkeypox/m1.png", "mpox", "Monkeypox/m1.png"),
        ("Monkeypox/m2.jpg", "mpox", "Monkeypox/m2.jpg"),
        ("Normal/deeper/n1.png", "normal", "Normal/deeper/n1.png"),
    ]
    assert photos[0].encoded.is_file()


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Monkey_Pox", "mpox"),
        ("Healthy", "normal"),
        *((name, "other_rash") for name in ("other_rash", "Other rash", "Others", "Non_Mpox", "non monkeypox")),
        # A class of its own, of which networks know what it is.
        ("Other", "other"),
    ],
)
def test_what_folders_may_be_called(name, label):
    assert class_of_folder(name) == label


def test_a_folder_means_a_given_class_in_any_case_and_however_its_accents_are_written(folder):
    (folder / "EKZEM_a\u0308").mkdir()
    Image.new("RGB", (16, 16)).save(folder / "EKZEM_a\u0308" / "e.png")
    classes = ["Ekzem ä", "Monkeypox", "NORMAL", "Chickenpox"]
    assert {photo.label for photo in read_folder(folder, classes)} == set(classes)
    config = with_classes(parse_config({"data": {"classes": classes}}), read_folder(folder, classes))
    assert config.data.classes == classes


GROUPS = """file,group,fold,drop
Monkeypox/m1.png,7,1,
Monkeypox/m2.jpg,7,1,
Chickenpox/c1.png,8,0,
Normal/deeper/n1.png,9,,blurred
"""


def test_audit_wins_over_groups_and_a_given_table_over_both(folder, tmp_path):
    (folder / "groups.csv").write_text("file,group\n")
    (folder / "audit.csv").write_text(GROUPS)
    (folder / "metadata.csv").write_text("file,stage,skin_tone,other\nMonkeypox/m1.png,early,,x\n")
    photos = read_folder(folder)
    assert [(photo.group, photo.fold) for photo in photos] == [("8", 0), ("7", 1), ("7", 1)]
    assert photos[1].metadata == {"stage": "early"}
    assert metadata_columns(photos)["stage"] == ["", "early", ""]
    assert "patient" not in metadata_columns(photos)
    other = tmp_path / "other.csv"
    other.write_text(GROUPS.replace(",7,", ",12,"))
    assert {photo.group for photo in read_folder(folder, groups=other)} == {"8", "12"}


def test_a_label_may_be_said_to_be_doubtful_in_any_table(folder):
    (folder / "groups.csv").write_text(GROUPS.replace("drop\n", "drop,doubt\n").replace("m1.png,7,1,", "m1.png,7,1,,scabies?"))
    (folder / "metadata.csv").write_text("file,doubt\nChickenpox/c1.png,no photo of skin\n")
    photos = read_folder(folder)
    assert [photo.metadata for photo in photos] == [{"doubt": "no photo of skin"}, {"doubt": "scabies?"}, {}]
    assert metadata_columns(photos)["doubt"] == ["doubtful", "doubtful", ""]


def test_groups_that_share_a_patient_are_joined(folder):
    (folder / "groups.csv").write_text(GROUPS.replace("m2.jpg,7,1,", "m2.jpg,10,1,").replace(",9,,blurred", ",9,1,"))
    (folder / "metadata.csv").write_text("file,patient\nMonkeypox/m1.png,A\nNormal/deeper/n1.png,A\nChickenpox/c1.png,\n")
    groups = {photo.file: photo.group for photo in read_folder(folder)}
    assert groups["Monkeypox/m1.png"] == groups["Normal/deeper/n1.png"]
    assert len({groups["Monkeypox/m1.png"], groups["Monkeypox/m2.jpg"], groups["Chickenpox/c1.png"]}) == 3


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("file,fold\n", "lacks the column group"),
        ("file,group\nMonkeypox/m1.png,1\nMonkeypox/m1.png,2\n", "lists Monkeypox/m1.png twice"),
        ("file,group\nMonkeypox/m1.png,1\n", "has no row for Chickenpox/c1.png"),
        (GROUPS.replace(",8,0,", ",8,first,"), "gives fold 'first' for Chickenpox/c1.png"),
        (GROUPS.replace(",1,\n", ",1,x\n").replace(",0,\n", ",0,x\n"), "drops every photo"),
        (b"file,group\n\xff\xfe", "is not UTF-8"),
    ],
)
def test_tables_that_do_not_fit_are_explained(folder, table, message):
    (folder / "groups.csv").write_bytes(table if isinstance(table, bytes) else table.encode())
    with pytest.raises(DataError, match=message):
        read_folder(folder)


def test_folders_that_do_not_fit_are_explained(folder, tmp_path):
    with pytest.raises(DataError, match="is not a folder"):
        read_folder(tmp_path / "missing")
    with pytest.raises(DataError, match="holds no photos in class folders"):
        read_folder(folder / "empty")
    with pytest.raises(DataError, match="name no class: Chickenpox"):
        read_folder(folder, classes=["mpox", "normal"])


def test_a_config_that_names_no_classes_takes_those_of_the_folders(folder):
    (folder / "Eczema").mkdir()
    Image.new("RGB", (16, 16)).save(folder / "Eczema" / "e.png")
    photos = read_folder(folder)
    assert with_classes(parse_config({}), photos).data.classes == ["mpox", "chickenpox", "normal", "eczema"]
    named = parse_config({"data": {"classes": ["normal", "mpox", "eczema", "chickenpox"]}})
    assert with_classes(named, photos) == named
    with pytest.raises(DataError, match=r"no photos of measles. Add some, or leave the class out of data\.classes"):
        with_classes(parse_config({"data": {"classes": ["mpox", "measles"]}}), photos)
    with pytest.raises(DataError, match="all photos are of one class, eczema"):
        with_classes(parse_config({}), [photo for photo in photos if photo.label == "eczema"])


def test_a_split_asks_for_groups(folder):
    with pytest.raises(DataError, match="mpox-keras data check"):
        read_grouped_photos(folder, ["mpox", "chickenpox", "normal"])
    (folder / "groups.csv").write_text(GROUPS)
    assert len(read_grouped_photos(folder, ["mpox", "chickenpox", "normal"])) == 3


def test_a_dataset_that_is_not_built_says_how_to_build_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match="tfds build mpox/mcsi --imports"):
        read_photos("mpox/mcsi", ["mpox"])
    with pytest.raises(DataError, match=r"no data set mpox/mine, .* There are mpox/msid, mpox/msld_v2"):
        read_photos("mpox/mine")


def test_arguments_are_expanded_to_photos(folder):
    names = [path.name for path in expand_photos([str(folder / "Monkeypox"), str(folder / "*" / "c*.png")])]
    assert names == ["m1.png", "m2.jpg", "c1.png"]
    with pytest.raises(DataError, match=r"nothing-\*"):
        expand_photos([str(folder / "Monkeypox"), "nothing-*"])
