"""Heat maps, and checks of how far they can be trusted."""

import click

from mpox_keras.cli import options


@click.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@options.model_option
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice([*options.METHODS, "all"]),
    help="May be repeated.  [default: class_activation_map]",
)
@click.option("--class", "label", help="The class to explain  [default: the likeliest]")
@options.out_option("runs/explain")
def explain(photos, source, classes, methods, label, out):
    """Show what in photos speaks for a class: a picture with heat maps for each."""
    from mpox_keras.data.folder import expand_photos
    from mpox_keras.inference.classifier import load_classifier

    files, classifier = expand_photos(photos), load_classifier(source, classes)
    options.start_tensorflow()
    from mpox_keras.explain.report import explain_photos

    names = options.METHODS if "all" in methods else methods or ["class_activation_map"]
    problems = []
    for error, path in explain_photos(classifier, files, out, names, label):
        if error:
            problems.append(error)
        else:
            click.echo(path)
    options.report_problems(problems, "of the photos could not be read; the others are explained.")


@click.command("check-explanations")
@options.model_option
@options.data_option
@click.option(
    "--masks",
    type=options.PATH,
    help="A folder of lesion masks, each at the relative path of its photo with any suffix: not black on lesions.",
)
@click.option(
    "--method",
    "methods",
    multiple=True,
    type=click.Choice(options.METHODS),
    help="May be repeated.  [default: all that can be had]",
)
@click.option("--photos", "count", default=40, show_default=True, type=click.IntRange(1), help="At most so many of a class.")
@options.out_option("runs/explanations")
def check_explanations(source, classes, data, masks, methods, count, out):
    """Check whether heat maps can be trusted, and whether answers come from the lesions: a report with examples.

    Exits with 2 if a photo or a mask could not be used; the report is written all the same.
    """
    from mpox_keras.inference.classifier import load_classifier

    classifier = load_classifier(source, classes)
    options.start_tensorflow()
    from mpox_keras.explain import report

    results, path = report.check_explanations(
        classifier, data, out, masks=masks, methods=methods, count=count, progress=options.show_progress
    )
    click.echo(report.format_explanations(results))
    click.echo(f"report: {path}")
    problems = [*results["errors"].values(), *(results["lesions"] or {"errors": {}})["errors"].values()]
    options.report_problems(problems, "of the photos and masks could not be used; the others are in the report.")
