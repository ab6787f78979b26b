"""The trained networks that come with the package."""

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
        metadata, photo = classifier.metadata, np.zeros((1, *2 * [classifier.image_size], 3), "uint8")
        milliseconds = 1000 * min(timeit.repeat(lambda run=classifier, photo=photo: run.predict_pixels(photo), number=1))
        megabytes = (PRESETS_FOLDER / name / MODEL_PLACES["tflite"]).stat().st_size / 1e6
        licence = metadata["licence"].partition(",")[0]
        sizes = {
            "image_size": metadata["image_size"],
            "tflite_megabytes": round(megabytes, 2),
            "milliseconds": round(milliseconds, 1),
        }
        rows.append({"name": name, **sizes, "classes": metadata["classes"], "licence": licence})
    print_results(rows, as_json, _to_text)


def _to_text(rows):
    form = "{name}: {tflite_megabytes} MB as TFLite, {image_size} pixels, {milliseconds} ms a photo, {classes}; {licence}"
    return "\n".join(form.format(**{**row, "classes": ", ".join(row["classes"])}) for row in rows)
