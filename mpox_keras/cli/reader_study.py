"""Review sheets for clinicians, and their agreement."""

import click

from mpox_keras.cli import options


@click.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@options.model_option
@click.option("--method", default="class_activation_map", show_default=True, type=click.Choice(options.METHODS))
@click.option("--class", "label", help="The class to explain  [default: the likeliest of each photo]")
@options.out_option("runs/review.html", help="HTML file.")
def review(photos, source, classes, method, label, out):
    """Make a sheet on which clinicians diagnose photos and rate heat maps: one file, offline, saves a table."""
    from mpox_keras.data.folder import expand_photos
    from mpox_keras.inference.classifier import load_classifier

    files, classifier = expand_photos(photos), load_classifier(source, classes)
    options.start_tensorflow()
    from mpox_keras.explain.maps import explain
    from mpox_keras.reader_study.sheet import write_review_sheet

    problems = write_review_sheet(out, classifier, files, explain, method, label)
    click.echo(f"sheet: {out} ({out.stat().st_size / 1e6:.1f} MB); it contains the photos: share it as you would share them")
    options.report_problems(problems, "of the photos are not on the sheet; the others are.")


@click.command()
@click.argument("tables", nargs=-1, required=True, metavar="TABLE.csv...", type=options.PATH)
@options.json_option
def agreement(tables, as_json):
    """How far reviewers agree: tables saved by sheets of `mpox-keras review`."""
    from mpox_keras.reader_study.agreement import format_agreement, measure_agreement, read_reviews

    options.print_results(measure_agreement(read_reviews(tables)), as_json, format_agreement)
