"""Make a preset of the package from a finished fit on all photos and the cross-validation with the same config.

    mpox-keras crossval --config fast_mpoxnet --data MSID --out runs/folds
    mpox-keras fit --config fast_mpoxnet --set data.validation_fraction=0 --data MSID --out runs/preset
    python tools/build_preset.py --run runs/preset --folds runs/folds --external EXTERNAL --name fast_mpoxnet \
        --photos "Monkeypox Skin Images Dataset (MSID), version 6, doi 10.17632/r9bfpnvyxr"

The preset was trained on every photo, so its out-of-fold figures, temperature and thresholds are those of the networks that the
cross-validation trained in the same way. The external photos are evaluated with the preset as it ships.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import click

from mpox_keras.config import load_config
from mpox_keras.data.sources import read_external_photos
from mpox_keras.inference.classifier import PRESETS_FOLDER, load_classifier
from mpox_keras.inference.metadata import MODEL_FILE, read_metadata, write_metadata
from mpox_keras.inference.prediction import DISCLAIMER
from mpox_keras.reports.evaluate import evaluate_external

_FIGURES = (
    "protocol",
    "photos",
    "accuracy",
    "accuracy_interval",
    "accuracy_mean",
    "accuracy_sd",
    "macro_f1",
    "per_class",
    "rash_classes_only",
    "mpox_against_other_rashes",
    "expected_calibration_error",
    "thresholds",
)
_BACKBONES = {
    "FastMpoxNet": "fine-tuned from a BSD-3-Clause backbone",
    "EfficientNetLite0": "trained on top of an Apache-2.0 backbone",
}
_LICENCE = (
    "The weights are Apache-2.0 as far as we hold rights to them. They were {} (see NOTICE) on photos believed to be CC BY 4.0 "
    "(attribution: Bala et al.); this was not verified at the source."
)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--run", type=_FOLDER, required=True, help="Finished fit on all photos.")
@click.option("--folds", type=_FOLDER, required=True, help="Finished cross-validation with the same config.")
@click.option("--external", required=True, help="External photos; evaluated, used for nothing else.")
@click.option("--name", required=True, help="Name of the preset.")
@click.option("--photos", required=True, help="What the photos are and where they come from.")
def main(run, folds, external, name, photos):
    """Write mpox_keras/models/presets/NAME."""
    trained = load_classifier(run)
    figures = json.loads((folds / "results.json").read_text(encoding="utf-8"))
    config, evaluated = load_config(run / "config.yaml").model_dump(), figures["config"]
    if config["data"].pop("validation_fraction") != 0:
        raise click.ClickException(f"{run} left photos out of training; fit with --set data.validation_fraction=0.")
    evaluated["data"].pop("validation_fraction")
    if config != evaluated:
        raise click.ClickException(f"{run} and {folds} have different configs, so the figures are of another network.")

    folder = PRESETS_FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / MODEL_FILE, folder / MODEL_FILE)
    thresholds = figures["thresholds"]
    write_metadata(
        folder,
        {
            "name": name,
            "intended_use": f"{DISCLAIMER} Trained on photos from the web, none confirmed by PCR; not validated in any clinic.",
            **{key: trained.metadata[key] for key in ("classes", "image_size", "value_range")},
            "temperature": thresholds["temperature"],
            "thresholds": {
                "mpox": thresholds["operating_point"]["threshold"],
                "confidence": thresholds["abstention"]["threshold"],
                "ood_score": thresholds["out_of_distribution"]["threshold"],
            },
            "training_data": photos,
            "training_photos": trained.metadata["training_photos"],
            "out_of_fold": {key: figures[key] for key in _FIGURES},
            "licence": _LICENCE.format(_BACKBONES[config["model"]["network"]]),
            "config": config,
            "environment": trained.metadata["environment"],
        },
    )
    external_figures = evaluate_external(load_classifier(folder), read_external_photos(external, trained.classes))
    write_metadata(folder, {**read_metadata(folder), "external": external_figures})
    click.echo(f"{folder}: {(folder / MODEL_FILE).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
