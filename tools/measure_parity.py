"""Measure what each kind of export keeps, on photos that the network was not trained on.

    python tools/measure_parity.py --run runs/folds --data FIELD

Every network of a finished `mpox-keras crossval` is exported in every format and precision with the thresholds of the preset,
and evaluated on photos of its fold. Integers are calibrated on photos of the other folds. Also, the preset itself over all of
these photos. Writes configs/results/parity_PRESET.json; about ten minutes.
"""

from __future__ import annotations

import csv
import json
import tempfile
from pathlib import Path

import click
import keras
import numpy as np

from mpox_keras.data.loading import load_photos
from mpox_keras.data.sources import read_grouped_photos
from mpox_keras.export.bundle import export_bundle, stratified_sample
from mpox_keras.export.formats import PRECISIONS
from mpox_keras.export.parity import compare, format_parity
from mpox_keras.inference.classifier import DEFAULT_PRESET, load_classifier, preset_names
from mpox_keras.inference.metadata import MODEL_FILE, MODEL_PLACES, write_metadata
from mpox_keras.utils.files import replacing

RESULTS = Path(__file__).parent.parent / "configs" / "results"


@click.command()
@click.option("--run", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path), help="Finished crossval.")
@click.option("--data", required=True, help="The photos that it was made with.")
@click.option("--photos", "count", default=800, show_default=True, help="How many of them, evenly of every class.")
@click.option("--preset", "name", default=DEFAULT_PRESET, show_default=True, type=click.Choice(preset_names()))
def main(run, data, count, name):
    """Write configs/results/parity_PRESET.json."""
    preset = load_classifier(name)
    photos = stratified_sample(read_grouped_photos(data, preset.classes), count)
    with (run / "out_of_fold.csv").open(newline="", encoding="utf-8") as stream:
        fold_of = {row["file"]: int(row["fold"]) for row in csv.DictReader(stream)}
    folds = np.array([fold_of[photo.file] for photo in photos])
    labels = np.array([preset.classes.index(photo.label) for photo in photos])
    pixels = load_photos(photos, preset.image_size)
    shared = {key: preset.metadata[key] for key in ("classes", "image_size", "temperature", "thresholds")}

    kinds = [(kind, precision) for kind, precisions in PRECISIONS.items() for precision in precisions]
    trained, exported, sizes, of_preset = {}, {kind: {} for kind in kinds}, {}, {}
    with tempfile.TemporaryDirectory() as scratch:
        for fold in sorted(set(folds.tolist())):
            held_out = folds == fold
            network = Path(scratch) / "network"
            model = keras.models.load_model(run / f"fold_{fold}" / MODEL_FILE, compile=False)
            _gather(trained, _answers(_saved(model, shared, network), pixels[held_out]), held_out)
            remaining = [photo for photo, out in zip(photos, held_out, strict=True) if not out]
            for kind in kinds:
                export_bundle(network, Path(scratch) / "bundle", *kind, calibration=remaining)
                _gather(exported[kind], _answers(load_classifier(Path(scratch) / "bundle"), pixels[held_out]), held_out)
            click.echo(f"fold {fold}", err=True)
            keras.backend.clear_session()
        # The preset's own folder answers by TFLite.
        answers = _answers(_saved(preset.trained, shared, Path(scratch) / "preset"), pixels)
        for kind in kinds:
            export_bundle(name, Path(scratch) / "bundle", *kind, calibration=photos)
            sizes[kind] = _model_bytes(Path(scratch) / "bundle" / MODEL_PLACES[kind[0]])
            of_preset[kind] = compare(preset, answers, _answers(load_classifier(Path(scratch) / "bundle"), pixels), labels)

    rows = []
    for kind in kinds:
        figures = compare(preset, trained, exported[kind], labels)
        click.echo(f"{' '.join(kind)}\n{format_parity(figures)}")
        rows.append(
            {
                "format": kind[0],
                "precision": kind[1],
                "model_bytes": sizes[kind],
                "out_of_fold": figures,
                "preset": of_preset[kind],
            }
        )
    with replacing(RESULTS / f"parity_{name}.json") as temporary:
        temporary.write_text(json.dumps({"run": run.name, "rows": rows}, indent=2) + "\n", encoding="utf-8")


def _saved(model, metadata, folder):
    """The network in Keras."""
    folder.mkdir(exist_ok=True)
    model.save(folder / MODEL_FILE)
    write_metadata(folder, metadata)
    return load_classifier(folder)


def _answers(predictor, pixels):
    parts = [predictor.predict_pixels(pixels[start : start + 64]) for start in range(0, len(pixels), 64)]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _gather(target, answers, places):
    for name, values in answers.items():
        target.setdefault(name, np.zeros((len(places), *values.shape[1:]), "float32"))[places] = values


def _model_bytes(path):
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")) if file.is_file())


if __name__ == "__main__":
    main()
