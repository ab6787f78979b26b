"""Trained networks for other runtimes: TFLite, TF.js, SavedModel and Keras bundles."""
