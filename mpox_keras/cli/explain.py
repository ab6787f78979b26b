"""Heat maps, and checks of how far they can be trusted."""

from __future__ import annotations

import tempfile
from pathlib import Path

import click

from mpox_keras.cli.options import bundle_option, data_option, load_predictor, model_option, show_progress, start_tensorflow
from mpox_keras.utils.errors import MpoxKerasError


@click.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@model_option
@bundle_option
@click.option("--method", "methods", multiple=True, help="Of METHODS; may be repeated; `all`.  [default: class_activation_map]")
@click.option("--class", "label", help="The class to explain  [default: the likeliest]")
@click.option("--out", default=Path("runs/explain"), show_default=True, type=click.Path(path_type=Path), help="Folder.")
def explain(photos, source, bundle, methods, label, out):
    """Show what in photos speaks for a class: a picture with heat maps for each."""
    from mpox_keras.data.folder import expand_photos

    files = expand_photos(photos)
    # Bundles need no TensorFlow, but explanations do.
    start_tensorflow()
    predictor = load_predictor(source, bundle)
    from mpox_keras.explain.maps import METHODS
    from mpox_keras.explain.maps import explain as heat_map
    from mpox_keras.explain.picture import save_explanations

    names = list(METHODS) if "all" in methods else methods or ["class_activation_map"]
    unreadable = 0
    for number, (prediction, photo) in enumerate(predictor.predict_and_show(files), 1):
        if prediction.error:
            click.echo(f"error: {prediction.error}", err=True)
            unreadable += 1
            continue
        shown = label or prediction.label
        heats = {name: heat_map(predictor, photo, name, shown) for name in names}
        title = f"answer: {prediction.answer}; maps for {shown}, which has {prediction.probabilities[shown]:.0%}"
        # Photos of two folders may share a name.
        path = out / f"{number:04d}_{Path(prediction.file).stem}.png"
        save_explanations(path, photo, heats, title)
        click.echo(path)
    if unreadable:
        raise MpoxKerasError(f"{unreadable} of the photos could not be read; the others are explained.")


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
    from mpox_keras.data.sources import read_photos
    from mpox_keras.explain.maps import methods_for
    from mpox_keras.explain.masks import find_mask
    from mpox_keras.explain.measure import measure_explanations
    from mpox_keras.explain.report import format_explanations, write_explanation_report
    from mpox_keras.export.bundle import export_bundle, stratified_sample
    from mpox_keras.inference.bundle import load_bundle

    photos = read_photos(data, predictor.classes)
    # Often only some photos have a mask, and these tell more.
    has_mask = {photo.file: bool(masks and find_mask(masks, photo.file)) for photo in photos}
    masked, unmasked = ([photo for photo in photos if has_mask[photo.file] == wanted] for wanted in (True, False))
    photos = (stratified_sample(masked, count) + stratified_sample(unmasked, count))[:count]
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
