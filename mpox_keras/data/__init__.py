"""Photos in, training batches out."""

from mpox_keras.data.folder import CLASSES, DataError, Photo, read_folder
from mpox_keras.data.photos import PhotoError, decode_photo, resize_photo
from mpox_keras.data.sources import has_others, read_external_photos, read_grouped_photos, read_photos, read_ungrouped_photos

__all__ = [
    "CLASSES",
    "DataError",
    "Photo",
    "PhotoError",
    "decode_photo",
    "has_others",
    "read_external_photos",
    "read_folder",
    "read_grouped_photos",
    "read_photos",
    "read_ungrouped_photos",
    "resize_photo",
]
