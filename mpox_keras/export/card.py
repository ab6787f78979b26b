"""The model card of a bundle, from its metadata."""

from collections.abc import Mapping
from pathlib import Path

import jinja2

from mpox_keras.inference.prediction import DISCLAIMER


def model_card(metadata: Mapping) -> str:
    """Markdown that says what a bundle is, what it was trained on, how well it did and what it must not be used for.

    What the metadata does not hold (a run's says less than a preset's) is said to be not recorded.
    """
    template = Path(__file__).with_name("model_card.md").read_text(encoding="utf-8")
    made = jinja2.Template(template, trim_blocks=True, keep_trailing_newline=True)
    return made.render(metadata, disclaimer=DISCLAIMER)
