"""Predictions for photos, and for very many of them."""

import dataclasses
import json

import click

from mpox_keras.cli.options import PATH, json_option, model_option, recall_option, show_progress, workers_option
from mpox_keras.utils.errors import MpoxKerasError

_SUSPICION = {True: "suspected", False: "no", None: "-"}


@click.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@model_option
@recall_option
@click.option(
    "--prevalence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the people who have mpox where the photos come from, such as 0.02: probabilities are given for this.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with every attribute of Prediction.")
def predict(photos, source, classes, recall, prevalence, as_json):
    """Predict photos: files, folders or globs. Exits with 2 if a photo could not be read."""
    from mpox_keras.data.folder import expand_photos
    from mpox_keras.inference.classifier import load_classifier
    from mpox_keras.inference.prediction import DISCLAIMER

    files = expand_photos(photos)
    classifier = load_classifier(source, classes, recall, prevalence)
    if not as_json:
        click.echo(DISCLAIMER, err=True)
        if prevalence and (points := classifier.metadata.get("operating_points")):
            from mpox_keras.evaluation.thresholds import predictive_values

            point = next(point for name, point in points.items() if recall in (None, float(name)))
            right, silent = predictive_values(point["recall"], point["specificity"], prevalence)
            click.echo(
                f"Where {prevalence:.1%} have mpox, {right:.0%} of alarms are right, and {silent:.1%} of silence.", err=True
            )
        click.echo("  ".join(f"{name:>11}" for name in (*classifier.classes, "mpox?", "answer")) + "  file")
    unreadable = 0
    for prediction in classifier.predict(files):
        unreadable += prediction.error is not None
        if as_json:
            click.echo(json.dumps({**dataclasses.asdict(prediction), "answer": prediction.answer}))
        elif prediction.error:
            click.echo(f"error: {prediction.error}", err=True)
        else:
            cells = [f"{value:.3f}" for value in prediction.probabilities.values()]
            cells += [_SUSPICION[prediction.mpox_suspected], prediction.answer]
            reason = f" ({prediction.abstention_reason})" if prediction.abstention_reason else ""
            click.echo("  ".join(f"{cell:>11}" for cell in cells) + f"  {prediction.file}{reason}")
    if unreadable:
        raise MpoxKerasError(f"{unreadable} of the photos could not be read; the others are above.")


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--out", "folder", required=True, type=PATH, help="Folder of the results.")
@model_option
@workers_option
@click.option("--cluster", metavar="URL", help="A Dask scheduler, such as tcp://host:8786, whose workers do it instead.")
@json_option
def screen(inputs, folder, source, classes, workers, cluster, as_json):
    """Predict photos by the million into Parquet files: files, folders, globs, lists (CSV or Parquet) or URLs.

    The same command goes on where an interrupted one stopped. A TFLite bundle is faster than a preset.
    """
    from mpox_keras.inference.prediction import DISCLAIMER
    from mpox_keras.screening.run import screen_photos

    click.echo(DISCLAIMER, err=True)
    summary = screen_photos(inputs, folder, source, classes, workers, cluster, show_progress)
    if as_json:
        click.echo(json.dumps(summary, indent=2))
        return
    for answer, photos in summary["answers"].items():
        click.echo(f"{answer:>12}  {photos:>10,}")
    photos, suspected, unreadable = (summary[key] for key in ("photos", "mpox_suspected", "unreadable"))
    click.echo(f"{photos:,} photos: mpox suspected in {suspected:,}, {unreadable:,} unreadable")
    click.echo(f"records: {folder / 'shards'}")
