"""Turn the results of finished runs into rows of configs/results/summary.csv, which the tables of the docs are made from.

    python tools/record_results.py runs/folds --config fast_mpoxnet --changes training.epochs=80 --name schedule_80_epochs
    python tools/record_results.py runs/select --name select

A run is the folder of `mpox-keras crossval` or `mpox-keras select`. `select` gives a row for its nested estimate and one for
each candidate. A row replaces an earlier one of the same name. `--predictions` also keeps the out-of-fold probabilities in
configs/results/predictions.csv.gz, for runs that are compared photo by photo. Afterwards run `python tools/update_docs.py`.
"""

from __future__ import annotations

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
@click.option("--config", default="", help="Name of the config.")
@click.option("--changes", default="", help="What the run changes in the config, as arguments of --set, or in words.")
@click.option("--split", default="grouped", show_default=True, help="How the folds were made.")
@click.option("--predictions", is_flag=True, help="Keep the predictions of every photo too.")
def main(folder, name, config, changes, split, predictions):
    """Record the finished run in FOLDER."""
    record_run(folder, name=name or folder.name, config=config, changes=changes, split=split, predictions=predictions)


def record_run(folder: Path, *, name: str, config: str, changes: str = "", split: str = "grouped", predictions: bool = False):
    """Write the row of a finished run, and its predictions if it is compared with other runs photo by photo.

    Args:
        folder: written by `cross_validate` or `select_network`, with `results.json` and, for predictions, `out_of_fold.csv`.
        name: of the row; an earlier row of that name is replaced.
        config: name of the config.
        changes: what the run changes in it.
        split: how the folds were made.
        predictions: whether to keep the probabilities of every photo.

    Raises:
        click.ClickException: the photos or classes differ from those of the predictions kept so far; nothing is written.
    """
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    columns = {"changes": changes, "split": split}
    rows = [Run.from_results(results, name=name, config=config, **columns)]
    for candidate, figures in results.get("candidates", {}).items():
        chosen = sum(choice["network"] == candidate for choice in results["chosen"].values())
        rows.append(Run.from_results(figures, name=f"{name} {candidate}", config=candidate, chosen_by_folds=chosen, **columns))
    if predictions:
        added = read_out_of_fold(folder / "out_of_fold.csv", name)
        kept = read_predictions() if (RESULTS / PREDICTIONS_FILE).exists() else added
        if (kept.photos, kept.classes) != (added.photos, added.classes):
            raise click.ClickException(f"{folder} is of other photos or classes than {RESULTS / PREDICTIONS_FILE}.")
        kept.probabilities |= added.probabilities
        write_predictions(kept)
    runs = read_runs() if (RESULTS / SUMMARY_FILE).exists() else {}
    write_runs((runs | {row.name: row for row in rows}).values())
    click.echo(f"{name}: {rows[0].accuracy:.3f} of {rows[0].photos} photos right; recorded in {RESULTS}")


if __name__ == "__main__":
    main()
