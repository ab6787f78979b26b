"""The trained networks that come with the package."""

import functools
import timeit

import click
import numpy as np

from mpox_keras.cli.options import json_option, print_results


@click.command()
@json_option
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
    print_results(rows, as_json, _to_text)


def _to_text(rows):
    form = "{name}: {tflite_megabytes} MB as TFLite, {image_size} pixels, {milliseconds} ms a photo, {classes}; {licence}"
    return "\n".join(form.format(**{**row, "classes": ", ".join(row["classes"])}) for row in rows)
