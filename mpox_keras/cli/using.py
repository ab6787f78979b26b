"""Commands that use trained networks."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import tempfile
from pathlib import Path

import click

from mpox_keras.cli.common import bundle_option, load_predictor, model_option, show_progress, start_tensorflow, workers_option
from mpox_keras.errors import MpoxKerasError

_SUSPICION = {True: "suspected", False: "no", None: "-"}


@click.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@model_option
@bundle_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with every attribute of Prediction.")
def predict(photos, source, bundle, as_json):
    """Predict photos: files, folders or globs. Exits with 2 if a photo could not be read."""
    from mpox_keras.data.folder import expand_photos
    from mpox_keras.prediction import DISCLAIMER

    files = expand_photos(photos)
    classifier = load_predictor(source, bundle)
    if not as_json:
        click.echo(DISCLAIMER, err=True)
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
            reason = f" ({prediction.doubt})" if prediction.doubt else ""
            click.echo("  ".join(f"{cell:>11}" for cell in cells) + f"  {prediction.file}{reason}")
    if unreadable:
        raise MpoxKerasError(f"{unreadable} of the photos could not be read; the others are above.")


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
    from mpox_keras.explain import METHODS
    from mpox_keras.explain import explain as heat_map
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


@click.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@model_option
@bundle_option
@click.option("--method", default="class_activation_map", show_default=True, help="Of METHODS.")
@click.option("--class", "label", help="The class to explain  [default: the likeliest of each photo]")
@click.option("--out", default=Path("runs/review.html"), show_default=True, type=click.Path(path_type=Path), help="HTML file.")
def review(photos, source, bundle, method, label, out):
    """Make a sheet on which clinicians diagnose photos and judge heat maps: one file, offline, saves a table."""
    from mpox_keras.data.folder import expand_photos

    files = expand_photos(photos)
    # Bundles need no TensorFlow, but explanations do.
    start_tensorflow()
    predictor = load_predictor(source, bundle)
    from mpox_keras.explain.review import write_review_sheet

    problems = write_review_sheet(out, predictor, files, method, label)
    click.echo(f"sheet: {out} ({out.stat().st_size / 1e6:.1f} MB); it contains the photos: share it as you would share them")
    for problem in problems:
        click.echo(f"error: {problem}", err=True)
    if problems:
        raise MpoxKerasError(f"{len(problems)} of the photos are not on the sheet; the others are.")


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...")
@click.option("--out", "folder", required=True, type=click.Path(path_type=Path), help="Folder of the results.")
@model_option
@bundle_option
@workers_option
@click.option(
    "--beam-option",
    "beam_options",
    multiple=True,
    metavar="KEY=VALUE",
    help="For a cluster instead: an option of Apache Beam, such as runner=FlinkRunner; may be repeated.",
)
@click.option("--json", "as_json", is_flag=True, help="Print summary.json.")
def screen(inputs, folder, source, bundle, workers, beam_options, as_json):
    """Predict photos by the million into Parquet files: files, folders, globs, lists (CSV or Parquet) or URLs.

    The same command goes on where an interrupted one stopped. A bundle is faster than --model.
    """
    if bundle is None:
        start_tensorflow()
    from mpox_keras.prediction import DISCLAIMER
    from mpox_keras.screening import screen_photos

    click.echo(DISCLAIMER, err=True)
    summary = screen_photos(inputs, folder, source, bundle, workers, beam_options, show_progress)
    if as_json:
        click.echo(json.dumps(summary, indent=2))
        return
    for answer, photos in summary["answers"].items():
        click.echo(f"{answer:>12}  {photos:>10,}")
    click.echo(
        f"{summary['photos']:,} photos: mpox suspected in {summary['mpox_suspected']:,}, {summary['unreadable']:,} unreadable"
    )
    click.echo(f"records: {folder / 'shards'}")


@click.command()
@model_option
@click.option("--bundle", type=click.Path(path_type=Path), help="A bundle for TF.js, instead of --model.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the site into this folder, for any host; serve nothing.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, help="Port to listen at.")
@click.option("--open/--no-open", "open_page", default=True, help="Open the page in the browser.")
def web(source, bundle, out, host, port, open_page):
    """Screen photos in the browser; they stay on the device. Works offline after the first visit."""
    from mpox_keras.web.server import make_server
    from mpox_keras.web.site import build_site

    with tempfile.TemporaryDirectory() as scratch:
        if bundle is None:
            click.echo("exporting the network; some seconds", err=True)
            start_tensorflow()
            from mpox_keras.export.exporter import export_bundle

            bundle = Path(scratch) / "bundle"
            export_bundle(source, bundle, "tfjs", "uint16")
        version = build_site(bundle, out or Path(scratch) / "site")
        if out:
            click.echo(f"site: {out} (version {version})")
            return
        server = make_server(Path(scratch) / "site", host, port)
    address = f"http://{host}:{server.server_port}/"
    click.echo(f"{address} (version {version}); Ctrl-C stops")
    if open_page:
        click.launch(address)
    with server, contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
