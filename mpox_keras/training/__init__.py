"""Training, alone and in cross-validation."""

from mpox_keras.training.crossval import cross_validate
from mpox_keras.training.fit import fit_photos, train
from mpox_keras.training.unfamiliarity import add_unfamiliarity

__all__ = ["add_unfamiliarity", "cross_validate", "fit_photos", "train"]
