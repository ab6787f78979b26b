"""Networks: the choice among several, their size, and those that come with the package."""

import functools
import timeit

import click
import numpy as np

from mpox_keras.cli import options


@click.command()
@click.option("--configs", "first", required=True, type=options.PATH, metavar="CONFIG...", help="The candidates.")
@click.argument("further", nargs=-1, type=options.PATH, metavar="")
@options.data_option
@options.groups_option
@options.out_option("runs/select", help="Run folder.")
@options.workers_option
@options.set_option
def select(first, further, data, groups, out, workers, overrides):
    """Choose among networks by nested cross-validation, and estimate what the choice is worth.

    The same command goes on where an interrupted one stopped.
    """
    from mpox_keras.config import load_candidates

    configs = load_candidates((first, *further), overrides)
    config = next(iter(configs.values()))
    options.start_tensorflow(config.training.threads)
    from mpox_keras.data.loading import classes_of, with_classes
    from mpox_keras.data.sources import read_grouped_photos
    from mpox_keras.reports.summary import format_summary
    from mpox_keras.training.select import format_selection, select_network

    photos = read_grouped_photos(data, classes_of(config), groups)
    results = select_network({name: with_classes(each, photos) for name, each in configs.items()}, photos, out, workers)
    click.echo(format_selection(results))
    click.echo(format_summary(results))
    click.echo(f"results: {out}")
    click.echo(f"to train the winner: mpox-keras fit --config {out / 'winner.yaml'} --data {data}")


@click.command()
@click.option("--config", "config_path", type=options.PATH, help="A YAML file; by default Fast-MpoxNet.")
@options.set_option
@options.json_option
def summary(config_path, overrides, as_json):
    """Show the parameters and multiply-adds of a network's deployed form, part by part."""
    from mpox_keras.config import load_config, parse_config

    config = load_config(config_path, overrides) if config_path else parse_config({}, overrides)
    options.start_tensorflow()
    from mpox_keras.models.build import build_model
    from mpox_keras.models.complexity import measure_complexity
    from mpox_keras.models.deploy import deploy
    from mpox_keras.reports.summary import aligned

    def to_text(complexity):
        parts = {**complexity["parts"], "total": complexity}.items()
        rows = [(name, *(f"{part[key]:,}" for key in ("trainable_parameters", "multiply_adds"))) for name, part in parts]
        return "\n".join(aligned([("part", "trainable parameters", "multiply-adds"), *rows]))

    untrained = build_model(config.model.model_copy(update={"weights": None}), len(config.data.classes))
    options.print_results(measure_complexity(deploy(untrained)), as_json, to_text)


@click.command()
@options.json_option
def presets(as_json):
    """List the trained networks that come with the package: size, speed on this machine, classes and licence."""
    from mpox_keras.inference.classifier import load_classifier, preset_names
    from mpox_keras.inference.metadata import MODEL_PLACES
    from mpox_keras.utils.files import PRESETS_FOLDER

    rows = []
    for name in preset_names():
        classifier = load_classifier(name)
        photo = np.zeros((1, classifier.image_size, classifier.image_size, 3), "uint8")
        seconds = min(timeit.repeat(functools.partial(classifier.predict_pixels, photo), number=1))
        row = {"name": name, "image_size": classifier.image_size, "milliseconds": round(1000 * seconds, 1)}
        row["tflite_megabytes"] = round((PRESETS_FOLDER / name / MODEL_PLACES["tflite"]).stat().st_size / 1e6, 2)
        rows.append({**row, "classes": classifier.classes, "licence": classifier.metadata["licence"].partition(",")[0]})
    form = "{name}: {tflite_megabytes} MB as TFLite, {image_size} pixels, {milliseconds} ms a photo, {classes}; {licence}"
    options.print_results(
        rows, as_json, lambda rows: "\n".join(form.format(**{**row, "classes": ", ".join(row["classes"])}) for row in rows)
    )
