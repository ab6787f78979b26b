"""Every layer of this package, imported so that Keras knows them by name."""

import mpox_keras.layers.ablgfm
import mpox_keras.layers.pointwise
import mpox_keras.layers.shuffle_unit  # noqa: F401
