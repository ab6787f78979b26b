"""Write the tables of the README and the docs from the committed results files; a test fails where they differ.

python tools/update_docs.py
"""

from __future__ import annotations

import re
from functools import partial

from doc_tables import accuracy, measurements
from doc_tables.runs import ROOT

from mpox_keras.utils.files import replacing

TABLES = {
    "README.md": {
        "external": accuracy.external_table,
        "headline": accuracy.headline_table,
    },
    "docs/results.md": {
        "crossval": accuracy.crossval_table,
        "comparison": accuracy.comparison_table,
        "schedule": accuracy.schedule_table,
        "ablation": accuracy.ablation_table,
        "seeds": accuracy.seeds_table,
        "variants": accuracy.variants_table,
        "flips": accuracy.flips_table,
        "protocol": accuracy.protocol_table,
        "framing_split": accuracy.framing_split_table,
        "framing_split_changes": accuracy.framing_split_changes_table,
        "freezing": accuracy.freezing_table,
        "occlusion_tests": accuracy.occlusion_table,
        "per_class": accuracy.per_class_table,
        "aims": accuracy.aims_table,
        "together": accuracy.together_table,
        "misclassified_by_all": accuracy.misclassified_by_all_table,
        "log": accuracy.log_table,
    },
    "docs/training.md": {
        "speed": measurements.speed_table,
        "augmentation": measurements.augmentation_table,
        "select": accuracy.select_table,
    },
    "docs/data.md": {
        "duplicates": measurements.duplicates_table,
    },
    "docs/bundles.md": {
        "parity": partial(measurements.parity_table, "fast_mpoxnet"),
        "parity_larger": partial(measurements.parity_table, "efficientnet_lite0"),
        "benchmark": measurements.benchmark_table,
        "convolutions": measurements.convolutions_table,
    },
    "docs/web.md": {
        "web": measurements.web_table,
        "photo_checks": measurements.photo_checks_table,
    },
    "docs/explanations.md": {
        "explanations": measurements.explanations_table,
    },
    "docs/screening.md": {
        "screening": measurements.screening_table,
    },
    "docs/security.md": {
        "fuzz": measurements.fuzz_table,
    },
}
"""Page -> table -> function that makes it."""


def render(page, text):
    """A page with every table made anew."""
    for name, make in TABLES[page].items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
        text, count = re.subn(pattern, lambda match, make=make: f"{match[1]}{make()}\n{match[2]}", text, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"{page} must hold the markers of the table {name} once, not {count} times.")
    return text


if __name__ == "__main__":
    for page in TABLES:
        text = render(page, (ROOT / page).read_text(encoding="utf-8"))
        with replacing(ROOT / page) as temporary:
            temporary.write_text(text, encoding="utf-8")
