"""Turn the results of finished runs into rows of configs/results/summary.csv, which the tables of the docs are made from.

    python tools/record_results.py runs/msid --name fast_mpoxnet_msid --config fast_mpoxnet_msid
    python tools/record_results.py runs/select --name select

A run is the folder of `mpox-keras crossval` or `mpox-keras select`. `select` gives a row for its nested estimate and one for
each candidate. A row replaces an earlier one of the same name, and keeps of it what is not given. `--predictions` also keeps
the out-of-fold probabilities in configs/results/predictions.csv.gz, for runs that are compared photo by photo. Rows whose names
do not begin with fast_mpoxnet_msid are of runs on the backbone of release 0.1.0. Afterwards run `python tools/update_docs.py`.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import click
from doc_tables.runs import (
    PREDICTIONS_FILE,
    RESULTS,
    SUMMARY_FILE,
    Run,
    read_out_of_fold,
    read_predictions,
    read_runs,
    write_predictions,
    write_runs,
)


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--name", help="Name of the row.  [default: that of the folder]")
@click.option("--config", help="Name of the config.")
@click.option("--changes", help="What the run changes in the config, as arguments of --set or in words, parted by semicolons.")
@click.option("--split", help="How the folds were made.  [default: grouped]")
@click.option("--predictions", is_flag=True, help="Keep the predictions of every photo too.")
def main(folder, name, config, changes, split, predictions):
    """Record the finished run in FOLDER."""
    record_run(folder, name or folder.name, predictions, config=config, changes=changes, split=split)


def record_run(folder: Path, name: str, predictions: bool = False, **described: str | None) -> None:
    """Write the row of a finished run, and its predictions if it is compared with other runs photo by photo.

    Args:
        folder: written by `cross_validate` or `select_network`, with `results.json` and, for predictions, `out_of_fold.csv`.
        name: of the row; an earlier row of that name is replaced.
        predictions: whether to keep the probabilities of every photo; those kept before are always replaced.
        described: `config`, `changes` and `split` of the row; those that are None stay as they are.

    Raises:
        click.ClickException: the photos or classes differ from those of the predictions kept so far; nothing is written.
    """
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    runs = read_runs() if (RESULTS / SUMMARY_FILE).exists() else {}
    given = {column: text for column, text in described.items() if text is not None}
    rows = [_row(runs, name, results, given)]
    for candidate, figures in results.get("candidates", {}).items():
        chosen = sum(choice["network"] == candidate for choice in results["chosen"].values())
        row = _row(runs, f"{name} {candidate}", figures, {**given, "config": candidate})
        rows.append(dataclasses.replace(row, chosen_by_folds=chosen))
    kept = read_predictions() if (RESULTS / PREDICTIONS_FILE).exists() else None
    if predictions or (kept and name in kept.probabilities):
        added = read_out_of_fold(folder / "out_of_fold.csv", name)
        kept = kept or added
        if (kept.photos, kept.classes) != (added.photos, added.classes):
            raise click.ClickException(f"{folder} is of other photos or classes than {RESULTS / PREDICTIONS_FILE}.")
        kept.probabilities |= added.probabilities
        write_predictions(kept)
    write_runs((runs | {row.name: row for row in rows}).values())
    click.echo(f"{name}: {rows[0].accuracy:.3f} of {rows[0].photos} photos right; recorded in {RESULTS}")


def _row(runs, name, results, given):
    """The row of a run; what is not given of it is as in its earlier row."""
    earlier = runs.get(name, Run(name, config=""))
    described = {column: getattr(earlier, column) for column in ("config", "changes", "split")}
    return Run.from_results(results, name=name, **described | given)


if __name__ == "__main__":
    main()
