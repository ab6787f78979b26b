"""Evaluation of a trained network on labelled photos."""

import click

from mpox_keras.cli.options import data_option, groups_option, model_option, out_option


@click.command()
@model_option
@data_option
@groups_option
@out_option("runs/evaluate")
def evaluate(source, classes, data, groups, out):
    """Evaluate a trained network on labelled photos that it was not trained on."""
    from mpox_keras.data.sources import read_photos
    from mpox_keras.inference.classifier import load_classifier

    classifier = load_classifier(source, classes)
    photos = read_photos(data, classifier.classes, groups)
    from mpox_keras.reports.evaluate import evaluate_classifier, write_report
    from mpox_keras.reports.summary import format_summary

    results, labels, probabilities = evaluate_classifier(classifier, photos)
    protocol = f"{source} evaluated on the {len(photos)} photos of {data}. Photos it was trained on flatter it."
    files = [photo.file for photo in photos]
    report = write_report(out, results, labels, probabilities, title=f"{source} on {data}", protocol=protocol, files=files)
    click.echo(format_summary(results))
    click.echo(f"report: {report}")


@click.command("evaluate-external")
@model_option
@data_option
@out_option("runs/evaluate_external")
def evaluate_external(source, classes, data, out):
    """Evaluate mpox against other rashes, on photos from sources that nothing was trained on.

    A class folder `other_rash` may hold rashes of which only this is known. Normal skin is left out.
    """
    from mpox_keras.data.sources import read_external_photos
    from mpox_keras.inference.classifier import load_classifier
    from mpox_keras.reports.evaluate import external_figures, predict_labelled
    from mpox_keras.reports.summary import format_external
    from mpox_keras.utils.files import write_json

    classifier = load_classifier(source, classes)
    photos = read_external_photos(data, classifier.classes)
    results = external_figures(photos, predict_labelled(classifier, photos), classifier.classes)
    write_json(out / "results.json", results)
    click.echo(format_external(results))
    click.echo(f"results: {out / 'results.json'}")
