"""The one schema of a config file, with its defaults."""

from __future__ import annotations

import difflib
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import pydantic
import yaml
from pydantic import Field

from mpox_keras.utils.errors import MpoxKerasError

Share = Annotated[float, Field(ge=0, le=1)]

HUB = "keras_hub:"
"""Begins the name of a network that is a preset of keras-hub."""

NETWORKS = (
    "FastMpoxNet",
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
    *(f"DenseNet{layers}" for layers in (121, 169, 201)),
    *(f"EfficientNetB{size}" for size in range(8)),
    "EfficientNetLite0",
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    *("InceptionResNetV2", "InceptionV3", "MobileNet", "MobileNetV2", "MobileNetV3Large", "MobileNetV3Small"),
    *("NASNetLarge", "NASNetMobile"),
    *(f"ResNet{layers}{version}" for layers in (50, 101, 152) for version in ("", "V2")),
    *("VGG16", "VGG19", "Xception"),
)
"""The networks that a config may name beside presets of keras-hub: ours, EfficientNet-Lite and those of keras.applications."""


class ConfigError(MpoxKerasError, ValueError):
    """A config value or key is wrong; the message names it, what was expected and the nearest right key."""


class _Section(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", strict=True, frozen=True, protected_namespaces=())


class ModelConfig(_Section):
    """The network: arguments of `mpox_keras.FastMpoxNet`, or of a `Backbone` under an `ImageClassifier`.

    `network` is one of `NETWORKS`, or `keras_hub:` and a preset of keras-hub. What begins with `fusion`, `auxiliary_heads`
    and `head_filters` are for `FastMpoxNet`, `width` is for MobileNets.
    """

    network: str = "FastMpoxNet"
    backbone: Literal["ShuffleNetV2", "MobileNetV2", "MobileNet"] = "ShuffleNetV2"
    width: Annotated[float, Field(gt=0)] = 1.0
    weights: str | None = "imagenet"
    image_size: Annotated[int, Field(ge=32, multiple_of=32)] = 224
    fusion: bool = True
    fusion_start: Literal[2, 3] = 2
    fusion_reduction: Literal[1, 2, 4, 8, 16] = 4
    auxiliary_heads: bool = True
    head_filters: Annotated[int, Field(ge=1)] = 288
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2

    @pydantic.field_validator("network")
    @classmethod
    def _known(cls, value):
        if value in NETWORKS or value.removeprefix(HUB) not in ("", value):
            return value
        near = difflib.get_close_matches(value, NETWORKS, n=1, cutoff=0.5)
        hint = f"perhaps {near[0]} is meant" if near else f"expected one of {', '.join(NETWORKS)}"
        raise ValueError(f"there is no such network; {hint}, or {HUB} with a preset")

    @pydantic.model_validator(mode="after")
    def _width_fits(self):
        if self.width != 1 and not self.network.startswith("MobileNet"):
            raise ValueError(f"model.width is for MobileNets; {self.network} has one width")
        return self


class DataConfig(_Section):
    """Classes and how photos are split.

    `split: grouped` keeps photos of one scene or patient on one side and class shares alike. The others are for `crossval`
    alone. `style` also keeps photos of one framing on one side: there are two folds, of wide shots and of close-ups. Two
    show what they hide: `stratified` ignores groups and keeps duplicates in; `copies_first` also makes `copies` augmented
    copies of every photo before it splits, and augments no further.
    """

    classes: Annotated[list[str], Field(min_length=2)] = ["mpox", "chickenpox", "measles", "normal"]
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = 0.2
    folds: Annotated[int, Field(ge=2)] = 5
    split: Literal["grouped", "style", "stratified", "copies_first"] = "grouped"
    copies: Annotated[int, Field(ge=1)] = 9

    @property
    def keeps_groups(self) -> bool:
        """Whether a group never straddles the split."""
        return self.split in ("grouped", "style")


class AugmentationConfig(_Section):
    """Changes made to training photos; see `mpox_keras.data.augmentation`.

    `background`, `grey` and `degradation` are shares of the photos: those whose surroundings, by colour no skin, are painted
    over, those that lose their colour, and those that are coarsened, made noisy, or encoded anew.
    """

    crop_area: Annotated[list[Share], Field(min_length=2, max_length=2)] = [0.35, 1.0]
    crop_aspect: Annotated[list[Annotated[float, Field(gt=0)]], Field(min_length=2, max_length=2)] = [0.75, 1.3333]
    flips: bool = True
    background: Share = 0.0
    brightness: Share = 0.2
    contrast: Share = 0.2
    saturation: Share = 0.2
    white_balance: Share = 0.1
    hue: Share = 0.0
    grey: Share = 0.0
    degradation: Share = 0.0
    mixup: Annotated[float, Field(ge=0)] = 0.2

    @pydantic.field_validator("crop_area", "crop_aspect")
    @classmethod
    def _ascending(cls, value):
        if value[0] > value[1] or value[0] <= 0:
            raise ValueError("expected [smallest, largest], both over 0")
        return value


class TrainingConfig(_Section):
    """The optimisation: AdamW, cosine schedule with warm-up, moving average of weights.

    `image_size` is that of training, if not the model's.

    `unfreezing` lists the epochs at which one more stage of the backbone begins to learn, the last one first; with the last
    number all do: `[5]` trains the head alone for five epochs, `[3, 6]` the head, then also the last stage, then all.
    `stage_decay` is the learning rate of a stage as a share of the next one's; the last stage has `learning_rate` times it.

    `distribution: mirrored` shares every batch among the GPUs of the machine (`mpox_keras.training.distribution`).
    """

    epochs: Annotated[int, Field(ge=1)] = 30
    batch_size: Annotated[int, Field(ge=1)] = 32
    image_size: Annotated[int, Field(ge=32, multiple_of=32)] | None = None
    unfreezing: list[Annotated[int, Field(ge=1)]] = []
    stage_decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3
    warmup_epochs: Annotated[float, Field(ge=0)] = 2.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.05
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1
    auxiliary_weights: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=3, max_length=3)] = [
        0.1,
        0.2,
        0.3,
    ]
    class_weights: Literal["balanced", "none"] = "balanced"
    average_momentum: Annotated[float, Field(ge=0, lt=1)] = 0.98
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    threads: Annotated[int, Field(ge=1)] | None = None
    distribution: Literal["none", "mirrored"] = "none"
    tensorboard: bool = False

    @pydantic.field_validator("unfreezing")
    @classmethod
    def _rising(cls, value):
        if value != sorted(set(value)):
            raise ValueError("expected epochs that rise, like [3, 6]")
        return value


class Config(_Section):
    """A whole experiment: `configs/*.yaml`.

    Example:
        >>> Config().training.epochs
        30
        >>> load_config("configs/fast_mpoxnet.yaml", ["training.epochs=2"]).training.epochs
        2
    """

    seed: Annotated[int, Field(ge=0)] = 0
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    training: TrainingConfig = TrainingConfig()


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read and check a config file.

    Args:
        path: YAML file, or the name of a config that comes with the package, such as `fast_mpoxnet`; keys left out keep
            their defaults.
        overrides: `section.key=value` texts, each value in YAML, that win over the file.

    Raises:
        ConfigError: the file can't be read, or a key or value is wrong.
    """
    file = _find_config(path)
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the config {path} can't be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config {path} is no YAML: {error}") from None
    return parse_config({} if values is None else values, overrides, origin=str(path))


def parse_config(values: object, overrides: Sequence[str] = (), origin: str = "the config") -> Config:
    """Check nested config values; `origin` is what error messages call them.

    Raises:
        ConfigError: a key or value is wrong.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"{origin} must hold keys and values, not a {type(values).__name__}.")
    for text in overrides:
        values = _override(values, text)
    try:
        return Config.model_validate(values)
    except pydantic.ValidationError as error:
        raise ConfigError("\n".join(f"{origin}: {_explain(problem)}" for problem in error.errors())) from None


def dump_config(config: Config) -> str:
    """The config as YAML with every key, which `load_config` reads back to an equal config."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False)


def _find_config(path):
    if Path(path).is_file():
        return Path(path)
    folder = importlib.resources.files("mpox_keras.configs")
    shipped = {file.name.removesuffix(".yaml"): file for file in folder.iterdir() if file.name.endswith(".yaml")}
    if str(path) in shipped:
        return shipped[str(path)]
    raise ConfigError(
        f"the config {path} can't be found: there is no such file, and the configs that come with the package are "
        f"{', '.join(sorted(shipped))}."
    )


def _override(values, text):
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"cannot read the override {text!r}; expected section.key=value, like training.epochs=10.")
    try:
        value = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"the value of the override {text!r} is no YAML: {error}") from None
    *sections, last = key.split(".")
    result = dict(values)
    inner = result
    for section in sections:
        below = inner.get(section)
        if below is not None and not isinstance(below, dict):
            raise ConfigError(f"the override {text!r} goes below {section}, which holds a value.")
        inner[section] = inner = dict(below or {})
    inner[last] = value
    return result


def _explain(problem):
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        *section, name = location
        known = [other for other in all_keys() if not section or other.startswith(f"{section[0]}.")]
        places = {other.rsplit(".", 1)[-1]: other for other in known}
        if not section:
            places |= {field: field for field in Config.model_fields}
        near = difflib.get_close_matches(name, places, n=1)
        hint = f" Did you mean {places[near[0]]}?" if near else f" Known keys: {', '.join(known)}."
        return f"unknown key {key}.{hint}"
    # YAML 1.1 reads 2e-3 as text: the commonest wrong type deserves its own words.
    if isinstance(problem["input"], str) and problem["type"].startswith("float"):
        return f"{key} = {problem['input']!r} is text, expected a number. In YAML write 0.002 or 2.0e-3, not 2e-3."
    message = problem["msg"].removeprefix("Value error, ")
    if not key:
        return f"{message}."
    return f"{key} = {problem['input']!r}: {message[0].lower()}{message[1:]}."


def all_keys() -> list[str]:
    """Every key a config may hold, as `section.key`."""
    keys = []
    for name, field in Config.model_fields.items():
        section = field.annotation
        if isinstance(section, type) and issubclass(section, pydantic.BaseModel):
            keys += [f"{name}.{inner}" for inner in section.model_fields]
        else:
            keys.append(name)
    return keys
