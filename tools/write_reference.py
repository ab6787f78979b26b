"""Write the pages of the reference that are read in the repository too, from the code; a test fails where they differ.

    python tools/write_reference.py

docs/commands.md holds every command with its options, docs/config.md every config key, and docs/files.md every field of
`metadata.json` and every column of what `screen` writes.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
from doc_tables.common import table

from mpox_keras.cli import main as commands
from mpox_keras.config import Config, all_keys
from mpox_keras.inference import metadata
from mpox_keras.inference.prediction import Prediction
from mpox_keras.screening.run import record_schema
from mpox_keras.utils.files import replacing

DOCS = Path(__file__).parent.parent / "docs"
_MADE = "This page is made by `python tools/write_reference.py`."


def commands_page() -> str:
    """A section for each command: what it does, how it is called, and its options."""
    parts = [f"# Commands\n\n{inspect.cleandoc(commands.help)}\n\n{_MADE}"]
    for name, command in find_commands(commands, "mpox-keras"):
        context = click.Context(command, info_name=name)
        usage = " ".join([name, *command.collect_usage_pieces(context)])
        options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
        records = (option.get_help_record(context) for option in options)
        rows = [[f"<code>{_cell(names)}</code>", _cell(text)] for names, text in records]
        made = table(["option", "meaning"], rows)
        parts.append(f"## {name}\n\n{inspect.cleandoc(command.help)}\n\n```text\n{usage}\n```\n\n{made}".rstrip())
    return "\n\n".join(parts) + "\n"


def find_commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Full name and command of everything that does something, in alphabetical order."""
    if isinstance(command, click.Group):
        for part, inner in sorted(command.commands.items()):
            yield from find_commands(inner, f"{name} {part}")
    else:
        yield name, command


def config_page() -> str:
    """A table of keys, defaults and descriptions for each section."""
    header = ["key", "default", "meaning"]
    sections = {"": []}
    for key, field in all_keys().items():
        section = key.rpartition(".")[0]
        sections.setdefault(section, []).append([f"`{key}`", f"`{json.dumps(field.default)}`", field.description])
    parts = [_CONFIG, table(header, sections.pop(""))]
    for section, rows in sections.items():
        text = inspect.getdoc(Config.model_fields[section].annotation)
        parts.append(f"## {section}\n\n{text}\n\n{table(header, rows)}")
    return "\n\n".join(parts) + "\n"


_CONFIG = f"""\
# Config keys

A config is a YAML file, such as [fast_mpoxnet.yaml](../configs/fast_mpoxnet.yaml). It states what differs from the defaults
below, which fine-tune the whole of Fast-MpoxNet; [training.md](training.md) explains the recipes. `--set KEY=VALUE` overrides a
key for one run. A key that does not exist is refused, with the nearest one that does. {_MADE}"""


def files_page() -> str:
    """Tables of the keys of `metadata.json` and of the columns of a screening's records."""
    keys = [[f"`{key}`", *cells] for key, cells in _metadata_rows()]
    inside = [[f"`{name}`", meaning] for name, meaning in FIGURES.items()]
    schema = record_schema(["CLASS"])
    meanings = _attributes(Prediction) | _COLUMNS
    columns = [[f"`{field.name}`", field.type, _cell(meanings[field.name])] for field in schema]
    return _FILES.format(
        made=_MADE,
        keys=table(["key", "must be", "where", "meaning"], keys),
        inside=table(["name", "meaning"], inside),
        columns=table(["column", "type", "meaning"], columns),
    )


_FILES = """\
# Files

What the files hold that other programs read. {made}

## metadata.json

Lies beside every trained network: in the folder of a run, of a preset and of a bundle. What has an entry under "must be" is
checked when the network is loaded; what is optional may be missing there. `SHA256SUMS` has the hash of every other file.

{keys}

## Figures in metadata.json

The names inside `operating_points`, `out_of_fold`, `validation` and `external`. Beside most shares stands one that ends in
`_interval`: lowest and highest value of its 95 % interval. A share is between 0 and 1.

{inside}

## Records of a screening

`mpox-keras screen` writes `shards/*.parquet` with a row for each photo, and a column `probability_CLASS` for each class:

{columns}
"""

_ANYWHERE, _PRESET, _BUNDLE = "everywhere", "presets, and bundles made of them", "bundles"
METADATA = {
    "format_version": (_ANYWHERE, "version of these files; a release reads its own"),
    "format": (_ANYWHERE, "which file or folder holds the network"),
    "classes": (_ANYWHERE, "names of the classes, in the order of the outputs"),
    "image_size": (_ANYWHERE, "height and width of the photos that the network takes"),
    "value_range": (_ANYWHERE, "smallest and largest value of a pixel that it takes: 0 and 255"),
    "temperature": (_ANYWHERE, "what logits are divided by before the softmax"),
    "thresholds": (
        _ANYWHERE,
        "`mpox`: probability from which mpox is suspected; `confidence`: probability under which the answer is not sure; "
        "`ood_score`: score over which it is out of distribution; null: every photo gets an answer",
    ),
    "operating_points": (_ANYWHERE, "thresholds for mpox by the recall that they were chosen for, and what each achieves"),
    "prevalence": ("`load_classifier(prevalence=...)`", "share of mpox that the probabilities are for"),
    "training_photos": (_ANYWHERE, "number of training photos of each class"),
    "validation": ("runs", "figures of the photos that `fit` left out; null if there were none"),
    "config": (_PRESET.split(",")[0], "the [config](config.md) of the training"),
    "environment": ("runs, presets", "versions of packages, and the machine of the training"),
    "name": ("presets, bundles", "name of the network"),
    "intended_use": (_PRESET, "what it is for and what not"),
    "training_data": (_PRESET, "where the training photos come from"),
    "out_of_fold": (_PRESET, "figures of networks that were trained alike on other folds"),
    "external": (_PRESET, "figures on photos of a source that nothing was trained on"),
    "licence": (_PRESET, "terms of the weights"),
    "precision": (_BUNDLE, "kind of numbers that the weights have"),
    "input": (_BUNDLE, "`name`, `dtype` and `range` of what the model takes"),
    "calibration_photos": (_BUNDLE, "number of photos that showed an int8 export what to expect"),
    "made_from": (_BUNDLE, "`source` and `sha256` of the trained network"),
    "made_by": (_BUNDLE, "version of this package"),
}
"""Key of `metadata.json` -> where it is found, and its meaning."""

FIGURES = {
    "definition": "what the figures beside it are of",
    "protocol": "how the photos were split",
    "classes": "names of the classes",
    "photos": "number of photos",
    "patients": "number of people",
    "mpox_patients": "of them with mpox",
    "support": "number of photos of the class",
    "accuracy": "share of photos whose likeliest class is right",
    "accuracy_mean": "mean of the accuracies of the folds",
    "accuracy_sd": "their standard deviation",
    "balanced_accuracy": "mean of the recalls of the classes",
    "macro_f1": "mean of the F1 scores of the classes",
    "macro_auc": "mean of the AUCs of the classes",
    "brier_score": "mean squared distance of the probabilities from the truth",
    "confusion_matrix": "number of photos of each true class, a row, with each answer, a column",
    "per_class": "figures of one class against all others",
    "precision": "share of the photos with this answer that are right",
    "recall": "share of the photos of the class that are found",
    "specificity": "share of the photos of all other classes that are not taken for it",
    "specificity_other_rashes": "the same, of rashes alone",
    "f1": "harmonic mean of precision and recall",
    "auc": "area under the ROC curve",
    "auc_per_photo": "area under the ROC curve, of mpox against other rashes",
    "auc_per_patient": "the same, with the mean over the photos of each person",
    "rash_classes_only": "figures without photos of normal skin",
    "mpox_against_other_rashes": "figures of mpox against the other rashes",
    "expected_calibration_error": "mean distance of probability and accuracy",
    "expected_calibration_error_before": "the same, before the temperature",
    "expected_calibration_error_after": "the same, after it",
    "temperature": "as above; chosen on these photos",
    "thresholds": "the thresholds chosen on these photos, and what they achieve, cross-fitted",
    "operating_points": "as above, cross-fitted",
    "threshold": "the threshold that was chosen",
    "share": "share of the photos",
    "no_alarm": "share of the photos at which mpox is not suspected, by class",
    "abstention": "what the threshold `confidence` costs",
    "coverage": "share of the photos that get an answer",
    "coverage_curve": "accuracy of the surest photos, by the share of photos answered",
    "out_of_distribution": "what the threshold `ood_score` costs",
    "refused": "share of the photos over it",
    "other_conditions": "no alarm at other skin conditions, by the recall that the threshold was chosen for",
    "left_out_sources": "figures by source, of networks that were trained without it",
    "breakdown": 'figures by column of `metadata.csv` and its values, or "not recorded"',
    "msid": "figures of the four classes of MSID alone",
    "all": "of all its photos",
    "without_doubtful": "of those whose label is not doubtful",
}
"""Name inside the figures -> its meaning."""

_COLUMNS = {
    "id": "the identifier that the list of photos gives, or else the path",
    "file": "path or URL of the photo",
    "probability_CLASS": "calibrated probability of the class, 0 to 1",
    "answer": inspect.getdoc(Prediction.answer),
}


def _metadata_rows():
    for key, (where, meaning) in METADATA.items():
        kinds = {"format_version": (metadata.FORMAT_VERSION,), **metadata._KINDS}
        expected = kinds[key][0] if key in kinds else ""
        yield key, [f"{expected}{' (optional)' if key in metadata._OPTIONAL else ''}", where, meaning]


def _attributes(kind: type) -> dict[str, str]:
    """What the docstring of a class says of its attributes."""
    text = inspect.getdoc(kind).partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", text, re.MULTILINE)
    return {name: re.sub(r"\s+", " ", meaning) for name, meaning in found}


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("<", "&lt;").replace("|", "&#124;")


PAGES = {"commands.md": commands_page, "config.md": config_page, "files.md": files_page}
"""File in docs/ -> function that makes it."""

if __name__ == "__main__":
    for name, make in PAGES.items():
        with replacing(DOCS / name) as temporary:
            temporary.write_text(make(), encoding="utf-8")
