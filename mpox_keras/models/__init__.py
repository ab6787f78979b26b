"""Networks: Fast-MpoxNet, its deployed form, and pretrained backbones."""

from mpox_keras.models.fast_mpoxnet import FastMpoxNet, deploy
from mpox_keras.models.transfer import TransferModel

__all__ = ["FastMpoxNet", "TransferModel", "deploy"]
