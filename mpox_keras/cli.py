"""The command line: each command parses, calls one function and prints."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import sys
import tempfile
from pathlib import Path

import click

from mpox_keras._version import __version__
from mpox_keras.errors import MpoxKerasError
from mpox_keras.files import replacing
from mpox_keras.quiet import silenced_stderr


class _Commands(click.Group):
    """Shows the errors meant for the user as one message, with exit code 2."""

    def invoke(self, context):
        try:
            return super().invoke(context)
        except MpoxKerasError as error:
            click.echo(f"error: {error}", err=True)
        except BrokenPipeError:  # the reader of a pipe has enough; click ends quietly
            raise
        except OSError as error:
            click.echo(f"error: {error.filename or 'a file'}: {error.strerror or error}", err=True)
        except ModuleNotFoundError as error:  # installed without its dependencies, for TFLite bundles alone
            click.echo(f"error: this needs the package {error.name}: pip install mpox-keras", err=True)
        except KeyboardInterrupt:
            click.echo("interrupted; the same command goes on where this one stopped", err=True)
            context.exit(130)
        context.exit(2)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__)
def main():
    """Train, judge and use ultralight networks that tell mpox from other rashes in photos.

    For research; nothing here is a diagnosis.
    """


_config_option = click.option(
    "--config", "config_path", required=True, type=click.Path(path_type=Path), help="A YAML file, see configs/."
)
_set_option = click.option(
    "--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Override a config value: training.epochs=10."
)
_data_option = click.option(
    "--data",
    required=True,
    metavar="DIR|mpox/CONFIG",
    help="A folder of class folders, or a dataset built with `tfds build mpox`.",
)
_groups_option = click.option(
    "--groups",
    type=click.Path(path_type=Path),
    help="Groups table that wins over audit.csv and groups.csv beside the photos.",
)
_model_option = click.option(
    "--model",
    "--preset",
    "source",
    default="fast_mpoxnet_msid",
    show_default=True,
    help="A preset, or the folder of a finished fit.",
)


@main.command()
@_config_option
@_data_option
@_groups_option
@click.option("--out", default=Path("runs/fit"), show_default=True, type=click.Path(path_type=Path), help="Run folder.")
@_set_option
def fit(config_path, data, groups, out, overrides):
    """Train one network. The same command resumes an interrupted run."""
    from mpox_keras.config import load_config

    config = load_config(config_path, overrides)
    _start_tensorflow(config.training.threads)
    from mpox_keras.data import read_grouped_photos
    from mpox_keras.training import fit_photos

    results = fit_photos(config, read_grouped_photos(data, config.data.classes, groups), out)
    if results:
        from mpox_keras.evaluation import format_summary

        click.echo(format_summary(results))
    click.echo(f"trained network: {out}")


@main.command()
@_config_option
@_data_option
@_groups_option
@click.option(
    "--external",
    metavar="DIR",
    help="Photos of mpox and of other rashes from elsewhere (class folders; `others` where the rash is not known), judged "
    "by every fold's network and used for nothing.",
)
@click.option("--out", default=Path("runs/crossval"), show_default=True, type=click.Path(path_type=Path), help="Run folder.")
@_set_option
def crossval(config_path, data, groups, external, out, overrides):
    """Train and judge one network per fold; groups never straddle folds, unless the config's data.split says so."""
    from mpox_keras.config import load_config

    config = load_config(config_path, overrides)
    _start_tensorflow(config.training.threads)
    from mpox_keras.data import read_external_photos, read_grouped_photos, read_ungrouped_photos
    from mpox_keras.evaluation import format_summary
    from mpox_keras.training.crossval import cross_validate

    classes = config.data.classes
    if config.data.split == "grouped":
        photos = read_grouped_photos(data, classes, groups)
    else:
        photos = read_ungrouped_photos(data, classes)
    results = cross_validate(config, photos, out, read_external_photos(external, classes) if external else None)
    click.echo(format_summary(results))
    click.echo(f"results: {out}")


@main.command()
@_model_option
@_data_option
@_groups_option
@click.option("--out", default=Path("runs/evaluate"), show_default=True, type=click.Path(path_type=Path), help="Report folder.")
def evaluate(source, data, groups, out):
    """Judge a trained network on labelled photos that it was not trained on.

    Where photos lie in a folder `others` (another rash than mpox, not known which), only mpox against others is judged.
    """
    _start_tensorflow()
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


_SUSPICION = {True: "suspected", False: "no", None: "-"}


@main.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@_model_option
@click.option("--bundle", type=click.Path(path_type=Path), help="A bundle of `mpox-keras export`, instead of --model.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, with every attribute of Prediction.")
def predict(photos, source, bundle, as_json):
    """Predict photos: files, folders or globs. Exits with 2 if a photo could not be read."""
    from mpox_keras.data.folder import expand_photos
    from mpox_keras.prediction import DISCLAIMER

    files = expand_photos(photos)
    classifier = _load_predictor(source, bundle)
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


def _load_predictor(source, bundle):
    if bundle is None:
        _start_tensorflow()
        from mpox_keras.classifier import load_classifier

        return load_classifier(source)
    from mpox_keras.export.bundle import load_bundle

    # TensorFlow, where the bundle needs it, prints from C++ while it starts.
    with silenced_stderr():
        return load_bundle(bundle)


@main.command()
@click.argument("photos", nargs=-1, required=True, metavar="PHOTO...")
@_model_option
@click.option("--bundle", type=click.Path(path_type=Path), help="A bundle of `mpox-keras export`, instead of --model.")
@click.option("--method", "methods", multiple=True, help="Of METHODS; may be repeated; `all`.  [default: class_activation_map]")
@click.option("--class", "label", help="The class to explain  [default: the likeliest]")
@click.option("--out", default=Path("runs/explain"), show_default=True, type=click.Path(path_type=Path), help="Folder.")
def explain(photos, source, bundle, methods, label, out):
    """Show what in photos speaks for a class: a picture with heat maps for each."""
    from mpox_keras.data.folder import expand_photos
    from mpox_keras.data.photos import decode_photo, resize_photo

    files = expand_photos(photos)
    predictor = _load_predictor(source, bundle)
    from mpox_keras.explain import METHODS
    from mpox_keras.explain import explain as heat_map
    from mpox_keras.explain.picture import save_explanations

    names = list(METHODS) if "all" in methods else methods or ["class_activation_map"]
    unreadable = 0
    for number, prediction in enumerate(predictor.predict(files), 1):
        if prediction.error:
            click.echo(f"error: {prediction.error}", err=True)
            unreadable += 1
            continue
        photo = resize_photo(decode_photo(prediction.file), predictor.image_size)
        shown = label or prediction.label
        heats = {name: heat_map(predictor, photo, name, shown) for name in names}
        title = f"answer: {prediction.answer}; maps for {shown}, which has {prediction.probabilities[shown]:.0%}"
        # Photos of two folders may share a name.
        path = out / f"{number:04d}_{Path(prediction.file).stem}.png"
        save_explanations(path, photo, heats, title)
        click.echo(path)
    if unreadable:
        raise MpoxKerasError(f"{unreadable} of the photos could not be read; the others are explained.")


@main.command()
@_model_option
@click.option("--format", default="tflite", show_default=True, help="tflite, tfjs, keras or saved_model.")
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    help="float32; for tflite also float16, dynamic, int8; for tfjs also float16, uint16, uint8.",
)
@click.option("--out", required=True, type=click.Path(path_type=Path), help="Folder of the bundle.")
@click.option(
    "--calibration",
    metavar="DIR|mpox/CONFIG",
    help="For int8: photos like those to come, in class folders; 100 to 500 are enough.",
)
def export(source, format, precision, out, calibration):
    """Export a trained network as a bundle: model, labels, metadata, model card and an example."""
    _start_tensorflow()
    from mpox_keras.classifier import load_classifier
    from mpox_keras.data import read_photos
    from mpox_keras.export.exporter import export_bundle

    photos = read_photos(calibration, load_classifier(source).classes) if calibration else ()
    made = export_bundle(source, out, format, precision, photos)
    if precision == "int8" and made["calibration_photos"] < 100:
        click.echo(f"only {made['calibration_photos']} photos for calibration; 100 to 500 keep more of the accuracy", err=True)
    files = [path for path in out.rglob("*") if path.is_file()]
    click.echo(f"bundle: {out} ({sum(path.stat().st_size for path in files) / 1e6:.2f} MB)")


@main.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@_data_option
@click.option("--model", "--preset", "source", help="What the bundle was made from, if not where it says.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(bundle, data, source, as_json):
    """Compare a bundle with the trained network that it was made from."""
    _start_tensorflow()
    from mpox_keras.data import read_photos
    from mpox_keras.export.bundle import load_bundle
    from mpox_keras.export.parity import format_parity, verify_bundle

    figures = verify_bundle(bundle, read_photos(data, load_bundle(bundle).classes), source)
    click.echo(json.dumps(figures, indent=2) if as_json else format_parity(figures))


@main.command()
@click.option("--bundle", type=click.Path(path_type=Path), help="A bundle for TF.js; by default one is made of the preset.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the site into this folder, for any host; serve nothing.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", default=8000, show_default=True, help="Port to listen at.")
@click.option("--open/--no-open", "open_page", default=True, help="Open the page in the browser.")
def web(bundle, out, host, port, open_page):
    """Screen photos in the browser; they stay on the device. Works offline after the first visit."""
    from mpox_keras.web.server import make_server
    from mpox_keras.web.site import build_site

    with tempfile.TemporaryDirectory() as scratch:
        if bundle is None:
            click.echo("exporting the preset; some seconds", err=True)
            _start_tensorflow()
            from mpox_keras.export.exporter import export_bundle

            bundle = Path(scratch) / "bundle"
            export_bundle("fast_mpoxnet_msid", bundle, "tfjs", "uint16")
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


@main.command()
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="A YAML file; by default Fast-MpoxNet.")
@_set_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def summary(config_path, overrides, as_json):
    """Show the parameters and multiply-adds of a network's deployed form, part by part."""
    from mpox_keras.config import load_config, parse_config

    config = load_config(config_path, overrides) if config_path else parse_config({}, overrides)
    _start_tensorflow()
    from mpox_keras.evaluation.complexity import format_complexity, measure_complexity
    from mpox_keras.models import deploy
    from mpox_keras.training.fit import build_model

    untrained = config.model_copy(update={"model": config.model.model_copy(update={"weights": None})})
    complexity = measure_complexity(deploy(build_model(untrained)))
    click.echo(json.dumps(complexity, indent=2) if as_json else format_complexity(complexity))


@main.group()
def data():
    """Look after folders of labelled photos."""


@data.command()
@click.argument("directory", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Where to write the groups table  [default: DIRECTORY/groups.csv]")
@click.option("--class", "classes", multiple=True, help="A class name; give one per class if they are not the usual four.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def check(directory, out, classes, as_json):
    """Find unreadable photos, duplicates, shared scenes and contradictory labels.

    Writes the groups table that keeps photos of one scene on one side of every split.
    """
    from mpox_keras.data.check import check_folder
    from mpox_keras.data.folder import CLASSES

    report = check_folder(directory, classes or CLASSES, progress=_show_progress)
    out = out or directory / "groups.csv"
    report.write_groups(out)
    click.echo(json.dumps(report.to_dict(), indent=2) if as_json else report.to_text())
    click.echo(f"groups table: {out}", err=True)
    if (directory / "audit.csv").is_file():
        click.echo(f"{directory / 'audit.csv'} is there too and wins over groups.csv.", err=True)


@main.command()
@click.option("--data", type=click.Path(path_type=Path), help="A folder of class folders; without it, drawn pictures.")
@click.option("--out", default=Path("runs/quickstart"), show_default=True, type=click.Path(path_type=Path), help="Folder.")
@click.option("--open/--no-open", "open_report", default=True, help="Open the report in the browser.")
def quickstart(data, out, open_report):
    """Build a dataset, train for a minute, evaluate, predict and show a report.

    Without --data it works on synthetic pictures, which it draws itself.
    """
    _start_tensorflow()
    from mpox_keras.quickstart import run_quickstart

    report = run_quickstart(data, out, echo=click.echo, progress=_show_progress)
    click.echo(f"report: {report}")
    if open_report:
        click.launch(report.resolve().as_uri())


def _show_progress(step, done, total):
    if sys.stderr.isatty() or done == total:
        click.echo(f"\r{step}: {done}/{total}", nl=done == total, err=True)


def _start_tensorflow(threads=None):
    """Import TensorFlow without the lines it prints while it starts."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with silenced_stderr():
        import tensorflow as tf
    # Its warnings are for programmers: with every fold it would warn of graphs built anew.
    tf.get_logger().setLevel("ERROR")
    from mpox_keras.training.runs import set_threads

    set_threads(threads)


if __name__ == "__main__":
    main()
