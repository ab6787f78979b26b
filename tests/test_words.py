"""One word for one thing: the words that the glossary of CONTRIBUTING.md replaced are in no name and no text."""

import csv
import io
import json
import re
import subprocess
import tokenize
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent
REPLACED = {
    *(
        "judge",
        "judged",
        "judges",
        "judging",
        "judgement",
        "elsewhere",
        "unfamiliar",
        "unfamiliarity",
        "doubts",
    ),
    *("limits", "others", "fuse", "fused", "fuses", "fusing", "unfused", "styles", "taught", "spread", "connect", "evenly"),
    *("randomised", "shortcuts", "beyond"),
}
"""Parts of names, in lower case. `doubt` is of a label that may be wrong, as data sets call it, and of no answer."""
REPLACED_IN_SENTENCES = {word for word in REPLACED if re.match("judg|unfamil|elsewhere", word)}
"""Those that the names of tests do not contain either; the others are plain English in a sentence."""
REPLACED_NAMES = {"Answers", "Examples", "VerdictError"}
REPLACED_IN_TEXTS = re.compile(r"\b(unfamiliar\w*|elsewhere|judg\w+)\b", re.IGNORECASE)


def _files(*suffixes):
    """The committed files of these kinds, but for those of other projects."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    names = listed.stdout.splitlines() or [path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*") if path.is_file()]
    foreign = re.compile(r"(^|/)(vendor|node_modules|runs|build|dist)/|package-lock\.json$")
    return sorted(name for name in names if name.endswith(suffixes) and not foreign.search(name) and (ROOT / name).is_file())


def _replaced(name):
    parts = [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    if name.startswith("test_"):
        return not REPLACED_IN_SENTENCES.isdisjoint(parts)
    return name in REPLACED_NAMES or not REPLACED.isdisjoint(parts)


def _python_names(text):
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield token.start[0], token.string


def _javascript_names(text):
    code = re.sub(r"/\*.*?\*/|//[^\n]*|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"", _blank, text, flags=re.DOTALL)
    for number, line in enumerate(code.splitlines(), 1):
        yield from ((number, name) for name in re.findall(r"[A-Za-z_$][\w$]*", line))


def _blank(match):
    return "\n" * match[0].count("\n")


def _html_names(text):
    for number, line in enumerate(text.splitlines(), 1):
        for names in re.findall(r"""\b(?:id|class|name|for|data-[\w-]+)=["']([^"']+)["']""", line):
            yield from ((number, name) for name in names.split())


def _keys(value):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _identifiers(name):
    """Every name in a file, with the line it stands in (0 in data)."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".py"):
        return _python_names(text)
    if name.endswith((".js", ".mjs")):
        return _javascript_names(text)
    if name.endswith(".html"):
        return _html_names(text)
    if name.endswith((".yaml", ".json")):
        value = json.loads(text) if name.endswith(".json") else yaml.safe_load(text)
        return ((0, key) for key in _keys(value) if re.fullmatch(r"\w+", key))
    header = next(csv.reader(io.StringIO(text)), [])
    return ((1, column) for column in header)


def test_names_are_those_of_the_glossary():
    kinds = (".py", ".js", ".mjs", ".html", ".yaml", ".json", ".csv")
    found = [f"{file}:{line} {name}" for file in _files(*kinds) for line, name in _identifiers(file) if _replaced(name)]
    assert not found, "\n".join(["", *dict.fromkeys(found)])


def test_texts_use_the_words_of_the_glossary():
    """Pages, and all texts of the package: docstrings, messages, comments and the English of the web app."""
    package = [name for name in _files(".py", ".js", ".html", ".json", ".css") if name.startswith(("mpox_keras/", "datasets/"))]
    texts = [*_files(".md", ".cff", ".yaml"), *package]
    found = [
        f"{name}:{number} {match[0]}"
        for name in texts
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1)
        for match in REPLACED_IN_TEXTS.finditer(line)
    ]
    assert not found, "\n".join(["", *found])


@pytest.mark.parametrize(
    ("name", "replaced"),
    [
        ("choose_limits", True),
        ("rlimit", False),
        ("limit", False),
        ("connected_components", False),
        ("Connect", True),
        ("otherRash", False),
        ("Answers", True),
        ("answers", False),
        ("isFused", True),
        ("fusion", False),
        ("refused", False),
        ("JUDGED", True),
        ("test_a_bad_photo_does_not_stop_the_others", False),
        ("test_a_fold_is_judged", True),
    ],
)
def test_a_name_is_told_by_its_parts(name, replaced):
    assert _replaced(name) == replaced


def test_names_in_strings_and_comments_of_javascript_do_not_count():
    text = "// judge\nconst a = 'judge'; /* judge\njudge */ let judge = \"judge\";\n"
    assert [name for _, name in _javascript_names(text)].count("judge") == 1
    assert (3, "judge") in _javascript_names(text)
