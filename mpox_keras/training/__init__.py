"""Training, alone and in cross-validation."""

from mpox_keras.training.crossval import cross_validate
from mpox_keras.training.fit import fit_photos, train

__all__ = ["cross_validate", "fit_photos", "train"]
