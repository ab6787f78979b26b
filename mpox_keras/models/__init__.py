# Once Keras is imported, so is every module with registered classes (`mpox_keras.models.registered`). Were Keras imported by
# one of these first, that one would be half-made by then.
import keras  # noqa: F401
