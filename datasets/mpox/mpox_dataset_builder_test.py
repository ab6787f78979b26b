"""The checks of TFDS on `dummy_data`, and what its README promises on photos of noise.

`dummy_data` holds pictures drawn by `mpox_keras.data.synthetic.draw_scene`, 16 pixels wide, in the layout of each collection.
"""

import csv
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from mpox_keras.data.decode import decode_photo
from mpox_keras.data.folder import CLASSES, DataError
from mpox_keras.datasets.mpox import mpox_dataset_builder

DUMMY_DATA = Path(__file__).parent / "dummy_data"
MSID_FOLDERS = ("Monkeypox", "Chickenpox", "Measles", "Normal")
MSLD_V2_FOLDERS = {
    "Monkeypox": "MKP",
    "Chickenpox": "CHP",
    "Measles": "MSL",
    "Healthy": "HEALTHY",
    "Cowpox": "CWP",
    "HFMD": "HFMD",
}
MCSI_FOLDERS = ("Monkeypox", "Chickenpox", "Acne", "Healthy")


def write_photo(path, seed=0, mode="RGB", **save_options):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (12, 16, 3), "uint8")
    Image.fromarray(pixels).convert(mode).save(path, **save_options)


def write_table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_class_folders(directory, folders=MSID_FOLDERS, photos=2):
    for i, folder in enumerate(folders):
        for j in range(photos):
            write_photo(directory / folder / f"{folder.lower()}{j}.png", seed=10 * i + j)
    return directory


def write_msld_v2(directory, originals="Original Images/FOLDS"):
    """Two folds, two patients per class; patient 1 has two photos. Every photo lies in every fold."""
    for i, (folder, code) in enumerate(MSLD_V2_FOLDERS.items()):
        for patient, image in ((1, 1), (1, 2), (2, 1)):
            name = f"{code}_{patient:02}_{image:02}.jpg"
            for fold in (1, 2):
                part = "Test" if patient == fold else ("Train", "Valid")[image - 1]
                write_photo(directory / originals / f"fold{fold}" / part / folder / name, seed=100 * i + patient)
        augmented = directory / "Augmented Images" / "FOLDS_AUG" / "fold1_AUG" / "Train" / folder
        write_photo(augmented / f"{code}_01_01_AUG3.jpg", seed=i)
    return directory


def write_mcsi(directory, folds=10):
    for fold in range(1, folds + 1):
        write_class_folders(directory / f"fold{fold}", MCSI_FOLDERS, photos=1)
    return directory


def build(config, manual_dir, data_dir):
    builder = mpox_dataset_builder.Builder(config=config, data_dir=data_dir)
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=manual_dir))
    return builder


def examples(builder):
    """The examples by file, texts decoded and labels by name."""
    names = builder.info.features["label"].names
    found = {}
    for example in tfds.as_numpy(builder.as_dataset(split="train")):
        row = {key: value.decode() if isinstance(value, bytes) else value for key, value in example.items()}
        row["label"] = names[row["label"]]
        found[row["file"]] = row
    return found


class MsidTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = mpox_dataset_builder.Builder
    EXAMPLE_DIR = DUMMY_DATA / "msid"
    BUILDER_CONFIG_NAMES_TO_TEST = ("msid", "folder")
    SPLITS = {"train": 8}  # noqa: RUF012


class MsldV2Test(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = mpox_dataset_builder.Builder
    EXAMPLE_DIR = DUMMY_DATA / "msld_v2"
    BUILDER_CONFIG_NAMES_TO_TEST = ("msld_v2",)
    SPLITS = {"train": 12}  # noqa: RUF012


class McsiTest(tfds.testing.DatasetBuilderTestCase):
    DATASET_CLASS = mpox_dataset_builder.Builder
    EXAMPLE_DIR = DUMMY_DATA / "mcsi"
    BUILDER_CONFIG_NAMES_TO_TEST = ("mcsi",)
    SPLITS = {"train": 8}  # noqa: RUF012


def test_only_the_default_config_is_built_unasked_and_all_are_known_by_name():
    assert [config.name for config in mpox_dataset_builder.Builder.BUILDER_CONFIGS] == ["msid"]
    assert list(mpox_dataset_builder.Builder.builder_configs) == ["msid", "msld_v2", "mcsi", "folder"]
    assert tfds.builder("mpox", data_dir="/nonexistent").builder_config.name == "msid"


@pytest.mark.parametrize(
    ("config", "classes"),
    [
        ("msid", list(CLASSES)),
        ("msld_v2", ["mpox", "chickenpox", "measles", "normal", "cowpox", "hfmd"]),
        ("mcsi", ["mpox", "chickenpox", "acne", "normal"]),
    ],
)
def test_class_order_source_and_licence(config, classes):
    builder = mpox_dataset_builder.Builder(config=config, data_dir="/nonexistent")
    assert builder.info.features["label"].names == classes
    assert builder.info.homepage in builder.builder_config.description
    assert builder.info.redistribution_info.license in builder.builder_config.description


def test_msid_labels_groups_folds_and_metadata(tmp_path):
    photos = write_class_folders(tmp_path / "msid")
    files = [path.relative_to(photos).as_posix() for path in sorted(photos.rglob("*.png"))]
    rows = [{"file": f, "group": f"scene{i // 2}", "fold": i // 2, "drop": ""} for i, f in enumerate(files)]
    rows[0]["drop"] = "duplicate"
    write_table(photos / "audit.csv", rows)
    write_table(photos / "groups.csv", [{**row, "group": "not used"} for row in rows])
    record = {"file": files[4], "patient": "p7", "stage": "early", "source": "clinic", "skin_tone": "VI"}
    write_table(photos / "metadata.csv", [record])

    found = examples(build("msid", photos, tmp_path / "tfds"))

    assert sorted(found) == files[1:]
    assert {file: row["label"] for file, row in found.items() if file.endswith("1.png")} == {
        "Chickenpox/chickenpox1.png": "chickenpox",
        "Measles/measles1.png": "measles",
        "Monkeypox/monkeypox1.png": "mpox",
        "Normal/normal1.png": "normal",
    }
    for row in rows[1:]:
        assert (found[row["file"]]["group"], found[row["file"]]["fold"]) == (row["group"], row["fold"])
    assert {key: found[files[4]][key] for key in record} == record
    assert [found[files[5]][key] for key in ("patient", "stage", "source", "skin_tone")] == ["", "", "", ""]


def test_without_tables_every_photo_is_a_group_and_has_no_fold(tmp_path):
    found = examples(build("msid", write_class_folders(tmp_path / "msid"), tmp_path / "tfds"))
    assert all((row["group"], row["fold"]) == (file, -1) for file, row in found.items())


@pytest.mark.parametrize("originals", ["Original Images/FOLDS", "Original Images/Original Images/FOLDS"])
def test_msld_v2_reads_each_original_once_with_its_patient_and_fold(tmp_path, originals):
    found = examples(build("msld_v2", write_msld_v2(tmp_path / "msld", originals), tmp_path / "tfds"))
    assert len(found) == 18
    assert not [file for file in found if "AUG" in file]
    assert {
        (file, row["label"], row["group"], row["patient"], row["fold"])
        for file, row in found.items()
        if row["label"] in ("mpox", "normal")
    } == {
        ("Monkeypox/MKP_01_01.jpg", "mpox", "MKP_01", "MKP_01", 0),
        ("Monkeypox/MKP_01_02.jpg", "mpox", "MKP_01", "MKP_01", 0),
        ("Monkeypox/MKP_02_01.jpg", "mpox", "MKP_02", "MKP_02", 1),
        ("Healthy/HEALTHY_01_01.jpg", "normal", "HEALTHY_01", "HEALTHY_01", 0),
        ("Healthy/HEALTHY_01_02.jpg", "normal", "HEALTHY_01", "HEALTHY_01", 0),
        ("Healthy/HEALTHY_02_01.jpg", "normal", "HEALTHY_02", "HEALTHY_02", 1),
    }


def test_msld_v2_photo_tested_in_two_folds_has_no_fold(tmp_path):
    photos = write_msld_v2(tmp_path / "msld")
    folds = photos / "Original Images" / "FOLDS"
    name = "Monkeypox/MKP_01_01.jpg"
    (folds / "fold2" / "Train" / name).rename(folds / "fold2" / "Test" / name)
    assert examples(build("msld_v2", photos, tmp_path / "tfds"))[name]["fold"] == -1


def test_msld_v2_tables_in_manual_dir_are_used(tmp_path):
    photos = write_msld_v2(tmp_path / "msld")
    files = [f"{folder}/{code}_{end}.jpg" for folder, code in MSLD_V2_FOLDERS.items() for end in ("01_01", "01_02", "02_01")]
    rows = [{"file": file, "group": "", "drop": ""} for file in files]
    rows[0]["group"] = "same as MKP_02"
    rows[1]["drop"] = "blurred"
    write_table(photos / "groups.csv", rows)
    write_table(photos / "metadata.csv", [{"file": files[0], "stage": "late", "skin_tone": ""}])

    found = examples(build("msld_v2", photos, tmp_path / "tfds"))

    assert sorted(found) == sorted(set(files) - {files[1]})
    assert [found[files[0]][key] for key in ("group", "patient", "stage")] == ["same as MKP_02", "MKP_01", "late"]
    assert found[files[2]]["group"] == "MKP_02"

    write_table(photos / "groups.csv", rows[1:])
    with pytest.raises(DataError, match=r"groups\.csv has no row for Monkeypox/MKP_01_01\.jpg"):
        build("msld_v2", photos, tmp_path / "tfds2")


def test_msld_v2_unknown_patient_is_an_error(tmp_path):
    photos = write_msld_v2(tmp_path / "msld")
    write_photo(photos / "Original Images" / "FOLDS" / "fold1" / "Train" / "Cowpox" / "IMG_2031.jpg")
    with pytest.raises(DataError, match=r"IMG_2031\.jpg is not named DISEASE_PATIENT_IMAGE"):
        build("msld_v2", photos, tmp_path / "tfds")


def test_mcsi_folds_count_by_number_and_class_folders_alone_have_none(tmp_path):
    found = examples(build("mcsi", write_mcsi(tmp_path / "mcsi"), tmp_path / "tfds"))
    assert found["fold1/Acne/acne0.png"]["fold"] == 0
    assert found["fold2/Acne/acne0.png"]["fold"] == 1
    assert found["fold10/Acne/acne0.png"]["fold"] == 9
    assert found["fold10/Acne/acne0.png"]["label"] == "acne"
    assert len({row["group"] for row in found.values()}) == 40

    alone = examples(build("mcsi", write_class_folders(tmp_path / "alone", MCSI_FOLDERS), tmp_path / "tfds2"))
    assert {row["fold"] for row in alone.values()} == {-1}


def test_folder_takes_class_names_from_folders_and_reads_them_back(tmp_path):
    write_class_folders(tmp_path / "own", ("Shingles", "Healthy", "Acne", "m-pox"))
    build("folder", tmp_path / "own", tmp_path / "tfds")

    dataset, info = tfds.load("mpox/folder", split="train", data_dir=tmp_path / "tfds", with_info=True, download=False)
    # The package's own classes come first, in its order.
    assert info.features["label"].names == ["mpox", "normal", "acne", "shingles"]
    assert {(example["file"].decode().split("/")[0], int(example["label"])) for example in tfds.as_numpy(dataset)} == {
        ("m-pox", 0),
        ("Healthy", 1),
        ("Acne", 2),
        ("Shingles", 3),
    }


def test_own_config_name_keeps_two_folders_apart(tmp_path):
    for name, folders in (("clinic_a", ("Mpox", "Acne")), ("clinic_b", ("Mpox", "Scabies", "Normal"))):
        config = mpox_dataset_builder.MpoxConfig(name=name)
        build(config, write_class_folders(tmp_path / name, folders), tmp_path / "tfds")
    for name, classes in (("clinic_a", ["mpox", "acne"]), ("clinic_b", ["mpox", "normal", "scabies"])):
        builder = tfds.builder(f"mpox/{name}", data_dir=tmp_path / "tfds")
        assert builder.info.features["label"].names == classes


def test_photos_become_what_decode_photo_gives(tmp_path):
    photos = write_class_folders(tmp_path / "own", ("Mpox", "Normal"), photos=1)
    turned = Image.Exif()
    turned[0x0112] = 6
    write_photo(photos / "Mpox" / "turned.jpg", exif=turned)
    write_photo(photos / "Mpox" / "cmyk.jpg", mode="CMYK")
    write_photo(photos / "Mpox" / "palette.png", mode="P")
    write_photo(photos / "Mpox" / "grey.png", mode="L")
    write_photo(photos / "Mpox" / "see_through.webp", mode="RGBA", lossless=True)
    Image.fromarray(np.arange(0, 65536, 256, "uint16").reshape(16, 16)).save(photos / "Mpox" / "deep.png")

    found = examples(build("folder", photos, tmp_path / "tfds"))

    assert len(found) == 8
    assert found["Mpox/turned.jpg"]["image"].shape == (16, 12, 3)
    for file, row in found.items():
        np.testing.assert_array_equal(row["image"], decode_photo(photos / file), err_msg=file)


def test_unreadable_photo_is_named_with_what_to_do(tmp_path):
    photos = write_class_folders(tmp_path / "msid")
    (photos / "Measles" / "measles1.png").write_bytes(b"not a photo")
    with pytest.raises(DataError, match=r"Measles/measles1\.png is not a readable .*mpox-keras data check"):
        build("msid", photos, tmp_path / "tfds")


def test_missing_or_empty_manual_dir(tmp_path):
    (tmp_path / "empty").mkdir()
    for directory in (tmp_path / "missing", tmp_path / "empty"):
        with pytest.raises(DataError, match="There are no photos: Get the photos of mpox/msld_v2") as caught:
            build("msld_v2", directory, tmp_path / "tfds")
        message = str(caught.value)
        assert "Original Images/FOLDS" in message
        assert "kaggle.com/datasets/joydippaul" in message
        assert "tfds build mpox --config msld_v2 --manual_dir" in message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--imports", "mpox_keras.datasets"], "error: There are no photos: Get the photos of mpox/msid yourself (https"),
        ([], "The dataset is in the folder datasets: run `tfds build datasets/mpox --manual_dir DIR`, DIR with the photos."),
    ],
)
def test_the_command_without_photos_ends_in_one_sentence(tmp_path, options, sentence):
    root = Path(__file__).parents[2]
    command = [shutil.which("tfds"), "build", "mpox", *options, "--data_dir", str(tmp_path)]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith(sentence)


def test_archive_given_as_manual_dir(tmp_path):
    (tmp_path / "msid.zip").write_bytes(b"")
    with pytest.raises(DataError, match=r"msid\.zip is a file\. Unpack it"):
        build("msid", tmp_path / "msid.zip", tmp_path / "tfds")


@pytest.mark.parametrize("config", ["msid", "msld_v2", "mcsi", "folder"])
def test_wrong_layout_tells_what_was_looked_for_and_found(tmp_path, config):
    write_class_folders(tmp_path / "wrong", ("Eczema",))
    (tmp_path / "wrong" / "photos.zip").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        build(config, tmp_path / "wrong", tmp_path / "tfds")
    message = str(caught.value)
    assert f"{tmp_path / 'wrong'} does not hold the files of mpox/{config}. Found there: Eczema, photos.zip." in message
    assert "unpack photos.zip" in message
    assert f"tfds build mpox --config {config} --manual_dir" in message
    assert mpox_dataset_builder.Builder.builder_configs[config].layout in message


def test_error_about_an_own_config_gives_a_command_that_works(tmp_path):
    (tmp_path / "file.txt").write_text("no photos here")
    with pytest.raises(DataError, match=r"""--config '{"name": "clinic_a"}' --manual_dir"""):
        build(mpox_dataset_builder.MpoxConfig(name="clinic_a"), tmp_path, tmp_path / "tfds")


@pytest.mark.parametrize(
    ("config", "write"),
    [("msid", write_class_folders), ("msld_v2", write_msld_v2), ("mcsi", write_mcsi), ("folder", write_class_folders)],
)
def test_files_one_folder_deeper_are_pointed_at(tmp_path, config, write):
    write(tmp_path / "outer" / "inner")
    with pytest.raises(DataError, match=r"one folder deeper: give --manual_dir '.*inner'"):
        build(config, tmp_path / "outer", tmp_path / "tfds")


def test_msid_needs_every_class(tmp_path):
    photos = write_class_folders(tmp_path / "msid", MSID_FOLDERS[:3])
    (photos / "Normal").mkdir()
    with pytest.raises(DataError, match="the folders Monkeypox, Chickenpox, Measles and Normal"):
        build("msid", photos, tmp_path / "tfds")


def test_groups_in_two_folds_are_warned_of(tmp_path, caplog):
    photos = write_class_folders(tmp_path / "msid")
    files = [path.relative_to(photos).as_posix() for path in sorted(photos.rglob("*.png"))]
    write_table(photos / "groups.csv", [{"file": f, "group": f"scene{i // 4}", "fold": i % 2} for i, f in enumerate(files)])
    with caplog.at_level("WARNING", logger="absl"):
        build("msid", photos, tmp_path / "tfds")
    assert "2 groups lie in more than one fold (scene0, scene1 ...)" in caplog.text


def test_the_package_does_not_import_tensorflow_datasets():
    code = "import sys, mpox_keras.data.folder, mpox_keras.data.decode; sys.exit('tensorflow_datasets' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
