"""The README's figures are those of the results files, and its commands exist."""

import importlib.util
import re
from pathlib import Path

import click

from mpox_keras.cli import main

ROOT = Path(__file__).parent.parent


def test_tables_are_those_of_the_results_files():
    spec = importlib.util.spec_from_file_location("update_readme", ROOT / "tools" / "update_readme.py")
    update_readme = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(update_readme)
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
