"""Every registered class of this package, imported so that `keras.models.load_model` knows them by name."""

import mpox_keras.layers.ablgfm
import mpox_keras.layers.pointwise
import mpox_keras.models.backbones
import mpox_keras.models.fast_mpoxnet
import mpox_keras.models.image_classifier  # noqa: F401
