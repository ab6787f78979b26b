"""What framing gives away: the runs of `configs/experiments/framing_split.yaml`.

    python tools/experiments/framing_split.py --data MSID --external EXTERNAL --out runs/framing_split [NAME...]

Photos are divided into close-ups and wide shots, by traits that say nothing of lesions; a network is trained on the one and
evaluated on the other. `change` names layers that might keep it from learning the framing.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from experiment import command, cross_validate_runs
from framing import assign_framings
from random_changes import RandomBackground, RandomDegradation, RandomGrey

from mpox_keras.data.augmentation import augmentation_layers
from mpox_keras.data.loading import load_photos


def with_changes(change):
    """The augmentation of the config with further layers, of shares of the photos."""

    def layers(augmentation, size):
        crop, *rest = augmentation_layers(augmentation, size)
        kinds = {"background": RandomBackground, "grey": RandomGrey}
        after = [kinds[name](share) for name, share in change.items() if name in kinds]
        before = [RandomDegradation(change["degradation"])] if "degradation" in change else []
        return [*before, crop, *after, *rest]

    return layers


def prepare(run, config, photos, folder):
    """Give photos the folds of their framings."""
    labels, groups = (np.array([getattr(photo, key) for photo in photos]) for key in ("label", "group"))
    framings = assign_framings(load_photos(photos, config.model.image_size), labels, groups, config.seed)
    photos = [dataclasses.replace(photo, fold=int(fold)) for photo, fold in zip(photos, framings, strict=True)]
    protocol = "trained on wide shots and evaluated on close-ups, and the other way round, groups kept together"
    return photos, {"protocol": protocol, "augment": with_changes(run.get("change", {}))}


@command("framing_split")
def main(**options):
    """Cross-validate over framings."""
    cross_validate_runs("framing_split", prepare, **options)


if __name__ == "__main__":
    main()
