"""TensorFlow Datasets builders; importing `mpox_keras.datasets` registers the dataset `mpox` with TFDS."""

from mpox_keras.datasets.mpox import mpox_dataset_builder

__all__ = ["mpox_dataset_builder"]
