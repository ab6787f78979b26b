"""The pages of the reference that a tool writes: they are those of the code, and leave out nothing."""

import json
import sys
from pathlib import Path

import pyarrow.parquet
import pytest
from tiny_network import tiny_fast_mpoxnet

from mpox_keras.cli import main
from mpox_keras.config import parse_config
from mpox_keras.data.folder import read_folder
from mpox_keras.data.synthetic import write_synthetic_photos
from mpox_keras.inference.classifier import preset_names
from mpox_keras.inference.metadata import METADATA_FILE, read_metadata
from mpox_keras.screening.run import record_schema, screen_photos
from mpox_keras.training import fit
from mpox_keras.utils.files import PRESETS_FOLDER

ROOT = Path(__file__).parent.parent


@pytest.fixture
def reference(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    import write_reference

    yield write_reference
    for name in [name for name in sys.modules if name.split(".")[0] in ("write_reference", "doc_tables")]:
        sys.modules.pop(name)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The folder of a fit that trained nothing."""
    folder = tmp_path_factory.mktemp("run")
    write_synthetic_photos(folder / "photos", scenes_per_class=3)
    classes = ["mpox", "chickenpox", "measles", "normal"]
    data = {"classes": classes, "validation_fraction": 0.5}
    config = parse_config({"model": {"image_size": 32, "weights": None}, "data": data})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit, "train", lambda config, *rest: tiny_fast_mpoxnet(config.model, len(classes)))
        fit.fit_photos(config, read_folder(folder / "photos", classes), folder / "run")
    return folder / "run"


def test_the_pages_are_those_of_the_code(reference):
    for name, make in reference.PAGES.items():
        assert make() == (reference.DOCS / name).read_text(encoding="utf-8"), "run: python tools/write_reference.py"


def test_every_command_and_option_is_on_its_page(reference):
    text = (reference.DOCS / "commands.md").read_text(encoding="utf-8")
    sections = {section.splitlines()[0]: section for section in text.split("\n## ")[1:]}
    found = dict(reference.find_commands(main, "mpox-keras"))
    assert list(sections) == list(found)
    for name, command in found.items():
        for parameter in command.params:
            assert all(part in sections[name] for part in parameter.opts if part.startswith("-")), (name, parameter.name)


def test_every_field_of_metadata_is_described_and_no_other(reference, run, exported):
    found = [read_metadata(PRESETS_FOLDER / name) for name in preset_names()]
    found += [json.loads((run / METADATA_FILE).read_text()), read_metadata(exported("tflite"))]
    # What `load_classifier` adds to the copy that it keeps.
    assert set().union(*found) | {"prevalence"} == set(reference.METADATA)
    figures = set()
    for metadata in found:
        for key in ("operating_points", "out_of_fold", "external", "validation"):
            figures |= _names(metadata.get(key, {}), is_name=key != "operating_points")
    assert {name for name in figures if not name.endswith("_interval")} == set(reference.FIGURES)


def _names(value, is_name=True):
    """Names inside figures, without those of classes, sources, recalls, and columns of tables."""
    if isinstance(value, list):
        return set().union(*(_names(inner, is_name) for inner in value))
    if not isinstance(value, dict):
        return set()
    found = set(value) if is_name else set()
    for key, inner in value.items():
        if is_name and key == "breakdown":
            columns = [column for column in inner.values() if isinstance(column, dict)]
            found |= set().union(*(_names(column, is_name=False) for column in columns))
        else:
            inner_names = {"per_class", "no_alarm", "left_out_sources", "operating_points"}
            found |= _names(inner, is_name=not (is_name and key in inner_names))
    return found


def test_the_records_of_a_screening_have_the_columns_of_the_page(reference, run, exported, tmp_path):
    screen_photos([str(run.parent / "photos")], tmp_path / "screened", exported("tflite"))
    classes = json.loads((exported("tflite") / METADATA_FILE).read_text())["classes"]
    (shard,) = (tmp_path / "screened" / "shards").glob("*.parquet")
    assert pyarrow.parquet.read_schema(shard).equals(record_schema(classes))
    text = (reference.DOCS / "files.md").read_text(encoding="utf-8")
    assert all(f"| `{field.name}` | {field.type} |" in text for field in record_schema(["CLASS"]))
