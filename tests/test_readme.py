"""The README's figures are those of the results files, and its commands exist."""

import re
import sys
from pathlib import Path

import click
import pytest

from mpox_keras.cli import main

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    yield
    for name in ("update_readme", "build_model_card"):
        sys.modules.pop(name, None)


def test_the_model_card_is_that_of_the_preset_and_the_results_files():
    import build_model_card

    text = (ROOT / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert build_model_card.render() == text, "run: python tools/build_model_card.py"


def test_tables_are_those_of_the_results_files():
    import update_readme

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert update_readme.render(text) == text, "run: python tools/update_readme.py"


def test_every_command_and_option_named_exists():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    lines = re.findall(r"^mpox-keras (.+?)(?:  +#.*)?$", text, flags=re.MULTILINE)
    assert len(lines) >= 6
    for line in lines:
        words = line.split()
        command = main
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert not {word for word in words if word.startswith("--")} - options, line


def test_every_file_linked_exists():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
