"""What the Dockerfile installs is what setup.cfg asks for, and what it runs exists. The image itself is not built here."""

import configparser
import json
import re
import shlex
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from mpox_keras.cli import main

ROOT = Path(__file__).parent.parent
STEPS = [
    line.split(maxsplit=1)
    for line in (ROOT / "Dockerfile").read_text(encoding="utf-8").splitlines()
    if line and not line.startswith("#")
]
PINS = (ROOT / "docker" / "requirements.txt").read_text(encoding="utf-8")


def _plain(name):
    return name.replace("_", "-").lower()


def _steps(name):
    return [rest for step, rest in STEPS if step == name]


def _requirements():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = (setup["options"]["install_requires"] + setup["options.extras_require"]["screen"]).splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def test_pins_are_exact_and_have_hashes():
    blocks = [block for block in re.split(r"^(?=\S)", PINS, flags=re.MULTILINE) if not block.startswith("#")]
    assert len(blocks) > 40
    for block in filter(str.strip, blocks):
        assert re.match(r"[\w.-]+==[\w.+!]+( ; .+)? \\\n    --hash=sha256:[0-9a-f]{64}", block), block


@pytest.mark.parametrize("requirement", _requirements(), ids=str)
def test_a_pin_satisfies_the_requirement(requirement):
    pins = dict(re.findall(r"^([\w.-]+)==([\w.+!]+)", PINS, re.MULTILINE))
    pinned = {_plain(name): version for name, version in pins.items()}[_plain(requirement.name)]
    assert Version(pinned) in requirement.specifier, "make the pins again, see docs/docker.md"


def test_the_build_backend_is_pinned():
    needed = re.search(r'"setuptools>=(\d+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"))[1]
    assert Version(re.search(r"^setuptools==(\S+)", PINS, re.MULTILINE)[1]) >= Version(needed)


def test_files_that_are_copied_are_there():
    sources = [word for rest in _steps("COPY") for word in rest.split()[:-1]]
    assert "docker/requirements.txt" in sources
    assert not [source for source in sources if not (ROOT / source).exists()]


def test_commands_exist_with_their_options():
    (entry,), (default,) = _steps("ENTRYPOINT"), _steps("CMD")
    commands = [json.loads(entry) + json.loads(default), *map(shlex.split, _steps("RUN"))]
    ours = [words[1:] for words in commands if words[0] == "mpox-keras"]
    assert {words[0] for words in ours} == {"web", "export"}
    for name, *words in ours:
        main.commands[name].make_context(name, words)


def test_the_commands_run_without_rights():
    steps = [step for step, _ in STEPS]
    assert _steps("USER") == ["10001"]
    assert steps.index("USER") > len(steps) - 1 - steps[::-1].index("RUN")
