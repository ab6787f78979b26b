"""Write docs/config.md, the reference of every config key, from the schema; a test fails where they differ.

python tools/write_config_reference.py
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path

from mpox_keras.config import Config, all_keys
from mpox_keras.utils.files import replacing

PAGE = Path(__file__).parent.parent / "docs" / "config.md"

INTRODUCTION = """\
# Config keys

A config is a YAML file, see [configs](../configs). It states what differs from the defaults below, which fine-tune the whole of
Fast-MpoxNet; [training.md](training.md) explains the recipes. `--set KEY=VALUE` overrides a key for one run. A key that does
not exist is refused, with the nearest one that does. This page is made by `python tools/write_config_reference.py`.
"""


def config_reference() -> str:
    """The page: a table of keys, defaults and descriptions for each section."""
    sections = {"": [INTRODUCTION]}
    for key, field in all_keys().items():
        section, dot, _ = key.rpartition(".")
        if section not in sections:
            text = inspect.getdoc(Config.model_fields[section].annotation)
            sections[section] = [f"\n## {section}\n\n{text}\n\n| key | default | meaning |\n| --- | --- | --- |"]
        if not dot:
            sections[""].append(f"| key | default | meaning |\n| --- | --- | --- |\n{_row(key, field)}")
        else:
            sections[section].append(_row(key, field))
    return "\n".join(line for lines in sections.values() for line in lines) + "\n"


def _row(key, field):
    return f"| `{key}` | `{json.dumps(field.default)}` | {field.description} |"


if __name__ == "__main__":
    with replacing(PAGE) as temporary:
        temporary.write_text(config_reference(), encoding="utf-8")
