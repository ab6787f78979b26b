"""Heat maps that say what in a photo speaks for a class, by several methods, and how far they can be trusted."""

from mpox_keras.explain.agreement import measure_agreement, read_verdicts
from mpox_keras.explain.faithfulness import deletion_and_insertion, randomised
from mpox_keras.explain.maps import METHODS, ExplanationError, explain
from mpox_keras.explain.masks import MaskError, energy_in_lesion, pointing_game, read_mask
from mpox_keras.explain.measure import measure_explanations
from mpox_keras.explain.review import write_review_sheet

__all__ = [
    "METHODS",
    "ExplanationError",
    "MaskError",
    "deletion_and_insertion",
    "energy_in_lesion",
    "explain",
    "measure_agreement",
    "measure_explanations",
    "pointing_game",
    "randomised",
    "read_mask",
    "read_verdicts",
    "write_review_sheet",
]
