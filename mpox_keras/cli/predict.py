"""Predictions for photos, and for very many of them."""

import csv
import itertools
import json
import os
import sys

import click

from mpox_keras.cli.options import PATH, json_option, model_option, show_progress, workers_option
from mpox_keras.utils.classes import MPOX
from mpox_keras.utils.errors import MpoxKerasError

_SUSPICION = {True: "suspected", False: "no", None: "-"}


@click.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@model_option
@click.option(
    "--recall",
    type=click.FloatRange(0, 1),
    help="Suspect mpox from the threshold that was chosen for this recall: 0.9, or 0.95 with more false alarms.",
)
@click.option(
    "--prevalence",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="Share of the people who have mpox where the photos come from, such as 0.02: probabilities are given for this.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with all that is known of a photo.")
@click.option("--csv", "as_csv", is_flag=True, help="The same as a CSV table.")
def predict(photos, source, classes, recall, prevalence, as_json, as_csv):
    """Predict photos: files, folders, globs or URLs; - is a photo from standard input.

    Exits with 2 if one could not be read.
    """
    from mpox_keras.data.folder import expand_photos, skipped_files
    from mpox_keras.inference.classifier import load_classifier
    from mpox_keras.inference.prediction import DISCLAIMER, Prediction

    given = [sys.stdin.buffer if photo == "-" else photo for photo in photos]
    files = [expand_photos([each]) if isinstance(each, str) and "://" not in each else [each] for each in given]
    classifier = load_classifier(source, classes, recall, prevalence)
    if as_csv:
        columns = Prediction("", None, dict.fromkeys(classifier.classes)).to_row()
        table = csv.DictWriter(sys.stdout, columns, lineterminator="\n")
        table.writeheader()
    elif not as_json:
        click.echo(DISCLAIMER, err=True)
        if prevalence and (points := classifier.metadata.get("operating_points")):
            from mpox_keras.evaluation.thresholds import predictive_values

            name, point = next((name, point) for name, point in points.items() if recall in (None, float(name)))
            # Out of fold the photos are of sources that the network knows, and it looks better than where it is used.
            unseen = classifier.metadata.get("external", {}).get("other_conditions", {}).get("no_alarm", {})
            right, silent = predictive_values(point["recall"], unseen.get(name, point["specificity"]), prevalence)
            click.echo(
                f"Where {prevalence:.1%} have mpox, {right:.0%} of alarms are right, and {silent:.1%} of silence.", err=True
            )
        alarm = ["mpox?"] if MPOX in classifier.classes else []
        click.echo("  ".join(f"{name:>11}" for name in (*classifier.classes, *alarm, "answer")) + "  file")
    unreadable = 0
    for prediction in classifier.predict(itertools.chain.from_iterable(files)):
        unreadable += prediction.error is not None
        if as_json:
            click.echo(json.dumps(prediction.to_dict()))
        elif as_csv:
            table.writerow(prediction.to_row())
        elif prediction.error:
            click.echo(f"error: {prediction.error}", err=True)
        else:
            cells = [f"{value:.3f}" for value in prediction.probabilities.values()]
            cells += [*(_SUSPICION[prediction.mpox_suspected] for _ in alarm), prediction.answer]
            reason = f" ({prediction.abstention_reason})" if prediction.abstention_reason else ""
            click.echo("  ".join(f"{cell:>11}" for cell in cells) + f"  {prediction.file}{reason}")
    for name in filter(os.path.isdir, photos):
        if skipped := skipped_files(name):
            counts = ", ".join(f"{count} {suffix}" for suffix, count in skipped.items())
            click.echo(f"skipped in {name}, as no photos by their suffix: {counts}", err=True)
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

    The same command goes on where an interrupted one stopped. Presets and TFLite bundles are faster than other networks.
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
    alarms = f"mpox suspected in {suspected:,}, " if MPOX in summary["answers"] else ""
    click.echo(f"{photos:,} photos: {alarms}{unreadable:,} unreadable")
    click.echo(f"records: {folder / 'shards'}")
