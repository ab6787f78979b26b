"""Every block of a guide runs, in order, in a folder of its own, and prints what the guide shows below it."""

import contextlib
import doctest
import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from ai_edge_litert.interpreter import Interpreter
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

FOLDER = Path(__file__).parent.parent / "docs" / "guides"
QUICK = {"honest_evaluation", "screen_a_folder"}
"""Guides that neither train nor start TensorFlow."""
GUIDES = [
    pytest.param(path, id=path.stem, marks=[] if path.stem in QUICK else [pytest.mark.slow])
    for path in sorted(FOLDER.glob("*.md"))
]
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def run_shell(example):
    """Run a `sh` block as a person would paste it, but for installations; a command that fails fails the guide."""
    if example.parsed.startswith("pip install"):
        return
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", example.parsed], capture_output=True, text=True)
    example.namespace["printed"] = done.stdout
    assert done.returncode == 0, f"{example.path}:{example.line}\n{done.stdout}{done.stderr}"


def run_python(example):
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        PythonEvaluator()(example)
    example.namespace["printed"] = printed.getvalue()


def compare(example):
    """A `text` block is what the block above it prints, where `...` stands for anything."""
    printed = example.namespace.pop("printed")
    assert doctest.OutputChecker().check_output(example.parsed, printed, OPTIONS), (
        f"{example.path}:{example.line} shows\n{example.parsed}\nbut this is printed:\n{printed}"
    )


SYBIL = Sybil(
    [CodeBlockParser("sh", run_shell), CodeBlockParser("python", run_python), CodeBlockParser("text", compare)],
    pattern="*.md",
)


@pytest.mark.parametrize("guide", GUIDES)
def test_a_guide_runs_and_prints_what_it_shows(guide, tmp_path, monkeypatch):
    command = tmp_path / "bin" / "mpox-keras"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mpox_keras "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("PATH", os.pathsep.join([str(command.parent), str(Path(sys.executable).parent), os.environ["PATH"]]))
    examples = list(SYBIL.parse(guide))
    assert examples
    for example in examples:
        example.evaluate()


def _block(language):
    text = (FOLDER / "deploy.md").read_text(encoding="utf-8")
    return re.search(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)[1]


def _keys(value):
    return {key for name, inner in value.items() for key in (name, *_keys(inner))} if isinstance(value, dict) else set()


@pytest.mark.slow
def test_the_kotlin_of_the_guide_names_what_a_bundle_has(exported):
    """Nothing here compiles Kotlin; what it asks of the bundle is there, in the shapes that it makes room for."""
    folder, code = exported("tflite"), _block("kotlin")
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    runner = Interpreter(str(folder / "model.tflite")).get_signature_runner()
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    assert set(re.findall(r'open(?:Fd)?\("([^"]+)"\)', code)) == {"model.tflite", "metadata.json"}
    assert set(re.findall(r'inputs\["(\w+)"\]', code)) == set(inputs)
    assert inputs["image"]["shape"].tolist() == [1, metadata["image_size"], metadata["image_size"], 3]
    assert inputs["image"]["dtype"].__name__ == "float32"
    room = dict(re.findall(r'outputs\["(\w+)"\] = arrayOf\(FloatArray\(([\w.]+)\)\)', code))
    sizes = {"classes.size": len(metadata["classes"]), "1": 1}
    assert {name: [1, sizes[size]] for name, size in room.items()} == {
        name: outputs[name]["shape"].tolist() for name in ("probabilities", "ood_score")
    }
    asked = set(re.findall(r'\.(?:get|opt)\w+\("(\w+)"\)', code))
    assert {"classes", "image_size", "thresholds"} <= asked <= _keys(metadata)


@pytest.mark.slow
def test_the_javascript_of_the_guide_names_what_a_bundle_has(exported):
    folder, code = exported("tfjs"), _block("js")
    metadata = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
    topology = json.loads((folder / "tfjs" / "model.json").read_text(encoding="utf-8"))
    assert {(folder / name.removeprefix("mpox-tfjs/")).is_file() for name in re.findall(r'"(mpox-tfjs/[^"]+)"', code)} == {True}
    assert set(re.findall(r"\boutputs\.(\w+)", code)) <= set(topology["signature"]["outputs"])
    assert set(re.findall(r"\b(?:metadata|thresholds)\.(\w+)", re.sub(r'"[^"]*"', "", code))) <= _keys(metadata)
