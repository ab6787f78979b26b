"""Heat maps, and checks of how far they can be trusted."""

from pathlib import Path

import click

from mpox_keras.cli.options import PATH, data_option, model_option, out_option, report_problems, show_progress, start_tensorflow


@click.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@model_option
@click.option("--method", "methods", multiple=True, help="Of METHODS; may be repeated; `all`.  [default: class_activation_map]")
@click.option("--class", "label", help="The class to explain  [default: the likeliest]")
@out_option("runs/explain")
def explain(photos, source, classes, methods, label, out):
    """Show what in photos speaks for a class: a picture with heat maps for each."""
    from mpox_keras.data.folder import expand_photos

    files = expand_photos(photos)
    start_tensorflow()
    from mpox_keras.explain.maps import METHODS
    from mpox_keras.explain.maps import explain as heat_map
    from mpox_keras.inference.classifier import load_classifier
    from mpox_keras.reports.heat_maps import save_explanations

    classifier = load_classifier(source, classes)
    names = list(METHODS) if "all" in methods else methods or ["class_activation_map"]
    problems = []
    for number, (prediction, photo) in enumerate(classifier.predict_and_show(files), 1):
        if prediction.error:
            problems.append(prediction.error)
            continue
        shown = label or prediction.label
        heats = {name: heat_map(classifier, photo, name, shown) for name in names}
        title = f"answer: {prediction.answer}; maps for {shown}, which has {prediction.probabilities[shown]:.0%}"
        # Photos of two folders may share a name.
        path = out / f"{number:04d}_{Path(prediction.file).stem}.png"
        save_explanations(path, photo, heats, title)
        click.echo(path)
    report_problems(problems, "of the photos could not be read; the others are explained.")


@click.command("check-explanations")
@model_option
@data_option
@click.option(
    "--masks",
    type=PATH,
    help="A folder of lesion masks, each at the relative path of its photo with any suffix: not black on lesions.",
)
@click.option("--method", "methods", multiple=True, help="Of METHODS; may be repeated.  [default: all that can be had]")
@click.option(
    "--photos", "count", default=40, show_default=True, type=click.IntRange(1), help="At most so many, of every class."
)
@out_option("runs/explanations")
def check_explanations(source, classes, data, masks, methods, count, out):
    """Check whether heat maps can be trusted, and whether answers come from the lesions: a report with examples.

    Exits with 2 if a photo or a mask could not be used; the report is written all the same.
    """
    start_tensorflow()
    from mpox_keras.explain import report
    from mpox_keras.inference.classifier import load_classifier

    classifier = load_classifier(source, classes)
    results, path = report.check_explanations(
        classifier, data, out, masks=masks, methods=methods, count=count, progress=show_progress
    )
    click.echo(report.format_explanations(results))
    click.echo(f"report: {path}")
    problems = [*results["errors"].values(), *(results["lesions"] or {"errors": {}})["errors"].values()]
    report_problems(problems, "of the photos and masks could not be used; the others are in the report.")
