"""How good a network is, told honestly."""

from mpox_keras.evaluation.binary import evaluate_mpox_against_others
from mpox_keras.evaluation.calibration import choose_limits
from mpox_keras.evaluation.judge import judge, judge_mpox_against_others
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.evaluation.report import write_report
from mpox_keras.evaluation.summary import format_mpox_against_others, format_summary

__all__ = [
    "choose_limits",
    "evaluate_mpox_against_others",
    "evaluate_predictions",
    "format_mpox_against_others",
    "format_summary",
    "judge",
    "judge_mpox_against_others",
    "write_report",
]
