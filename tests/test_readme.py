"""The figures of the README and the docs are those of the results files, and their commands exist."""

import re
import sys
from pathlib import Path

import click
import pytest

from mpox_keras.cli import main
from mpox_keras.inference.classifier import preset_names

ROOT = Path(__file__).parent.parent
PAGES = ["README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md"))]


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    yield
    for name in [name for name in sys.modules if name.startswith(("update_docs", "build_model_card", "doc_tables"))]:
        sys.modules.pop(name)


@pytest.mark.parametrize("preset", preset_names())
def test_a_model_card_is_that_of_the_preset_and_the_results_files(preset):
    import build_model_card

    text = build_model_card.path(preset).read_text(encoding="utf-8")
    assert build_model_card.render(preset) == text, "run: python tools/build_model_card.py"


def test_tables_are_those_of_the_results_files():
    import update_docs

    marked = {page for page in PAGES if re.search(r"^<!-- \w+ -->$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)}
    assert marked == set(update_docs.TABLES)
    for page in update_docs.TABLES:
        text = (ROOT / page).read_text(encoding="utf-8")
        assert update_docs.render(page, text) == text, "run: python tools/update_docs.py"


@pytest.mark.parametrize("page", PAGES)
def test_every_command_and_option_named_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8").replace("\\\n", "")
    for line in re.findall(r"^mpox-keras (.+?)(?:  +#.*)?$", text, flags=re.MULTILINE):
        words = line.split()
        command = main
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        assert not {word for word in words if word.startswith("--")} - options, line


def test_the_readme_names_commands():
    assert len(re.findall(r"^mpox-keras ", (ROOT / "README.md").read_text(encoding="utf-8"), flags=re.MULTILINE)) >= 15


@pytest.mark.parametrize("page", PAGES)
def test_every_file_linked_exists(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)]+)\)", text) if not link.startswith("http")]
    assert not [link for link in links if not ((ROOT / page).parent / link).exists()]


def test_the_tests_that_the_fault_table_names_exist():
    text = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
    written = (ROOT / "tests" / "test_bad_days.py").read_text(encoding="utf-8")
    names = re.findall(r"`(test_\w+)`", text)
    assert len(names) >= 10
    assert not [name for name in names if f"def {name}(" not in written]
    assert not [path for path in re.findall(r"`(tests/[\w/]+\.py)`", text) if not (ROOT / path).exists()]
