"""Choice among networks, and an honest estimate of what the chosen one is worth."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import keras
import numpy as np

from mpox_keras.config import Config, ConfigError, dump_config
from mpox_keras.data.folder import DataError, Photo, metadata_columns
from mpox_keras.data.loading import load_arrays
from mpox_keras.data.splits import assign_folds
from mpox_keras.evaluation.metrics import evaluate_predictions
from mpox_keras.export.speed import measure_speed
from mpox_keras.models.build import build_model
from mpox_keras.models.complexity import measure_complexity
from mpox_keras.models.deploy import deploy
from mpox_keras.reports.evaluate import write_report
from mpox_keras.reports.plots import plot_selection, save_plot
from mpox_keras.reports.summary import aligned, percent
from mpox_keras.training.folds import train_left_out
from mpox_keras.training.runs import environment, open_run, training_seconds
from mpox_keras.utils.files import locked, replacing


def select_network(configs: Mapping[str, Config], photos: Sequence[Photo], folder: str | Path, workers: int = 1) -> dict:
    """Choose among networks by nested cross-validation (Varma and Simon 2006, doi 10.1186/1471-2105-7-91).

    For each fold a network is chosen without it: by its accuracy on each of the other folds, after training on the rest of
    them. Trained on all of the other folds, the chosen one is evaluated on the fold that had no part in the choice. These
    evaluations together estimate what choosing in this way is worth. The winner is chosen in the same way from all folds; its
    own figure is flattered by the choice. Equal accuracy is decided for the smaller network.

    A network that leaves two folds out serves the choice for both of them, so that `k` folds take `k (k + 1) / 2` networks of
    each candidate. What has ended in an earlier call is not done again.

    Args:
        configs: the candidates by name; alike in `seed` and `data`.
        photos, workers: as `cross_validate` takes them.
        folder: gets a folder per candidate, `results.json`, `report.html`, `selection.svg` and `winner.yaml`.

    Returns:
        Figures of `evaluate_predictions` for the nested estimate; `chosen`, by fold, with the accuracies that it was chosen
        by; `candidates`, each with its own figures over all folds, parameters, multiply-adds, bytes and milliseconds as a
        TFLite model, training seconds and config; `winner`; and environment.

    Raises:
        ConfigError: there are fewer than two candidates, or they differ in `seed` or `data`.
        DataError: the folds do not fit the photos, or there are fewer than three.
        PhotoError, RunError, FolderInUseError: as in `fit_photos`.

    Example:
        >>> results = select_network({"small": small, "large": large}, photos, "runs/select")
        >>> results["winner"], results["accuracy"]
    """
    folder, first = Path(folder), _first_of_comparable(configs)
    with locked(folder):
        costs = _costs(configs)
        folds = assign_folds(photos, first.data.folds, first.seed)
        numbers = np.unique(folds).tolist()
        if len(numbers) < 3:
            raise DataError(f"nested cross-validation needs three folds or more; there are {len(numbers)}.")
        left_out = [(fold,) for fold in numbers] + list(itertools.combinations(numbers, 2))
        answers = {}
        for name, config in configs.items():
            click.echo(f"{name}: {len(left_out)} networks", err=True)
            open_run(folder / name, config, photos)
            arrays = load_arrays(photos, config)
            answers[name] = train_left_out(config, arrays, folds, left_out, folder / name, workers=workers)
        return _choose(configs, photos, folds, arrays.labels, answers, costs, folder)


def _choose(configs, photos, folds, labels, answers, costs, folder):
    classes, numbers = next(iter(configs.values())).data.classes, np.unique(folds).tolist()

    def best(accuracies):
        return max(accuracies, key=lambda name: (accuracies[name], -costs[name]["trainable_parameters"]))

    def inner_accuracy(fold, name):
        """Over all folds but one, each evaluated by the network that saw neither it nor that one."""
        right = []
        for pair, answer in answers[name].items():
            if len(pair) == 2 and fold in pair:
                # The answers are for both folds of the pair, in the order of the photos.
                of_pair = np.isin(folds, pair)
                right.append((answer.probabilities.argmax(axis=1) == labels[of_pair])[folds[of_pair] != fold])
        return float(np.concatenate(right).mean())

    def out_of_fold(names):
        probabilities = np.zeros((len(photos), len(classes)))
        for fold, name in names.items():
            probabilities[folds == fold] = answers[name][fold,].probabilities
        return probabilities

    chosen = {}
    for fold in numbers:
        inner = {name: inner_accuracy(fold, name) for name in configs}
        chosen[fold] = {"network": best(inner), "inner_accuracy": inner}
    candidates = {
        name: {
            **evaluate_predictions(labels, out_of_fold(dict.fromkeys(numbers, name)), classes, folds=folds),
            **costs[name],
            "training_seconds": sum(training_seconds(path.parent) for path in (folder / name).glob("*/log.csv")),
            "config": config.model_dump(),
        }
        for name, config in configs.items()
    }
    winner = best({name: candidate["accuracy"] for name, candidate in candidates.items()})
    probabilities = out_of_fold({fold: choice["network"] for fold, choice in chosen.items()})
    results = {
        **evaluate_predictions(labels, probabilities, classes, folds=folds, metadata=metadata_columns(photos)),
        "chosen": chosen,
        "candidates": candidates,
        "winner": winner,
        "environment": environment(),
    }
    with replacing(folder / "winner.yaml") as temporary:
        temporary.write_text(dump_config(configs[winner]), encoding="utf-8")
    save_plot(plot_selection(candidates, winner), folder / "selection.svg")
    write_report(
        folder,
        results,
        labels,
        probabilities,
        title="Choice of a network",
        protocol=f"Nested cross-validation over {len(numbers)} folds, groups kept together: each fold is evaluated by a "
        f"network that was chosen among {len(configs)} without it, {len(photos)} photos in "
        f"{len({photo.group for photo in photos})} groups",
        description="Chosen: " + ", ".join(f"{choice['network']} for fold {fold}" for fold, choice in chosen.items()) + ".",
        files=[photo.file for photo in photos],
    )
    return results


def format_selection(results: dict) -> str:
    """The candidates and the choices as tables for the terminal; `results` is of `select_network`."""
    rows = [("network", "accuracy", "parameters", "MB", "ms", "chosen for folds")]
    for name, found in results["candidates"].items():
        folds = ", ".join(str(fold) for fold, choice in results["chosen"].items() if choice["network"] == name)
        costs = f"{found['trainable_parameters']:,}", f"{found['tflite_bytes'] / 1e6:.2f}", f"{found['milliseconds']:.2f}"
        rows.append((name, percent(found["accuracy"]), *costs, folds or "-"))
    return "\n".join([*aligned(rows), f"winner: {results['winner']}; what choosing in this way is worth:"])


def _first_of_comparable(configs):
    if len(configs) < 2:
        raise ConfigError(f"there is nothing to choose among {', '.join(configs) or 'no configs'}; give two or more.")
    (first, config), *rest = configs.items()
    for (name, other), key in itertools.product(rest, ("seed", "data")):
        if getattr(other, key) != getattr(config, key):
            raise ConfigError(f"{name} and {first} differ in {key}; networks can only be compared on the same folds.")
    return config


def _costs(configs):
    """Size and speed, measured before hours of training, in which a missing package would be found too late."""
    models = {
        name: build_model(config.model.model_copy(update={"weights": None}), len(config.data.classes))
        for name, config in configs.items()
    }
    costs = measure_speed(models)
    for name, model in models.items():
        complexity = measure_complexity(deploy(model))
        costs[name] |= {key: complexity[key] for key in ("trainable_parameters", "multiply_adds")}
    keras.backend.clear_session()
    return costs
