"""What the fusion and the auxiliary losses of Fast-MpoxNet add: the runs of `configs/experiments/ablation.yaml`.

python tools/experiments/ablation.py --data MSID --external EXTERNAL --out runs/ablation [NAME...]
"""

from functools import partial

from experiment import command, cross_validate_runs

from mpox_keras.models.fast_mpoxnet import FastMpoxNet


def build_variant(model, classes, *, options):
    """Fast-MpoxNet of a config, with further arguments."""
    size = model.image_size
    return FastMpoxNet(classes, model.weights, (size, size, 3), pyramid=model.pyramid, dropout=model.dropout, **options)


@command("ablation")
def main(**options):
    """Cross-validate Fast-MpoxNet without its parts."""
    cross_validate_runs(
        "ablation",
        lambda run, config, photos, folder: (photos, {"build": partial(build_variant, options=run["network"])}),
        **options,
    )


if __name__ == "__main__":
    main()
