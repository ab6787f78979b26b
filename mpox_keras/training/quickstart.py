"""The whole way once through: build a dataset, train, evaluate, predict, report."""

import shutil
from collections.abc import Callable
from pathlib import Path

import click

from mpox_keras.config import load_config
from mpox_keras.data.folder import groups_table
from mpox_keras.data.sources import read_dataset
from mpox_keras.data.splits import split_off_validation
from mpox_keras.data.synthetic import write_synthetic_photos
from mpox_keras.export.bundle import stratified_sample
from mpox_keras.inference.classifier import load_classifier
from mpox_keras.reports.evaluate import evaluate_classifier, write_report
from mpox_keras.reports.summary import format_summary
from mpox_keras.training.fit import fit_photos

_SYNTHETIC = "The pictures are synthetic: drawn by this program. The figures say that the program works, not how well."


def run_quickstart(data: str | Path | None, folder: str | Path, progress: Callable[[str, int, int], None]) -> Path:
    """Go once through everything on a folder of class folders, or, with None, on synthetic pictures.

    The folder gets the pictures, the TFDS dataset, the run, and the report, an HTML file, whose path is returned. Where no
    groups table lies beside the photos, `check_folder` makes one, and tells its progress. Errors are its own and those of
    `fit_photos`.

    Example:
        >>> run_quickstart(None, "runs/quickstart", print)
    """
    folder = Path(folder)
    synthetic = data is None
    if synthetic:
        data = folder / "synthetic_photos"
        click.echo(f"Drawing synthetic pictures in {data}. {_SYNTHETIC}")
        write_synthetic_photos(data)
    builder = _build_dataset(Path(data), folder / "tensorflow_datasets", progress)
    photos = read_dataset(builder)
    config = load_config("quickstart", [f"data.classes={builder.info.features['label'].names}"])

    click.echo(f"Training on {len(photos)} pictures, with {round(100 * config.data.validation_fraction)} % left out.")
    fit_photos(config, photos, folder / "fit")
    classifier = load_classifier(folder / "fit")
    _, validation = split_off_validation(photos, config.data.validation_fraction, config.seed)
    results, labels, probabilities = evaluate_classifier(classifier, validation)
    click.echo(format_summary(results))
    shown = stratified_sample(validation, 2 * len(classifier.classes))
    answers = classifier.predict_and_show(photo.encoded for photo in shown)
    return write_report(
        folder / "report",
        results,
        labels,
        probabilities,
        title="Quickstart",
        protocol=f"one short training run; {len(validation)} pictures left out of training, no scene on both sides",
        description=_SYNTHETIC if synthetic else "For a figure to rely on, use mpox-keras crossval.",
        files=[photo.file for photo in validation],
        pictures=[
            (f"{photo.label}; answer: {answer.label} {answer.probabilities[answer.label]:.2f}", pixels)
            for photo, (answer, pixels) in zip(shown, answers, strict=True)
        ],
    )


def _build_dataset(data, target, progress):
    """Build the TFDS dataset `mpox/folder` from a folder of class folders."""
    import tensorflow_datasets as tfds

    import mpox_keras.datasets  # noqa: F401 - registers the builder

    if not groups_table(data):
        click.echo(f"Looking for photos of one scene, to keep them together; the result goes to {data / 'groups.csv'}.")
        # Needs OpenCV, which synthetic pictures with their groups table do without.
        from mpox_keras.curation.check import check_folder

        check_folder(data, progress=progress).write_groups(data / "groups.csv")
    click.echo(f"Building the TFDS dataset mpox/folder in {target}.")
    # TFDS would keep an older build, of whatever photos.
    shutil.rmtree(target, ignore_errors=True)
    builder = tfds.builder("mpox/folder", data_dir=target)
    tfds.disable_progress_bar()
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(manual_dir=data))
    return builder
