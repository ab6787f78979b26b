# Imported first, because it then imports every module with registered classes, those of this package too.
import keras  # noqa: F401
