"""Heat maps that say what in a photo speaks for a class, by several methods, and how faithful they are."""

from mpox_keras.explain.faithfulness import deletion_and_insertion, randomised
from mpox_keras.explain.maps import METHODS, ExplanationError, explain

__all__ = ["METHODS", "ExplanationError", "deletion_and_insertion", "explain", "randomised"]
