"""Make the results files of `configs/results` anew: the cross-validations that are compared with one another.

    python tools/run_campaign.py --data MSID --external EXTERNAL --out runs/campaign [NAME...]

Each is `mpox-keras crossval --config CONFIG --set ...` with what RUNS lists; a quarter of an hour to three hours on one CPU
core. A run that was cut off goes on; one that has ended only has its results written again.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from mpox_keras.config import load_config
from mpox_keras.data.sources import read_external_photos, read_grouped_photos, read_ungrouped_photos
from mpox_keras.reports.summary import format_summary
from mpox_keras.training.crossval import cross_validate
from mpox_keras.training.runs import set_threads
from mpox_keras.utils.files import replacing

RESULTS = Path(__file__).parent.parent / "configs" / "results"

# Config and what is changed in it.
RUNS = {
    "fast_mpoxnet": ["fast_mpoxnet"],
    # The first stages stay as ImageNet made them.
    "frozen_to_stage_2": ["fast_mpoxnet", "training.unfreezing=[1, 2, 30]"],
    "frozen_to_stage_3": ["fast_mpoxnet", "training.unfreezing=[1, 30]"],
    "frozen_to_stage_4": ["fast_mpoxnet", "training.unfreezing=[30]"],
    # Thrice the time.
    "schedule_80_epochs": ["fast_mpoxnet", "training.epochs=80"],
    "schedule_100_epochs_192": ["fast_mpoxnet", "training.epochs=100", "training.image_size=192"],
    # Trained on smaller photos than it is shown, as crops enlarge what is in them (Touvron et al. 2019, arXiv 1906.06423).
    "schedule_80_epochs_256": ["fast_mpoxnet", "training.epochs=80", "training.image_size=224", "model.image_size=256"],
    # What the split hides.
    "protocol_stratified": ["fast_mpoxnet", "data.split=stratified"],
    # Copies like those that are usual, cropped little; on smaller photos, as there are ten times as many.
    "protocol_copies_first": [
        "fast_mpoxnet",
        "data.split=copies_first",
        "training.epochs=100",
        "model.image_size=160",
        "augmentation.crop_area=[0.7, 1.0]",
        "augmentation.mixup=0.0",
    ],
    # The settings of the copies, with the scenes kept apart.
    "protocol_copies_settings_grouped": [
        "fast_mpoxnet",
        "training.epochs=100",
        "model.image_size=160",
        "augmentation.crop_area=[0.7, 1.0]",
        "augmentation.mixup=0.0",
    ],
    # What framing gives away: trained on wide shots and evaluated on close-ups, and the other way round.
    "framing_fast_mpoxnet": ["fast_mpoxnet", "data.split=style"],
    "framing_frozen_to_stage_2": ["fast_mpoxnet", "data.split=style", "training.unfreezing=[1, 2, 30]"],
    "framing_frozen_to_stage_3": ["fast_mpoxnet", "data.split=style", "training.unfreezing=[1, 30]"],
    "framing_frozen_to_stage_4": ["fast_mpoxnet", "data.split=style", "training.unfreezing=[30]"],
    "framing_frozen_to_stage_3_80_epochs": [
        "fast_mpoxnet",
        "data.split=style",
        "training.epochs=80",
        "training.unfreezing=[1, 80]",
    ],
    "framing_60_epochs_160": [
        "fast_mpoxnet",
        "data.split=style",
        "training.epochs=60",
        "training.image_size=160",
        "model.image_size=192",
    ],
    # What might keep a network from learning the framing.
    "framing_small_crops": ["fast_mpoxnet", "data.split=style", "augmentation.crop_area=[0.08, 1.0]"],
    "framing_degradation": ["fast_mpoxnet", "data.split=style", "augmentation.degradation=0.5"],
    "framing_background": ["fast_mpoxnet", "data.split=style", "augmentation.background=0.5"],
    "framing_all_changes": [
        "fast_mpoxnet",
        "data.split=style",
        "augmentation.crop_area=[0.08, 1.0]",
        "augmentation.degradation=0.5",
        "augmentation.grey=0.3",
        "augmentation.background=0.5",
    ],
    "framing_efficientnet_lite0": ["efficientnet_lite0", "data.split=style"],
    # What each part adds (figure 5 of Yue et al.).
    "ablation_backbone": ["fast_mpoxnet", "model.fusion=false", "model.auxiliary_heads=false"],
    "ablation_fusion": ["fast_mpoxnet", "model.auxiliary_heads=false"],
    "ablation_auxiliary": ["fast_mpoxnet", "model.fusion=false"],
    # Both ends of it from other seeds.
    "fast_mpoxnet_seed_1": ["fast_mpoxnet", "seed=1"],
    "fast_mpoxnet_seed_2": ["fast_mpoxnet", "seed=2"],
    "ablation_backbone_seed_1": ["fast_mpoxnet", "model.fusion=false", "model.auxiliary_heads=false", "seed=1"],
    "ablation_backbone_seed_2": ["fast_mpoxnet", "model.fusion=false", "model.auxiliary_heads=false", "seed=2"],
    # Stage 3 alone fused into stage 4, and narrower stacks of attention.
    "fusion_last": ["fast_mpoxnet", "model.fusion_start=3"],
    "fusion_reduction_16": ["fast_mpoxnet", "model.fusion_reduction=16"],
    # Other weights of the auxiliary losses, of stages 2 to 4: all as heavy as the last, or the last alone.
    "auxiliary_equal": ["fast_mpoxnet", "training.auxiliary_weights=[0.3, 0.3, 0.3]"],
    "auxiliary_last": ["fast_mpoxnet", "training.auxiliary_weights=[0.0, 0.0, 0.3]"],
    # The same backbone under torchvision's plain head.
    "peer_shufflenet_v2_050": [
        "fast_mpoxnet",
        "model.fusion=false",
        "model.auxiliary_heads=false",
        "model.head_filters=1024",
    ],
    # Of the paper's size, and from random weights, as no package has pretrained ones: compare with fast_mpoxnet_scratch.
    "peer_mobilenet_v3_small_050": [
        "fast_mpoxnet",
        "model.network=MobileNetV3Small",
        "model.width=0.5",
        "model.weights=null",
    ],
    "peer_mobilenet_v3_small_100": ["fast_mpoxnet", "model.network=MobileNetV3Small", "model.weights=null"],
    "peer_mobilenet_v2": ["fast_mpoxnet", "model.network=MobileNetV2", "model.weights=null"],
    # Twelve times the parameters, with ImageNet weights.
    "efficientnet_lite0": ["efficientnet_lite0"],
}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(RUNS)))
@click.option("--data", required=True, help="MSID with audit.csv.")
@click.option("--external", required=True, help="External photos, evaluated and used for nothing.")
@click.option("--out", default=Path("runs/campaign"), show_default=True, type=click.Path(path_type=Path), help="Run folders.")
@click.option("--workers", default=1, show_default=True, type=click.IntRange(min=1), help="Folds trained side by side.")
def main(names, data, external, out, workers):
    """Run the cross-validations NAMES, or all."""
    set_threads(1)  # as every config says
    for name in names or RUNS:
        config = load_config(RUNS[name][0], RUNS[name][1:])
        classes = config.data.classes
        read = read_grouped_photos if config.data.keeps_groups else read_ungrouped_photos
        click.echo(f"{name}: {' '.join(RUNS[name])}", err=True)
        results = cross_validate(config, read(data, classes), out / name, read_external_photos(external, classes), workers)
        for made, kept in (("results.json", f"{name}.json"), ("out_of_fold.csv", f"{name}.csv")):
            with replacing(RESULTS / kept) as temporary:
                shutil.copyfile(out / name / made, temporary)
        click.echo(format_summary(results))


if __name__ == "__main__":
    main()
