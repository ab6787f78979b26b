"""How good a network is, told honestly."""

from mpox_keras.evaluation.judge import judge
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.evaluation.report import format_summary, write_report

__all__ = ["evaluate_predictions", "format_summary", "judge", "write_report"]
