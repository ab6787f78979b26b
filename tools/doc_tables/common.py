"""How results files are read and figures are written."""

from __future__ import annotations

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
RESULTS = ROOT / "configs" / "results"


def load(name):
    """A results file by name."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def percent(value):
    """0.8845 -> 88.5 %."""
    return f"{100 * value:.1f} %"


def with_interval(figures, name):
    """Value with its 95 % interval."""
    low, high = figures[f"{name}_interval"]
    return f"{percent(figures[name])} ({100 * low:.1f} to {100 * high:.1f})"


def table(header, rows):
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def over_folds(results):
    """Mean and standard deviation over folds."""
    return f"{percent(results['accuracy_mean'])} ± {100 * results['accuracy_sd']:.1f}"
