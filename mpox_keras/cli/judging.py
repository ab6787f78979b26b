"""Commands that judge trained networks."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import click

from mpox_keras.cli.common import (
    bundle_option,
    data_option,
    groups_option,
    load_predictor,
    model_option,
    show_progress,
    start_tensorflow,
)
from mpox_keras.errors import MpoxKerasError
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


@click.command("check-explanations")
@model_option
@bundle_option
@data_option
@click.option(
    "--masks",
    type=click.Path(path_type=Path),
    help="A folder of lesion masks, each at the relative path of its photo with any suffix: not black on lesions.",
)
@click.option("--method", "methods", multiple=True, help="Of METHODS; may be repeated.  [default: all that can be had]")
@click.option(
    "--photos", "count", default=40, show_default=True, type=click.IntRange(1), help="At most so many, of every class."
)
@click.option(
    "--out", default=Path("runs/explanations"), show_default=True, type=click.Path(path_type=Path), help="Report folder."
)
def check_explanations(source, bundle, data, masks, methods, count, out):
    """Check whether heat maps can be trusted, and whether answers come from the lesions: a report with examples.

    Exits with 2 if a photo or a mask could not be used; the report is written all the same.
    """
    # Bundles need no TensorFlow, but explanations do.
    start_tensorflow()
    predictor = load_predictor(source, bundle)
    from mpox_keras.data import read_photos
    from mpox_keras.explain.maps import methods_for
    from mpox_keras.explain.masks import find_mask
    from mpox_keras.explain.measure import measure_explanations
    from mpox_keras.explain.report import format_explanations, write_explanation_report
    from mpox_keras.export.bundle import load_bundle
    from mpox_keras.export.exporter import evenly, export_bundle

    photos = read_photos(data, predictor.classes)
    # Often only some photos have a mask, and these tell more.
    has_mask = {photo.file: bool(masks and find_mask(masks, photo.file)) for photo in photos}
    masked, others = ([photo for photo in photos if has_mask[photo.file] == wanted] for wanted in (True, False))
    photos = (evenly(masked, count) + evenly(others, count))[:count]
    with tempfile.TemporaryDirectory() as scratch:
        exported = None
        if bundle is None:
            export_bundle(source, Path(scratch) / "bundle")
            exported = load_bundle(Path(scratch) / "bundle")
        results, examples = measure_explanations(
            predictor,
            photos,
            # Once each, in the order given.
            list(dict.fromkeys(methods)) or methods_for(predictor),
            masks=masks,
            exported=exported,
            examples=len(predictor.classes),
            progress=show_progress,
        )
    name = bundle or source
    first = ", those with a mask first" if masks else ""
    report = write_explanation_report(
        out,
        results,
        examples,
        title=f"Explanations of {name} on {data}",
        protocol=f"maps of {results['photos']} photos of {data}, evenly of every class{first}, for the answer of {name} to "
        "each. Photos it was trained on flatter it.",
    )
    click.echo(format_explanations(results))
    click.echo(f"report: {report}")
    problems = [*results["errors"].values(), *(results["lesions"] or {"errors": {}})["errors"].values()]
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    if problems:
        raise MpoxKerasError(f"{len(problems)} of the photos and masks could not be used; the others are in the report.")


@click.command()
@click.argument("verdicts", nargs=-1, required=True, metavar="VERDICTS.csv...", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def agreement(verdicts, as_json):
    """How far reviewers agree: tables saved by sheets of `mpox-keras review`."""
    start_tensorflow()
    from mpox_keras.explain.agreement import format_agreement, measure_agreement, read_verdicts

    results = measure_agreement(read_verdicts(verdicts))
    click.echo(json.dumps(results, indent=2, allow_nan=False) if as_json else format_agreement(results))
