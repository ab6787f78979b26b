"""Make a preset of the package from a finished fit on all photos and the cross-validation of the same config.

    python tools/build_preset.py --run runs/preset --results configs/results/fast_mpoxnet.json \
        --external EXTERNAL --name fast_mpoxnet_msid \
        --photos "Monkeypox Skin Images Dataset (MSID), version 6, doi 10.17632/r9bfpnvyxr"

The out-of-fold figures, the temperature and the thresholds are those of networks trained in the same way on the other folds;
the preset itself has seen every photo, so none of these can be measured or chosen with it. What it does on photos from
elsewhere is measured with the preset as it is shipped, and also written to configs/results/external_NAME.json.
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
from mpox_keras.utils.files import replacing

ROOT = Path(__file__).parent.parent

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
    "limits",
)
_BACKBONES = {
    "FastMpoxNet": "fine-tuned from a BSD-3-Clause backbone",
    "EfficientNetLite0": "trained on top of an Apache-2.0 backbone",
}
_LICENCE = (
    "Apache-2.0 for the weights as far as they are ours. They were {} (see NOTICE) on photos believed to be CC BY 4.0 "
    "(attribution: Bala et al.), which was not verified at the source."
)


@click.command()
@click.option("--run", type=click.Path(exists=True, file_okay=False, path_type=Path), required=True, help="Finished fit.")
@click.option("--results", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--external", required=True, help="External photos, evaluated and used for nothing.")
@click.option("--name", required=True, help="Name of the preset.")
@click.option("--photos", required=True, help="What the photos are and where they come from.")
def main(run, results, external, name, photos):
    """Write mpox_keras/models/presets/NAME."""
    trained = load_classifier(run)
    figures = json.loads(results.read_text())
    config = load_config(run / "config.yaml").model_dump()
    evaluated = figures["config"]
    if config["data"].pop("validation_fraction") != 0:
        raise click.ClickException(f"{run} left photos out of training; fit with --set data.validation_fraction=0.")
    evaluated["data"].pop("validation_fraction")
    if config != evaluated:
        raise click.ClickException(f"{run} and {results} are of different configs, so the figures are of another network.")

    folder = PRESETS_FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(run / MODEL_FILE, folder / MODEL_FILE)
    metadata = {key: trained.metadata[key] for key in ("classes", "image_size", "value_range")}
    limits = figures["thresholds"]
    write_metadata(
        folder,
        {
            "name": name,
            "intended_use": f"{DISCLAIMER} Trained on web-scraped photos, none confirmed by PCR; not validated in any clinic.",
            **metadata,
            "temperature": limits["temperature"],
            "thresholds": {
                "mpox": limits["operating_point"]["threshold"],
                "confidence": limits["abstention"]["threshold"],
                "ood_score": limits["out_of_distribution"]["threshold"],
            },
            "training_data": photos,
            "training_photos": trained.metadata["training_photos"],
            "out_of_fold": {key: figures[key] for key in _FIGURES},
            "licence": _LICENCE.format(_BACKBONES[config["model"]["network"]]),
            "config": config,
            "environment": trained.metadata["environment"],
        },
    )
    figures_external = evaluate_external(load_classifier(folder), read_external_photos(external, trained.classes))
    with replacing(ROOT / "configs" / "results" / f"external_{name}.json") as temporary:
        temporary.write_text(json.dumps(figures_external, indent=2, allow_nan=False) + "\n", encoding="utf-8")
    write_metadata(folder, {**read_metadata(folder), "external": figures_external})
    click.echo(f"{folder}: {(folder / MODEL_FILE).stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
