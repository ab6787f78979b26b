"""Pages hold the figures of the results files, and name commands, options, config keys, extras, files and tests that exist."""

import ast
import configparser
import itertools
import re
import shlex
import sys
from pathlib import Path

import click
import pytest

import mpox_keras
from mpox_keras.cli import main
from mpox_keras.config import all_keys
from mpox_keras.inference.classifier import preset_names

ROOT = Path(__file__).parent.parent
TEXTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").glob("*.md")),
        *sorted((ROOT / "docs" / "guides").glob("*.md")),
        ROOT / "datasets/mpox/README.md",
    )
}


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

    marked = {page for page, text in TEXTS.items() if re.search(r"^<!-- \w+ -->$", text, re.MULTILINE)}
    assert marked == set(update_docs.TABLES)
    for page in update_docs.TABLES:
        assert update_docs.render(page, TEXTS[page]) == TEXTS[page], "run: python tools/update_docs.py"


def test_the_readme_is_short_and_begins_with_what_most_want():
    lines = TEXTS["README.md"].splitlines()
    assert len(lines) <= 150
    first_screen = "\n".join(lines[:20])
    for wanted in ("](docs/web_desktop.png)", "pip install", "mpox-keras predict ", "mpox-keras web"):
        assert wanted in first_screen


def _blocks(text):
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def _commands(text):
    """The commands of a page's shell blocks, and those that stand in its sentences."""
    for language, block in _blocks(text):
        if language in ("", "sh"):
            yield from (line for line in block.replace("\\\n", " ").splitlines() if line and not line.startswith("#"))
    yield from re.findall(r"`((?:mpox-keras|python tools/|pip install|pytest) ?[^`\n]*)`", text)


@pytest.mark.parametrize("page", TEXTS)
def test_every_command_and_option_exists(page):
    for line in _commands(TEXTS[page]):
        words = shlex.split(line, comments=True)
        if words[:2] == ["docker", "run"]:
            words = words[words.index("mpox-keras") :]
        if words[:1] == ["mpox-keras"]:
            _check_click(words[1:], line)
        elif words[:2] == ["python", "-m"] and words[2] == "mpox_keras":
            _check_click(words[3:], line)
        elif words[:1] == ["python"] and words[1].startswith("tools/"):
            _check_script(ROOT / words[1], words[2:], line)


def _check_click(words, line):
    command = main
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, line
        command = command.commands[words.pop(0)]
    if not words:
        return  # The name alone, in a sentence.
    parameters = [parameter for parameter in command.params if not isinstance(parameter, click.Argument)]
    known = {name: parameter for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}
    assert not {word for word in words if word.startswith("-")} - set(known), line
    for option, value in itertools.pairwise(words):
        if option in known and isinstance(known[option].type, click.Choice):
            assert value in known[option].type.choices, line


def _check_script(path, words, line):
    assert path.is_file(), line
    options = set(re.findall(r"""["'](--[\w-]+)""", path.read_text(encoding="utf-8")))
    options |= {option for pair in options for option in pair.split("/")}
    assert not {word for word in words if word.startswith("--")} - options, line


def test_pages_name_most_commands():
    named = {
        " ".join(line.split()[1:3]) for text in TEXTS.values() for line in _commands(text) if line.startswith("mpox-keras ")
    }
    unnamed = [name for name in main.commands if not any(f"{command} ".startswith(f"{name} ") for command in named)]
    assert not unnamed


@pytest.mark.parametrize("page", TEXTS)
def test_every_extra_is_declared(page):
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = re.findall(r"(?:mpox-keras|\.)\[([\w,]+)\]", TEXTS[page])
    assert not {extra for named in extras for extra in named.split(",")} - set(setup["options.extras_require"])


@pytest.mark.parametrize("page", [page for page in TEXTS if page != "docs/results_shufflenet_v2.md"])
def test_every_config_key_exists(page):
    """The page of an earlier release names keys of its own."""
    named = re.findall(r"[`\s]((?:model|data|augmentation|training)\.[a-z_]+)(?=[:=`])", TEXTS[page])
    attributes = {"model.backbone", "model.output_names", "model.keras", "model.tflite"}
    assert not set(named) - set(all_keys()) - attributes


@pytest.mark.parametrize("page", TEXTS)
def test_every_python_block_parses_and_uses_names_that_exist(page):
    blocks = [block for language, block in _blocks(TEXTS[page]) if language == "python"]
    for node in itertools.chain.from_iterable(ast.walk(ast.parse(block)) for block in blocks):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "mpox_keras":
            assert node.attr in (*dir(mpox_keras), "datasets"), ast.unparse(node)


@pytest.mark.parametrize("page", TEXTS)
def test_every_file_linked_or_named_exists(page):
    text = TEXTS[page]
    links = [link for link in re.findall(r"""(?:\]\(|src=")([^)"]+)[)"]""", text) if not link.startswith(("http", "#"))]
    assert not [link for link in links if not ((ROOT / page).parent / link.partition("#")[0]).exists()]
    named = re.findall(r"`((?:tools|tests|mpox_keras|configs)/[\w/.]+)`", text)
    assert not [path for path in named if not (ROOT / path).exists()]


def test_the_tests_that_the_fault_table_names_exist():
    written = (ROOT / "tests" / "test_bad_days.py").read_text(encoding="utf-8")
    names = re.findall(r"`(test_\w+)`", TEXTS["docs/faults.md"])
    assert len(names) >= 10
    assert not [name for name in names if f"def {name}(" not in written]
