"""The trained networks that come with the package."""

import click

from mpox_keras.cli.options import json_option, print_results


@click.command()
@json_option
def presets(as_json):
    """List the trained networks that come with the package: size, input, classes and licence."""
    from mpox_keras.inference.classifier import PRESETS_FOLDER, preset_names
    from mpox_keras.inference.metadata import MODEL_PLACES, read_metadata

    rows = []
    for name in preset_names():
        metadata = read_metadata(PRESETS_FOLDER / name)
        megabytes = (PRESETS_FOLDER / name / MODEL_PLACES["tflite"]).stat().st_size / 1e6
        licence = metadata["licence"].partition(",")[0]
        sizes = {"image_size": metadata["image_size"], "tflite_megabytes": round(megabytes, 2)}
        rows.append({"name": name, **sizes, "classes": metadata["classes"], "licence": licence})
    print_results(rows, as_json, _to_text)


def _to_text(rows):
    form = "{name}: {tflite_megabytes} MB as TFLite, photos of {image_size} pixels, {classes}; {licence}"
    return "\n".join(form.format(**{**row, "classes": ", ".join(row["classes"])}) for row in rows)
