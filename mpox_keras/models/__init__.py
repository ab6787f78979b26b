"""Networks: Fast-MpoxNet, its deployed form, and pretrained backbones."""

from mpox_keras.models.fast_mpoxnet import FastMpoxNet, deploy

__all__ = ["FastMpoxNet", "deploy"]
