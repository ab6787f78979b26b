"""The TFDS dataset `mpox`: photos of mpox, of the rashes it is taken for and of normal skin."""

from __future__ import annotations

import collections
import dataclasses
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds
from absl import logging
from etils import epath

from mpox_keras.data.decode import PhotoError, decode_photo
from mpox_keras.data.folder import (
    CLASSES,
    METADATA_COLUMNS,
    PHOTO_SUFFIXES,
    DataError,
    Photo,
    apply_tables,
    class_of_folder,
    read_folder,
)
from mpox_keras.utils.classes import order_classes

_MSLD_V2_NAME = re.compile(r"(?P<patient>(MKP|CHP|CWP|MSL|HFMD|HEALTHY)_[^_]+)_", re.IGNORECASE)


@dataclasses.dataclass(eq=False, kw_only=True)
class MpoxConfig(tfds.core.BuilderConfig):
    """One collection of photos; the defaults are those of a folder of your own.

    Attributes:
        classes: class names in label order; None takes the names of the folders found when the dataset is built.
        layout: what `manual_dir` has to hold.
        homepage: where the files are to be had.
        licence: terms of the photos, as far as they are known.
    """

    classes: tuple[str, ...] | None = None
    layout: str = "one folder per class, at least two of them, with the photos in it (CLASS/photo.jpg)"
    homepage: str = "your own photos"
    licence: str = "that of your photos"

    def __post_init__(self):
        summary = self.description or "Photos of your own."
        self.description = f"{summary} Files: {self.homepage}. Licence: {self.licence}. Expected in manual_dir: {self.layout}."


_CONFIGS = (
    MpoxConfig(
        name="msid",
        description="Monkeypox Skin Images Dataset (MSID) of Bala et al., version 6.",
        classes=CLASSES,
        layout="the folders Monkeypox, Chickenpox, Measles and Normal",
        homepage="https://data.mendeley.com/datasets/r9bfpnvyxr/6",
        licence="believed to be CC BY 4.0; confirm it on the page of the files",
    ),
    MpoxConfig(
        name="msld_v2",
        description="Mpox Skin Lesion Dataset (MSLD) version 2.0 of Ali et al., original photos only.",
        # The four classes of `msid` come first, so that a label means the same in both.
        classes=(*CLASSES, "cowpox", "hfmd"),
        layout="Original Images/FOLDS/fold1 ... fold5/{Train,Valid,Test}/CLASS/DISEASE_PATIENT_IMAGE.jpg, as published",
        homepage="https://www.kaggle.com/datasets/joydippaul/mpox-skin-lesion-dataset-version-20-msld-v20",
        licence="a Creative Commons licence, shown as a badge; read its terms on the page of the files and treat the "
        "photos as non-commercial until you have",
    ),
    MpoxConfig(
        name="mcsi",
        description="Mpox Close Skin Images (MCSI) of Campana et al.",
        classes=("mpox", "chickenpox", "acne", "normal"),
        layout="ten fold folders whose names end in a number, each with the class folders mpox, chickenpox, acne and "
        "normal (fold1/mpox/photo.jpg), or the four class folders alone",
        homepage="https://zenodo.org/records/7948350",
        licence="stated on the page of the files",
    ),
    MpoxConfig(name="folder"),
)


class Builder(tfds.core.GeneratorBasedBuilder):
    """Builder of the dataset `mpox`; its README.md tells how to get the files and what the features hold."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First release."}  # noqa: RUF012
    # `tfds build mpox` builds every config listed here, and no manual_dir holds the files of all of them; the others
    # are built when they are asked for by name.
    BUILDER_CONFIGS = _CONFIGS[:1]
    builder_configs = {config.name: config for config in _CONFIGS}  # noqa: RUF012
    # TFDS would look below `mpox_keras/`, where an editable install has no such folder.
    pkg_dir_path = epath.Path(__file__).parent

    @property
    def MANUAL_DOWNLOAD_INSTRUCTIONS(self) -> str:
        """What manual_dir has to hold; TFDS shows it when manual_dir is missing or empty."""
        config = self.builder_config
        name = config.name if config.name in self.builder_configs else f'\'{{"name": "{config.name}"}}\''
        return (
            f"Get the photos of mpox/{config.name} yourself ({config.homepage}; licence: {config.licence}) and run "
            f"`tfds build mpox --config {name} --manual_dir DIR --imports mpox_keras.datasets`, DIR with {config.layout}."
        )

    def download_and_prepare(self, **options):
        """That of TFDS. In the command `tfds` what is wrong with the photos is one sentence and no traceback."""
        try:
            super().download_and_prepare(**options)
        except DataError as error:
            if Path(sys.argv[0]).stem != "tfds":
                raise
            sys.exit(f"error: {error}")

    def _info(self) -> tfds.core.DatasetInfo:
        config = self.builder_config
        return self.dataset_info_from_configs(
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(None, None, 3), encoding_format="png"),
                    "label": tfds.features.ClassLabel(names=config.classes),
                    "file": tfds.features.Text(doc="Path of the photo with / between its parts; unique."),
                    "group": tfds.features.Text(doc="Photos of one scene or patient share it; never split a group."),
                    "fold": tfds.features.Scalar(np.int64, doc="Cross-validation fold given with the data, or -1."),
                    **{column: tfds.features.Text(doc="Empty: not recorded.") for column in METADATA_COLUMNS},
                }
            ),
            supervised_keys=("image", "label"),
            homepage=config.homepage if config.homepage.startswith("https://") else None,
            license=config.licence,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> dict[str, Iterator]:
        config = self.builder_config
        try:
            directory = Path(dl_manager.manual_dir)
        except NotADirectoryError as error:
            raise DataError(
                f"{error.filename} is a file. Unpack it and give the folder that comes out of it.\n"
                f"{self.MANUAL_DOWNLOAD_INSTRUCTIONS}"
            ) from None
        except AssertionError:  # that of TFDS for a folder that does not exist or is empty
            raise DataError(f"There are no photos: {self.MANUAL_DOWNLOAD_INSTRUCTIONS}") from None
        if config.name == "msld_v2":
            photos = self._read_msld_v2(directory)
        elif config.name == "mcsi" and not _has_classes(directory, config.classes):
            photos = self._read_mcsi_folds(directory)
        else:
            photos = self._read_class_folders(directory)
        _warn_of_straddling_groups(photos)
        return {"train": self._generate_examples(photos)}

    def _generate_examples(self, photos: list[Photo]) -> Iterator[tuple[str, dict]]:
        for photo in photos:
            try:
                image = decode_photo(photo.encoded)
            except PhotoError as error:
                raise DataError(
                    f"{error} Or leave the photo out: write a reason in the column `drop` of its row in the groups "
                    "table (`mpox-keras data check` writes that table)."
                ) from None
            yield (
                photo.file,
                {
                    "image": image,
                    "label": photo.label,
                    "file": photo.file,
                    "group": photo.group,
                    "fold": -1 if photo.fold is None else photo.fold,
                    **{column: photo.metadata.get(column, "") for column in METADATA_COLUMNS},
                },
            )

    def _read_class_folders(self, directory: Path) -> list[Photo]:
        classes = self.builder_config.classes
        if not _has_classes(directory, classes):
            raise self._layout_error(directory, lambda other: _has_classes(other, classes))
        if classes is None:
            classes = order_classes(_class_folders(directory))
            # The names are saved with the dataset, and read from there when it is loaded.
            self.info.features["label"].names = classes
        return read_folder(directory, classes)

    def _read_msld_v2(self, directory: Path) -> list[Photo]:
        folds = _msld_v2_folds(directory)
        if not folds:
            raise self._layout_error(directory, _msld_v2_folds)
        photos, testing_folds = {}, collections.defaultdict(set)
        for fold, fold_folder in enumerate(folds):
            for part in _subfolders(fold_folder):
                for photo in read_folder(part, self.builder_config.classes):
                    photos.setdefault(photo.file, photo)
                    if part.name.lower() == "test":
                        testing_folds[photo.file].add(fold)
        named = []
        for file, photo in photos.items():
            match = _MSLD_V2_NAME.match(Path(file).name)
            if match is None:
                raise DataError(
                    f"{photo.encoded} is not named DISEASE_PATIENT_IMAGE (such as MKP_17_01.jpg), so its patient is not "
                    "known. If it belongs to the dataset, give it its published name; if not, remove it."
                )
            patient = match["patient"].upper()
            # Every photo lies in every fold; its own fold is the one that tests on it.
            fold = min(testing_folds[file]) if len(testing_folds[file]) == 1 else None
            named.append(dataclasses.replace(photo, group=patient, fold=fold, metadata={"patient": patient}))
        return apply_tables(named, directory)

    def _read_mcsi_folds(self, directory: Path) -> list[Photo]:
        folds = _mcsi_folds(directory)
        if not folds:
            classes = self.builder_config.classes
            raise self._layout_error(directory, lambda other: _has_classes(other, classes) or _mcsi_folds(other))
        photos = []
        for fold, folder in enumerate(folds):
            for photo in read_folder(folder, self.builder_config.classes):
                file = f"{folder.name}/{photo.file}"
                photos.append(dataclasses.replace(photo, file=file, group=file, fold=fold))
        return apply_tables(photos, directory)

    def _layout_error(self, directory: Path, fits: Callable[[Path], object]) -> DataError:
        found = ", ".join(sorted(path.name for path in directory.iterdir())[:12])
        deeper = next((folder for folder in _subfolders(directory) if fits(folder)), None)
        archive = next(iter(sorted(directory.glob("*.zip"))), None)
        advice = ""
        if deeper:
            advice = f"The files seem to be one folder deeper: give --manual_dir {str(deeper)!r}.\n"
        elif archive:
            advice = f"Archives are not read: unpack {archive.name} and give the folder that comes out of it.\n"
        return DataError(
            f"{directory} does not hold the files of mpox/{self.builder_config.name}. Found there: {found}.\n"
            f"{advice}{self.MANUAL_DOWNLOAD_INSTRUCTIONS}"
        )


def _subfolders(directory: Path) -> list[Path]:
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.iterdir() if path.is_dir() and not path.name.startswith("."))


def _class_folders(directory: Path) -> set[str]:
    return {
        class_of_folder(folder.name)
        for folder in _subfolders(directory)
        if any(path.suffix.lower() in PHOTO_SUFFIXES for path in folder.iterdir())
    }


def _has_classes(directory: Path, classes: Sequence[str] | None) -> bool:
    found = _class_folders(directory)
    return len(found) >= 2 if classes is None else found.issuperset(map(class_of_folder, classes))


def _numbered_folders(directory: Path) -> list[Path]:
    numbers = {folder: re.search(r"\d+$", folder.name) for folder in _subfolders(directory)}
    return sorted((folder for folder, number in numbers.items() if number), key=lambda folder: int(numbers[folder][0]))


def _msld_v2_folds(directory: Path) -> list[Path]:
    # Some downloads repeat the outer folder. The copies in `Augmented Images` are never looked at.
    originals = directory / "Original Images"
    return _numbered_folders(originals / "FOLDS") or _numbered_folders(originals / "Original Images" / "FOLDS")


def _mcsi_folds(directory: Path) -> list[Path]:
    return [folder for folder in _numbered_folders(directory) if _class_folders(folder)]


def _warn_of_straddling_groups(photos: list[Photo]) -> None:
    folds_of_group = collections.defaultdict(set)
    for photo in photos:
        folds_of_group[photo.group].add(photo.fold)
    straddling = sorted(group for group, folds in folds_of_group.items() if len(folds) > 1)
    if straddling:
        logging.warning(
            "%d groups lie in more than one fold (%s ...): a model tested on these folds has seen the same scene or "
            "patient in training. Split by `group` instead of using `fold`.",
            len(straddling),
            ", ".join(straddling[:3]),
        )
