"""Write the tables of the README and the docs from the committed results files; a test fails where they differ.

python tools/update_docs.py
"""

from __future__ import annotations

import re
from functools import partial

from doc_tables import common, conditions, measurements, shufflenet_v2
from doc_tables.runs import ROOT

from mpox_keras.utils.files import replacing

TABLES = {
    "README.md": {
        "external": conditions.headline_table,
        "headline": conditions.msid_table,
    },
    "docs/comparison.md": {
        "alarms": conditions.alarms_table,
        "msid": conditions.msid_table,
    },
    "docs/results.md": {
        "conditions": conditions.conditions_table,
        "alarms": conditions.alarms_table,
        "sources": conditions.sources_table,
        "certainty": conditions.certainty_table,
        "msid": conditions.msid_table,
        "protocols": conditions.protocols_table,
        "seeds": partial(common.seeds_table, f"{common.MSID_RECIPE}_backbone", common.MSID_RECIPE),
        "external": conditions.external_table,
        "refused": conditions.refused_table,
        "worst": conditions.worst_table,
        "trials": conditions.trials_table,
        "log": conditions.runs_of_this_page,
    },
    "docs/results_shufflenet_v2.md": {
        "crossval": shufflenet_v2.crossval_table,
        "comparison": shufflenet_v2.comparison_table,
        "schedule": shufflenet_v2.schedule_table,
        "ablation": shufflenet_v2.ablation_table,
        "seeds": partial(common.seeds_table, "ablation_backbone", "fast_mpoxnet"),
        "variants": shufflenet_v2.variants_table,
        "flips": shufflenet_v2.flips_table,
        "protocol": shufflenet_v2.protocol_table,
        "framing_split": shufflenet_v2.framing_split_table,
        "framing_split_changes": shufflenet_v2.framing_split_changes_table,
        "freezing": shufflenet_v2.freezing_table,
        "occlusion_tests": partial(common.occlusion_table, "occlusion_tests_shufflenet_v2"),
        "select": shufflenet_v2.select_table,
        "aims": shufflenet_v2.aims_table,
        "together": shufflenet_v2.together_table,
        "misclassified_by_all": shufflenet_v2.misclassified_by_all_table,
        "log": shufflenet_v2.runs_of_this_page,
    },
    "docs/presets.md": {
        "presets": measurements.presets_table,
    },
    "docs/training.md": {
        "speed": measurements.speed_table,
        "augmentation": measurements.augmentation_table,
    },
    "docs/bundles.md": {
        "parity": partial(measurements.parity_table, "fast_mpoxnet"),
        "parity_larger": partial(measurements.parity_table, "efficientnet_lite0"),
        "benchmark": measurements.benchmark_table,
        "sizes": conditions.sizes_table,
        "time": measurements.where_time_goes_table,
    },
    "docs/data.md": {
        "duplicates": measurements.duplicates_table,
    },
    "docs/web.md": {
        "web": measurements.web_table,
        "camera": measurements.camera_table,
        "photo_checks": measurements.photo_checks_table,
        "tones": measurements.tones_table,
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
        made = make()
        made = made and f"{made}\n"
        text, count = re.subn(pattern, lambda match, made=made: f"{match[1]}{made}{match[2]}", text, flags=re.DOTALL)
        if count != 1:
            raise SystemExit(f"{page} must hold the markers of the table {name} once, not {count} times.")
    return text


if __name__ == "__main__":
    for page in TABLES:
        text = render(page, (ROOT / page).read_text(encoding="utf-8"))
        with replacing(ROOT / page) as temporary:
            temporary.write_text(text, encoding="utf-8")
