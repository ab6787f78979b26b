"""Figures in words, for the terminal and for report pages."""

from collections.abc import Sequence

from mpox_keras.inference.prediction import DISCLAIMER


def format_summary(results: dict) -> str:
    """What `evaluate_predictions` returned, the headline and the figures of each class, as aligned plain text."""
    lines = [f"accuracy {proportion(results, 'accuracy')}, {photo_count(results['photos'])}"]
    if results.get("accuracy_sd") is not None:
        lines[0] += f"; folds {percent(results['accuracy_mean'])} ± {100 * results['accuracy_sd']:.1f}"
    rash = results.get("rash_classes_only")
    if rash:
        lines.append(f"rash classes only {proportion(rash, 'accuracy')}, {photo_count(rash['photos'])}")
    columns = ("recall", "specificity", "precision")
    rows = [("class", *columns, "AUC", "photos")]
    for name, figures in results["per_class"].items():
        proportions = (proportion(figures, column) for column in columns)
        rows.append((name, *proportions, decimal(figures["auc"]), str(figures["support"])))
    lines += ["", *aligned(rows), "", f"In brackets: Wilson 95 % intervals. {DISCLAIMER}"]
    return "\n".join(lines)


def format_external(figures: dict) -> str:
    """Figures of `evaluate_mpox_against_other_rashes` as plain text."""

    def auc(unit):
        low, high = figures[f"auc_per_{unit}_interval"]
        return f"AUC per {unit} {figures[f'auc_per_{unit}']:.3f} ({low:.3f} to {high:.3f})"

    patients = f"{figures['patients']} patients, {figures['mpox_patients']} of them with mpox"
    lines = [f"mpox against other rashes: {auc('patient')}, {patients}", f"{auc('photo')}, {photo_count(figures['photos'])}"]
    return "\n".join([*lines, "", f"In brackets: 95 % intervals, bootstrap over patients. {DISCLAIMER}"])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of a table as lines of equal length, the first column to the left and the others to the right.

    Example:
        >>> aligned([("class", "recall"), ("mpox", "96.0 %")])
        ['class  recall', 'mpox   96.0 %']
    """
    first, *widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([name.ljust(first), *(cell.rjust(width) for cell, width in zip(cells, widths, strict=True))])
        for name, *cells in rows
    ]


def percent(value: float | None) -> str:
    """0.8845 -> 88.5 %, None -> -."""
    return "-" if value is None else f"{100 * value:.1f} %"


def decimal(value: float | None) -> str:
    """0.96 -> 0.960, None -> -."""
    return "-" if value is None else f"{value:.3f}"


def photo_count(count: int) -> str:
    """1 -> 1 photo, 2 -> 2 photos."""
    return "1 photo" if count == 1 else f"{count} photos"


def interval(figures: dict, name: str) -> str:
    """The 95 % interval of a proportion, in per cent without the sign: 92.3 to 95.5."""
    low, high = figures[f"{name}_interval"]
    return f"{100 * low:.1f} to {100 * high:.1f}"


def proportion(figures: dict, name: str) -> str:
    """A proportion with its 95 % interval: 94.1 % (92.3 to 95.5)."""
    return "-" if figures[name] is None else f"{percent(figures[name])} ({interval(figures, name)})"
