"""Commands that judge trained networks."""

from __future__ import annotations

import json
from pathlib import Path

import click

from mpox_keras.cli.common import data_option, groups_option, model_option, start_tensorflow
from mpox_keras.files import replacing


@click.command()
@model_option
@data_option
@groups_option
@click.option("--out", default=Path("runs/evaluate"), show_default=True, type=click.Path(path_type=Path), help="Report folder.")
def evaluate(source, data, groups, out):
    """Judge a trained network on labelled photos that it was not trained on.

    Where photos lie in a folder `others` (another rash than mpox, not known which), only mpox against others is judged.
    """
    start_tensorflow()
    from mpox_keras.classifier import load_classifier
    from mpox_keras.data import has_others, read_external_photos, read_photos
    from mpox_keras.evaluation import format_mpox_against_others, format_summary, judge, judge_mpox_against_others, write_report

    classifier = load_classifier(source)
    if has_others(data):
        results = judge_mpox_against_others(classifier, read_external_photos(data, classifier.classes))
        with replacing(out / "results.json") as temporary:
            temporary.write_text(json.dumps(results, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        click.echo(format_mpox_against_others(results))
        click.echo(f"results: {out / 'results.json'}")
        return
    photos = read_photos(data, classifier.classes, groups)
    results, labels, probabilities = judge(classifier, photos)
    report = write_report(
        out,
        results,
        labels,
        probabilities,
        title=f"{source} on {data}",
        protocol=f"{source} judged on the {len(photos)} photos of {data}. Photos it was trained on flatter it.",
        files=[photo.file for photo in photos],
    )
    click.echo(format_summary(results))
    click.echo(f"report: {report}")
