"""Bundles for other programs, and their comparison with the trained network."""

import click

from mpox_keras.cli.options import PATH, data_option, json_option, model_option, print_results, start_tensorflow
from mpox_keras.export.formats import PRECISIONS, check_precision


@click.command()
@model_option
@click.option("--format", default="tflite", show_default=True, type=click.Choice(list(PRECISIONS)))
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    type=click.Choice(sorted({each for precisions in PRECISIONS.values() for each in precisions})),
    help="For all formats float32; for tflite also float16, dynamic, int8; for tfjs also float16, uint16, uint8.",
)
@click.option("--out", required=True, type=PATH, help="Folder of the bundle.")
@click.option(
    "--calibration",
    metavar="DIR|mpox/CONFIG",
    help="For int8: photos like those to come, in class folders; 100 to 500 are enough.",
)
def export(source, classes, format, precision, out, calibration):
    """Export a trained network as a bundle: model, labels, metadata, model card and an example."""
    check_precision(format, precision)
    from mpox_keras.data.sources import read_photos
    from mpox_keras.inference.classifier import load_classifier

    classifier = load_classifier(source, classes)
    start_tensorflow()
    from mpox_keras.export.bundle import export_bundle

    photos = read_photos(calibration, classifier.classes) if calibration else ()
    made = export_bundle(classifier, out, format, precision, photos)
    if precision == "int8" and made["calibration_photos"] < 100:
        click.echo(f"only {made['calibration_photos']} photos for calibration; 100 to 500 keep more of the accuracy", err=True)
    files = [path for path in out.rglob("*") if path.is_file()]
    click.echo(f"bundle: {out} ({sum(path.stat().st_size for path in files) / 1e6:.2f} MB)")


@click.command()
@click.argument("bundle", type=PATH)
@data_option
@click.option("--model", "source", help="The trained network that the bundle was made from, if not where it says.")
@json_option
def verify(bundle, data, source, as_json):
    """Compare a bundle with the trained network that it was made from."""
    from mpox_keras.data.sources import read_photos
    from mpox_keras.inference.classifier import load_classifier

    exported = load_classifier(bundle)
    start_tensorflow()
    from mpox_keras.export.parity import format_parity, verify_bundle

    print_results(verify_bundle(exported, read_photos(data, exported.classes), source), as_json, format_parity)
