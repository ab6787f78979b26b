"""What a trained network's outputs for a photo mean. Nothing here needs TensorFlow."""

import dataclasses
import html
from collections.abc import Mapping

import numpy as np

from mpox_keras.utils.classes import MPOX

NOT_SURE = "not sure"
DISCLAIMER = "Screening aid for research, not a diagnosis."


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What a classifier says of one photo. A screening aid for research, not a diagnosis.

    Attributes:
        file: the photo's path, or the name given to it.
        label: class with the largest probability; None if the photo could not be read.
        probabilities: class name -> calibrated probability, 0 to 1.
        ood_score: out-of-distribution score, 0 to 1: how much the photo looks like something other than skin; None if the
            network has no such output.
        mpox_suspected: whether p(mpox) reaches its threshold, set for recall, well under one half; None without such a
            threshold. A prevalence that was asked for changes `probabilities` and `label`, and neither this nor
            `abstention_reason`.
        abstention_reason: why `answer` is "not sure": "out_of_distribution" (unlike the training photos, perhaps no skin at
            all), "uncertain" (no probability is large enough), or None.
        error: why the photo could not be read, else None.
        class_activation_map: `(height, width, classes)`, the share of each region in the scores; None if there is none.
    """

    file: str
    label: str | None
    probabilities: dict[str, float]
    ood_score: float | None = None
    mpox_suspected: bool | None = None
    abstention_reason: str | None = None
    error: str | None = None
    class_activation_map: np.ndarray | None = dataclasses.field(default=None, repr=False, compare=False)

    @property
    def answer(self) -> str | None:
        """The label, or "not sure"."""
        return NOT_SURE if self.abstention_reason else self.label

    def to_dict(self) -> dict:
        """Every attribute but the map, and the answer, as plain values."""
        values = dataclasses.asdict(self) | {"answer": self.answer}
        del values["class_activation_map"]
        return values

    def to_row(self) -> dict:
        """The same with a column for each class, `probability_mpox` and so on."""
        values = self.to_dict()
        return {f"probability_{name}": value for name, value in values.pop("probabilities").items()} | values

    def _repr_html_(self) -> str:
        """For notebooks: the answer, the alarm, a bar for each class, and where the label was seen."""
        alarm = ", mpox suspected" if self.mpox_suspected else ""
        title = self.error or f"{self.answer}{alarm}: {self.file}"
        bars = "".join(
            f"<tr><td>{html.escape(name)}<td>{value:.1%}<td><meter value={value:.3f}></meter>"
            for name, value in self.probabilities.items()
        )
        shown = f"<p>{html.escape(title)}</p><table>{bars}</table>"
        if self.class_activation_map is not None:
            heat = self.class_activation_map[..., list(self.probabilities).index(self.label)].clip(0)
            cells = "".join(
                f"<rect x={x} y={y} width=1 height=1 fill=firebrick opacity={share:.2f} />"
                for (y, x), share in np.ndenumerate(heat / (heat.max() or 1))
            )
            shown += f"<svg width=160 height=160 viewBox='0 0 {heat.shape[1]} {heat.shape[0]}'>{cells}</svg>"
        return f"{shown}<p>{DISCLAIMER}</p>"


def decide(metadata: Mapping, file: str, probabilities: np.ndarray, ood_score: float | None) -> Prediction:
    """The rule by which outputs for the photo called `file` become a prediction.

    The probabilities, `(classes,)`, are calibrated. Of the network's metadata, `thresholds` that are None give every photo an
    answer, and a `prevalence` of mpox is what the probabilities of the prediction are for.
    """
    named = {name: float(value) for name, value in zip(metadata["classes"], probabilities, strict=True)}
    label = max(named, key=named.get)
    shown = named
    if prevalence := metadata.get("prevalence"):
        shown = at_prevalence(named, prevalence)
    likeliest = max(shown, key=shown.get)
    if (thresholds := metadata["thresholds"]) is None:
        return Prediction(file, likeliest, shown, ood_score)
    abstention_reason = None
    if ood_score > thresholds["ood_score"]:
        abstention_reason = "out_of_distribution"
    elif named[label] < thresholds["confidence"]:
        abstention_reason = "uncertain"
    suspected = named[MPOX] >= thresholds[MPOX] if MPOX in thresholds else None
    return Prediction(file, likeliest, shown, ood_score, suspected, abstention_reason)


def at_prevalence(probabilities: Mapping[str, float], prevalence: float) -> dict[str, float]:
    """Probabilities where this share of the photos shows mpox, 0 to 1, and the other classes are as frequent as each other.

    Networks are trained with all classes weighing the same, whatever the number of their photos, so their probabilities are for
    a place where each is as frequent. Bayes's rule carries them over (Saerens et al. 2002, doi 10.1162/089976602753284446).

    Example:
        >>> at_prevalence({"mpox": 0.5, "other": 0.5}, 0.02)
        {'mpox': 0.02, 'other': 0.98}
    """
    of_each_other = (1 - prevalence) / (len(probabilities) - 1)
    odds = {name: value * (prevalence if name == MPOX else of_each_other) for name, value in probabilities.items()}
    return {name: value / sum(odds.values()) for name, value in odds.items()}
