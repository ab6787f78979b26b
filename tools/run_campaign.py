"""Make the results files of `configs/results` anew: the cross-validations that are compared with the config fast_mpoxnet.

    python tools/run_campaign.py --data MSID --external EXTERNAL --out runs/campaign [NAME...]

Each is `mpox-keras crossval --config fast_mpoxnet --set ...` with what RUNS lists; half an hour to one and a half on one CPU
core. A run that was cut off goes on; one that has ended only has its results written again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from mpox_keras.config import load_config
from mpox_keras.data import read_external_photos, read_grouped_photos, read_ungrouped_photos
from mpox_keras.evaluation import format_summary
from mpox_keras.files import replacing
from mpox_keras.training import cross_validate
from mpox_keras.training.runs import set_threads

RESULTS = Path(__file__).parent.parent / "configs" / "results"

RUNS = {
    "fast_mpoxnet": [],
    # Thrice the time.
    "schedule_80_epochs": ["training.epochs=80"],
    "schedule_100_epochs_192": ["training.epochs=100", "training.image_size=192"],
    # Trained on smaller photos than it is shown, as crops enlarge what is in them (Touvron et al. 2019, arXiv 1906.06423).
    "schedule_80_epochs_256": ["training.epochs=80", "training.image_size=224", "model.image_size=256"],
    # What the split hides.
    "protocol_stratified": ["data.split=stratified"],
    "protocol_copies_first": ["data.split=copies_first"],
    # What each part adds (figure 5 of Yue et al.).
    "ablation_backbone": ["model.fusion=false", "model.auxiliary_heads=false"],
    "ablation_fusion": ["model.auxiliary_heads=false"],
    "ablation_auxiliary": ["model.fusion=false"],
    # The same backbone under torchvision's plain head.
    "peer_shufflenet_v2_050": ["model.fusion=false", "model.auxiliary_heads=false", "model.head_filters=1024"],
    # Two frozen stages, twice the epochs, and a teacher.
    "frozen_taught": [
        "training.frozen_stages=2",
        "training.epochs=60",
        "training.teacher_weight=0.5",
        "training.label_smoothing=0.05",
    ],
    # Of the paper's size, and from random weights, as no package has pretrained ones: compare with fast_mpoxnet_scratch.
    "peer_mobilenet_v3_small_050": ["model.network=MobileNetV3Small", "model.width=0.5", "model.weights=null"],
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(RUNS)))
@click.option("--data", required=True, help="MSID with audit.csv.")
@click.option("--external", required=True, help="Photos from elsewhere, judged and used for nothing.")
@click.option("--out", default=Path("runs/campaign"), show_default=True, type=click.Path(path_type=Path), help="Run folders.")
def main(names, data, external, out):
    """Run the cross-validations NAMES, or all."""
    set_threads(load_config("fast_mpoxnet").training.threads)
    for name in names or RUNS:
        config = load_config("fast_mpoxnet", RUNS[name])
        classes = config.data.classes
        read = read_grouped_photos if config.data.keeps_groups else read_ungrouped_photos
        click.echo(f"{name}: {' '.join(RUNS[name])}", err=True)
        results = cross_validate(config, read(data, classes), out / name, read_external_photos(external, classes))
        for made, kept in (("results.json", f"{name}.json"), ("out_of_fold.csv", f"{name}.csv")):
            with replacing(RESULTS / kept) as temporary:
                shutil.copyfile(out / name / made, temporary)
        click.echo(format_summary(results))


if __name__ == "__main__":
    main()
