"""The committed results: every file and every figure of them is read by a page, and runs are recorded as they are."""

import csv
import dataclasses
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "configs" / "results"


@pytest.fixture(autouse=True)
def tools(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    yield
    for name in [name for name in sys.modules if name.split(".")[0] in ("update_docs", "doc_tables", "record_results")]:
        sys.modules.pop(name)


@pytest.fixture
def results(tmp_path):
    """What `crossval` writes, of three photos."""
    thresholds = {"expected_calibration_error_after": 0.03, "coverage_curve": [{"coverage": 0.9, "accuracy": 0.75}]}
    written = {
        "photos": 3,
        "accuracy": 2 / 3,
        "accuracy_interval": [0.2, 0.9],
        "accuracy_mean": 0.65,
        "accuracy_sd": 0.1,
        "macro_f1": 0.5,
        "rash_classes_only": {"accuracy": 0.5, "accuracy_interval": [0.1, 0.9]},
        "mpox_against_other_rashes": {"auc": 0.8},
        "external_auc": 0.6,
        "thresholds": thresholds,
        "training_seconds": {"fold_0": 60.0, "total": 120.0},
    }
    folder = tmp_path / "folds"
    folder.mkdir()
    (folder / "results.json").write_text(json.dumps(written))
    (folder / "out_of_fold.csv").write_text(
        "file,label,group,fold,mpox,normal,ood_score\n"
        "a.png,mpox,1,0,0.900000,0.100000,0.1\nb.png,mpox,1,0,0.400000,0.600000,0.1\nc.png,normal,2,1,0.123456,0.876544,0.1\n"
    )
    return folder


def test_every_results_file_and_column_and_every_run_is_read_by_a_page(monkeypatch):
    import update_docs
    from doc_tables import runs

    files, columns, names, compared = set(), set(), set(), set()

    class Watched:
        """A run that notes which of its figures are read."""

        def __init__(self, run):
            self.__dict__ = _Noting(dataclasses.asdict(run), columns)

        def __getattribute__(self, name):
            if name != "__dict__":
                columns.add(name)
            return super().__getattribute__(name)

    class Predictions(runs.Predictions):
        def top_classes(self, names):
            compared.update(names)
            return super().top_classes(names)

    def read(name, read=runs.read):
        files.add(name)
        return read(name)

    monkeypatch.setattr(runs, "read", read)
    every = {name: Watched(run) for name, run in runs.read_runs().items()}
    predictions = Predictions(**vars(runs.read_predictions()))
    noting = {"all_runs": lambda: _Noting(every, names), "run_predictions": lambda: predictions}
    for module in [module for name, module in sys.modules.items() if name.startswith("doc_tables.")]:
        for name in set(noting).intersection(vars(module)):
            monkeypatch.setattr(module, name, noting[name])
    for tables in update_docs.TABLES.values():
        for make in tables.values():
            make()

    assert files == {path.name for path in RESULTS.iterdir()}, "delete what no page reads, or show it on one"
    assert {field.name for field in dataclasses.fields(runs.Run)} <= columns
    assert set(every) <= names
    assert set(predictions.probabilities) <= compared


@pytest.mark.parametrize("name", sorted(path.name for path in RESULTS.glob("*.csv")))
def test_every_row_of_a_table_has_the_columns_of_its_header(name):
    with (RESULTS / name).open(newline="") as stream:
        header, *rows = csv.reader(stream)
    assert {len(row) for row in rows} == {len(header)}


class _Noting(dict):
    """A dictionary that notes which of its keys are read one by one."""

    def __init__(self, entries, noted):
        super().__init__(entries)
        self.noted = noted

    def __getitem__(self, name):
        self.noted.add(name)
        return super().__getitem__(name)


def test_a_finished_run_becomes_a_row_and_its_predictions_are_kept(results, tmp_path, monkeypatch):
    import record_results
    from doc_tables import runs

    kept = tmp_path / "kept"
    monkeypatch.setattr(runs, "RESULTS", kept)
    monkeypatch.setattr(record_results, "RESULTS", kept)
    record = ["--config", "small", "--changes", "seed=1", "--predictions"]
    assert CliRunner().invoke(record_results.main, [str(results), *record]).exit_code == 0
    assert CliRunner().invoke(record_results.main, [str(results), "--name", "other"]).exit_code == 0

    row, other = runs.read_runs().values()
    assert (row.name, row.config, row.changes, row.split, other.name) == ("folds", "small", "seed=1", "grouped", "other")
    assert (row.accuracy, row.rash_accuracy_high, row.external_auc, row.training_seconds) == (0.666667, 0.9, 0.6, 120)
    assert (row.accuracy_of_surest_90, row.milliseconds) == (0.75, None)
    predictions = runs.read_predictions()
    assert predictions.photos == [("a.png", "mpox", "1"), ("b.png", "mpox", "1"), ("c.png", "normal", "2")]
    np.testing.assert_allclose(predictions.probabilities["folds"], [[0.9, 0.1], [0.4, 0.6], [0.1235, 0.8765]])
    assert predictions.right("folds").tolist() == [True, False, True]


def test_a_run_recorded_again_takes_the_place_of_its_row_and_keeps_what_it_was(results, tmp_path, monkeypatch):
    import record_results
    from doc_tables import runs

    monkeypatch.setattr(runs, "RESULTS", tmp_path / "kept")
    monkeypatch.setattr(record_results, "RESULTS", tmp_path / "kept")
    record_results.record_run(results, "folds", predictions=True, config="small", split="stratified")
    written = json.loads((results / "results.json").read_text()) | {"training_seconds": {"total": 240.0}}
    (results / "results.json").write_text(json.dumps(written))
    table = results / "out_of_fold.csv"
    table.write_text(table.read_text().replace("0.900000,0.100000", "0.700000,0.300000"))
    record_results.record_run(results, "folds")
    (row,) = runs.read_runs().values()
    assert (row.config, row.split, row.training_seconds) == ("small", "stratified", 240)
    assert runs.read_predictions().probabilities["folds"][0].tolist() == [0.7, 0.3]


def test_predictions_of_other_photos_are_refused(results, tmp_path, monkeypatch):
    import record_results
    from doc_tables import runs

    monkeypatch.setattr(runs, "RESULTS", tmp_path / "kept")
    monkeypatch.setattr(record_results, "RESULTS", tmp_path / "kept")
    record_results.record_run(results, "folds", predictions=True, config="small")
    before = (tmp_path / "kept" / runs.PREDICTIONS_FILE).read_bytes()
    table = results / "out_of_fold.csv"
    table.write_text(table.read_text().replace("b.png", "d.png"))
    run = CliRunner().invoke(record_results.main, [str(results), "--name", "other", "--predictions"])
    assert run.exit_code == 1
    assert "other photos" in run.output
    assert (tmp_path / "kept" / runs.PREDICTIONS_FILE).read_bytes() == before
    assert list(runs.read_runs()) == ["folds"]
