"""Evaluation of a trained network on labelled photos."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mpox_keras.cli.options import data_option, groups_option, model_option, start_tensorflow
from mpox_keras.utils.files import replacing


@click.command()
@model_option
@data_option
@groups_option
@click.option("--out", default=Path("runs/evaluate"), show_default=True, type=click.Path(path_type=Path), help="Report folder.")
def evaluate(source, data, groups, out):
    """Evaluate a trained network on labelled photos that it was not trained on.

    Where photos lie in a folder `other_rash` (another rash than mpox, not known which), only mpox against other rashes is evaluated.
    """
    start_tensorflow()
    from mpox_keras.data.sources import has_other_rash, read_external_photos, read_photos
    from mpox_keras.inference.classifier import load_classifier
    from mpox_keras.reports.evaluate import evaluate_classifier, evaluate_external
    from mpox_keras.reports.report import write_report
    from mpox_keras.reports.summary import format_external, format_summary

    classifier = load_classifier(source)
    if has_other_rash(data):
        results = evaluate_external(classifier, read_external_photos(data, classifier.classes))
        with replacing(out / "results.json") as temporary:
            temporary.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        click.echo(format_external(results))
        click.echo(f"results: {out / 'results.json'}")
        return
    photos = read_photos(data, classifier.classes, groups)
    results, labels, probabilities = evaluate_classifier(classifier, photos)
    report = write_report(
        out,
        results,
        labels,
        probabilities,
        title=f"{source} on {data}",
        protocol=f"{source} evaluated on the {len(photos)} photos of {data}. Photos it was trained on flatter it.",
        files=[photo.file for photo in photos],
    )
    click.echo(format_summary(results))
    click.echo(f"report: {report}")
