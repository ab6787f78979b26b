"""The TFDS dataset `mpox`."""
