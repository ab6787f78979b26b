"""Building a data set from several sources: folders with tables of their own, and CSV tables."""

import csv
import hashlib

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from scenes import make_scene, recode

from mpox_keras.cli import main
from mpox_keras.curation.build import build_folder
from mpox_keras.data.decode import decode_photo
from mpox_keras.data.folder import CLASSES, DataError
from mpox_keras.data.sources import read_grouped_photos


def save(path, photo, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(photo)).save(path, **options)


def read_rows(path):
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def content(directory):
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def turned_photo_with_place():
    """EXIF data of a photo taken at a place, to be turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x0110] = "Secret Phone 5"
    exif.get_ifd(0x8825)[1] = "N"
    return exif


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """The folder `clinic` with tables of its own, and the table `web.csv` with boxes, in which much of the clinic is again."""
    root = tmp_path_factory.mktemp("sources")
    scenes = [make_scene(seed, 160) for seed in range(8)]
    clinic = root / "clinic"
    save(clinic / "Monkeypox/a.png", scenes[0])
    save(clinic / "Monkeypox/b.png", scenes[1])
    save(clinic / "Monkeypox/again.bmp", scenes[0])
    save(clinic / "Monkeypox/near.png", recode(scenes[0], 85))
    save(clinic / "Normal/c.png", scenes[2])
    save(clinic / "Normal/blurred.png", scenes[3])
    save(clinic / "Normal/e.png", scenes[6])
    save(clinic / "Acne/d.png", scenes[3])
    files = ["Acne/d.png", *(f"Monkeypox/{name}" for name in ("a.png", "again.bmp", "b.png", "near.png")), "Normal/c.png"]
    rows = ["Normal/e.png,Monkeypox/b.png,", *(f"{file},{file}," for file in files)]
    (clinic / "groups.csv").write_text("\n".join(["file,group,drop", *rows, "Normal/blurred.png,x,too blurred"]))
    (clinic / "metadata.csv").write_text("file,patient,stage,licence\nMonkeypox/a.png,1,early,\nMonkeypox/b.png,2,,CC0\n")

    save(root / "pictures/copy.png", scenes[0])
    save(root / "pictures/similar.jpg", scenes[1], quality=80)
    save(root / "pictures/conflict.jpg", scenes[2], quality=80)
    save(root / "pictures/turned.jpg", scenes[4][:, :120], quality=95, exif=turned_photo_with_place())
    save(root / "pictures/corner.png", scenes[1][60:, 60:])
    save(root / "pictures/same_patient.png", scenes[5])
    (root / "pictures/broken.jpg").write_text("no photo")
    (root / "web.csv").write_text(
        "file,label,left,top,width,height,patient,source,licence,url\n"
        "pictures/copy.png,monkeypox,,,,,,,,\n"
        "pictures/similar.jpg,Mpox,,,,,7,,,\n"
        "pictures/conflict.jpg,measles,,,,,,,,\n"
        "pictures/turned.jpg,varicella,10,20,100.4,50,1,atlas,CC BY 4.0,https://example.org/1\n"
        "pictures/corner.png,mpox,,,,,,,,\n"
        "pictures/same_patient.png,normal,,,,,7,,,\n"
        "pictures/broken.jpg,normal,,,,,,,,\n"
        "pictures/missing.jpg,normal,,,,,,,,\n"
    )
    return root


OPTIONS = ["--label", "varicella=Chickenpox", "--label", "acne=", "--licence", "web=by permission"]


@pytest.fixture(scope="module")
def built(sources, tmp_path_factory):
    out = tmp_path_factory.mktemp("built") / "photos"
    arguments = ["data", "build", str(sources / "clinic"), str(sources / "web.csv"), "--out", str(out), *OPTIONS]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    return out, result.stdout


def test_every_photo_is_there_once(built):
    out, _ = built
    assert {photo.file: photo.label for photo in read_grouped_photos(out, CLASSES)} == {
        "chickenpox/web_0004.png": "chickenpox",
        "mpox/clinic_0002.png": "mpox",
        "mpox/clinic_0004.png": "mpox",
        "mpox/clinic_0005.png": "mpox",
        "mpox/web_0005.png": "mpox",
        "normal/clinic_0008.png": "normal",
        "normal/web_0006.png": "normal",
    }
    assert len(list(out.rglob("*.png"))) == 7
    left_out = {(row["source"], row["origin"]): row for row in read_rows(out / "left_out.csv")}
    assert {key: (row["label"], row["reason"].split(":")[0], row["duplicate_of"]) for key, row in left_out.items()} == {
        ("clinic", "Acne/d.png"): ("acne", "label left out", ""),
        ("clinic", "Monkeypox/again.bmp"): ("mpox", "pixel duplicate", "clinic:Monkeypox/a.png"),
        ("clinic", "Normal/blurred.png"): ("normal", "too blurred", ""),
        ("clinic", "Normal/c.png"): ("normal", "label conflict", "web:pictures/conflict.jpg"),
        ("web", "pictures/copy.png"): ("mpox", "pixel duplicate", "clinic:Monkeypox/a.png"),
        ("web", "pictures/similar.jpg"): ("mpox", "near identical", "clinic:Monkeypox/b.png"),
        ("web", "pictures/conflict.jpg"): ("measles", "label conflict", "clinic:Normal/c.png"),
        ("web", "pictures/broken.jpg"): ("normal", "unreadable", ""),
        ("web", "pictures/missing.jpg"): ("normal", "unreadable", ""),
    }
    assert "missing.jpg does not exist" in left_out["web", "pictures/missing.jpg"]["reason"]


def test_groups_join_scenes_patients_and_what_the_tables_join(built):
    groups = {row["file"]: row["group"] for row in read_rows(built[0] / "groups.csv")}
    # The patient 7 of the web is in a near copy of the clinic's b, which is left out, and is not the patient 1 of the clinic.
    assert groups["mpox/clinic_0004.png"] == groups["normal/web_0006.png"] == groups["mpox/web_0005.png"]
    assert groups["mpox/clinic_0004.png"] == groups["normal/clinic_0008.png"]
    assert groups["mpox/clinic_0002.png"] == groups["mpox/clinic_0005.png"]
    assert len(set(groups.values())) == 3
    assert {photo.file: photo.group for photo in read_grouped_photos(built[0], CLASSES)} == groups


def test_photos_are_cropped_after_their_turn_and_say_nothing_of_places(sources, built):
    out, _ = built
    original = sources / "pictures/turned.jpg"
    assert b"Secret Phone" in original.read_bytes()
    written = out / "chickenpox/web_0004.png"
    np.testing.assert_array_equal(decode_photo(written), decode_photo(original)[20:70, 10:110])
    with Image.open(written) as image:
        assert (image.format, image.info, dict(image.getexif())) == ("PNG", {}, {})


def test_metadata_tells_where_a_photo_is_from(sources, built):
    rows = {row["file"]: row for row in read_rows(built[0] / "metadata.csv")}
    assert rows["chickenpox/web_0004.png"] == {
        "file": "chickenpox/web_0004.png",
        "patient": "web:1",
        "stage": "",
        "source": "atlas",
        "skin_tone": "",
        "doubt": "",
        "licence": "CC BY 4.0",
        "url": "https://example.org/1",
        "origin": "pictures/turned.jpg",
        "sha256": hashlib.sha256((sources / "pictures/turned.jpg").read_bytes()).hexdigest(),
        "box": "10 20 100 50",
    }
    assert [rows["mpox/clinic_0002.png"][key] for key in ("patient", "stage", "source")] == ["clinic:1", "early", "clinic"]
    assert {file: row["licence"] for file, row in rows.items() if row["licence"] != "CC BY 4.0"} == {
        "mpox/clinic_0002.png": "",
        "mpox/clinic_0004.png": "CC0",
        "mpox/clinic_0005.png": "",
        "normal/clinic_0008.png": "",
        "mpox/web_0005.png": "by permission",
        "normal/web_0006.png": "by permission",
    }


def test_report_counts_what_was_kept_and_what_has_no_licence(built):
    lines = built[1].splitlines()
    assert lines[0] == f"7 photos in 3 groups in {built[0]}"
    for line in ["  mpox: 4", "  clinic: 4 of 8", "  web: 3 of 8", "  unreadable: 2", "  label conflict: 2"]:
        assert line in lines
    mixed = lines.index("Groups with more than one label, kept: look at these: 1")
    assert lines[mixed + 1] == "  4: mpox/clinic_0004.png, mpox/web_0005.png, normal/clinic_0008.png, normal/web_0006.png"
    assert lines[-2:] == ["Without a known licence (--licence SOURCE=TEXT names it): 3", "  clinic: 3"]


@pytest.mark.slow
def test_the_same_sources_give_the_same_bytes_and_their_order_decides(sources, built, tmp_path):
    paths = [sources / "clinic", sources / "web.csv"]
    labels, licences = {"varicella": "chickenpox", "acne": ""}, {"web": "by permission"}
    (tmp_path / "again").mkdir()
    build_folder(paths, tmp_path / "again", labels=labels, licences=licences)
    assert content(tmp_path / "again") == content(built[0])
    report = build_folder(paths[::-1], tmp_path / "turned", labels=labels)
    assert [photo.file for photo in report.kept] == [
        "chickenpox/web_0004.png",
        "mpox/web_0001.png",
        "mpox/web_0002.png",
        "mpox/web_0005.png",
        "normal/clinic_0008.png",
        "normal/web_0006.png",
    ]


@pytest.fixture
def folded(tmp_path):
    """A folder with groups and folds, and a table with groups, folds and a label that may be wrong."""
    for name in ("Monkeypox/a", "Monkeypox/b", "Normal/c", "pictures/d", "pictures/e", "pictures/f", "pictures/g"):
        path = tmp_path / (name if name.startswith("pictures") else f"clinic/{name}")
        save(path.with_suffix(".png"), make_scene(ord(name[-1]), 64))
    save(tmp_path / "pictures/again.png", make_scene(ord("a"), 64))
    (tmp_path / "clinic/groups.csv").write_text("file,group,fold\nMonkeypox/a.png,1,2\nMonkeypox/b.png,1,2\nNormal/c.png,2,0\n")
    (tmp_path / "web.csv").write_text(
        "file,label,group,fold,patient,doubt\n"
        "pictures/d.png,mpox,1,1,,\npictures/e.png,mpox,1,,,perhaps scabies\npictures/f.png,normal,,,7,\n"
        "pictures/g.png,normal,,0,7,\npictures/again.png,mpox,1,1,,\n"
    )
    return tmp_path


def test_groups_and_folds_of_the_sources_are_taken_over(folded):
    command = ["data", "build", str(folded / "clinic"), str(folded / "web.csv"), "--out", str(folded / "out"), "--no-match"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    photos = {photo.file: photo for photo in read_grouped_photos(folded / "out")}
    assert {file: photo.fold for file, photo in photos.items()} == {
        # A copy joins two groups, and their commonest fold is that of the first.
        "mpox/clinic_0001.png": 2,
        "mpox/clinic_0002.png": 2,
        "normal/clinic_0003.png": 0,
        "mpox/web_0001.png": 2,
        "mpox/web_0002.png": 2,
        # One patient, with a fold of one photo.
        "normal/web_0003.png": 0,
        "normal/web_0004.png": 0,
    }
    assert len({photo.group for photo in photos.values()}) == 3
    assert photos["mpox/web_0002.png"].metadata["doubt"] == "perhaps scabies"
    assert "doubt" not in photos["mpox/web_0001.png"].metadata


def test_without_matching_copies_with_equal_pixels_alone_are_found(folded, monkeypatch):
    def refuse(*arguments):
        raise AssertionError("it would take hours")

    save(folded / "pictures/near.png", recode(make_scene(ord("b"), 64), 90))
    with (folded / "web.csv").open("a") as table:
        table.write("pictures/near.png,mpox,,,,\n")
    monkeypatch.setattr("mpox_keras.curation.check.find_scene_pairs", refuse)
    report = build_folder([folded / "clinic", folded / "web.csv"], folded / "out", match_scenes=False)
    assert {photo.origin: photo.drop for photo in report.photos if photo.drop} == {"pictures/again.png": "pixel duplicate"}
    groups = {photo.origin: report.groups[photo.file] for photo in report.kept}
    assert list(groups.values()).count(groups["pictures/near.png"]) == 1


@pytest.mark.slow
def test_tfds_builds_it(built, tmp_path):
    import tensorflow_datasets as tfds

    import mpox_keras.datasets  # noqa: F401 - registers the builder
    from mpox_keras.data.sources import read_dataset

    builder = tfds.builder("mpox/folder", data_dir=tmp_path)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=built[0]))
    photos = read_dataset(builder)
    assert [(photo.file, photo.label, photo.group, photo.metadata) for photo in photos] == [
        (photo.file, photo.label, photo.group, photo.metadata) for photo in read_grouped_photos(built[0], CLASSES)
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.png,mpox,,,,,first", r"own\.csv gives fold 'first' for a\.png; expected a whole number from 0"),
        ("a.png,mpox,1,2,,20", r"own\.csv, row 2 \(a\.png\) has the box left=1, top=2, width=, height=20; expected four"),
        ("a.png,mpox,1,2,wide,20", "width=wide, height=20; expected four numbers"),
        ("a.png,mpox,1,nan,20,20", "expected four numbers"),
        ("a.png,mpox,1,2,0,20", "at least 8 pixels"),
        ("a.png,mpox,1,2,64,20", r"row 2 \(a\.png\) has the box .* not inside the photo of 64 x 64 pixels"),
        ("a.png,mpox,-1,2,20,20", "not inside the photo"),
        ("a.png,acne,,,,", r"row 2 \(a\.png\) has the label 'acne'.*'acne' \(1\)\. Map them \(--label OLD=NEW\)"),
        ("a.png,,,,,", "has the label '', which is none"),
        ("a.png,mpox,,,,\na.png,mpox,,,,", r"own\.csv lists a\.png twice"),
        (",mpox,,,,", "row 2 names no file"),
        ("b.png,mpox,,,,", r"no photo of the source own can be used; .*b\.png does not exist"),
        ("", r"own\.csv lists no photos"),
    ],
)
def test_tables_that_do_not_fit_are_explained_and_nothing_is_written(tmp_path, row, message):
    save(tmp_path / "a.png", make_scene(0, 64))
    (tmp_path / "own.csv").write_text(f"file,label,left,top,width,height,fold\n{row}\n")
    with pytest.raises(DataError, match=message):
        build_folder([tmp_path / "own.csv"], tmp_path / "out", ["mpox", "normal"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "own.csv"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing"], "missing is neither a folder nor a CSV table"),
        (["own/mpox/a.png"], "a.png is neither a folder nor a CSV table"),
        (["own", "other/own.csv"], "own and other/own.csv are both called own"),
        (["own", "--out", "own/out"], "own/out lies in the source own"),
        (["own", "--out", "other"], "other is there already and not an empty folder"),
        (["own", "--out", "other/own.csv"], "own.csv is there already"),
        (["empty"], "empty holds no photos in class folders"),
        (["other/own.csv"], "own.csv lacks the column file"),
        (["own", "--label", "acne=mpox"], "no photo has the label 'acne'"),
        (["own", "--class", "mpox", "--class", "normal", "--label", "mpox=pox"], "'pox', which is no class"),
        (["own", "--label", "mpox="], "no photo of the source own can be used; the first one: label left out"),
        (["own", "--label", "mpox"], "cannot use --label 'mpox'"),
        (["own", "--licence", "clinic=CC0"], "there is no source clinic to give a licence; the sources are called own"),
        (["own", "--class", "acne"], "has the label 'mpox', which is none of the classes acne"),
    ],
)
def test_bad_input_gets_one_message_and_exit_code_2(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    save(tmp_path / "own/mpox/a.png", make_scene(0, 64))
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other/own.csv").write_text("label\n")
    before = content(tmp_path)
    result = CliRunner().invoke(main, ["data", "build", "--out", "out", *arguments])
    assert result.exit_code == 2, result.output
    assert result.stderr.splitlines()[-1].startswith("error: ")
    assert message in result.stderr
    assert content(tmp_path) == before


def test_without_a_list_every_label_is_a_class_and_a_list_wins(tmp_path):
    save(tmp_path / "own/Ekzem A\u0308/a.png", make_scene(0, 64))
    save(tmp_path / "own/TINEA_pedis/b.png", make_scene(1, 64))
    report = build_folder([tmp_path / "own"], tmp_path / "all", match_scenes=False)
    assert [photo.label for photo in report.kept] == ["ekzem ä", "tinea pedis"]
    report = build_folder([tmp_path / "own"], tmp_path / "named", ["Ekzem ä", "Tinea pedis"], match_scenes=False)
    assert sorted(path.name for path in (tmp_path / "named").iterdir() if path.is_dir()) == ["Ekzem ä", "Tinea pedis"]


@pytest.mark.parametrize("label", ["", "../out", "a/b", ".hidden"])
def test_a_label_that_leads_out_of_the_folder_is_refused(tmp_path, label):
    save(tmp_path / "a.png", make_scene(0, 64))
    (tmp_path / "own.csv").write_text(f"file,label\na.png,{label}\n")
    with pytest.raises(DataError, match="can't be the name of a folder"):
        build_folder([tmp_path / "own.csv"], tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.png", "own.csv"]


def test_photos_that_contradict_each_other_leave_nothing(tmp_path):
    save(tmp_path / "own/mpox/a.png", make_scene(0, 64))
    save(tmp_path / "own/normal/b.png", make_scene(0, 64))
    with pytest.raises(DataError, match="nothing is left of own"):
        build_folder([tmp_path / "own"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
