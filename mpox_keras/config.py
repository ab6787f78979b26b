"""The one schema of a config file, with its defaults."""

import copy
import difflib
import importlib.resources
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import pydantic
import yaml
from pydantic import Field
from pydantic.fields import FieldInfo

from mpox_keras.utils.errors import MpoxKerasError

Share = Annotated[float, Field(ge=0, le=1)]

HUB = "keras_hub:"
"""Begins the name of a network that is a preset of keras-hub."""

PAIR = "EfficientNetLite0+MobileNetV2"
"""Two networks side by side, see `mpox_keras.models.backbones`."""

NETWORKS = (
    "FastMpoxNet",
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
    *(f"DenseNet{layers}" for layers in (121, 169, 201)),
    *(f"EfficientNetB{size}" for size in range(8)),
    "EfficientNetLite0",
    PAIR,
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
    """The network; `mpox_keras.models.build` builds it."""

    network: str = Field(
        "FastMpoxNet",
        description=f"`FastMpoxNet`, `EfficientNetLite0`, `{PAIR}`, a network of keras.applications such as `MobileNetV2`, "
        f"or `{HUB}` and a preset of keras-hub.",
    )
    width: Annotated[float, Field(gt=0)] = Field(
        1.0, description="Multiplier of the channels, for `MobileNet...` as `model.network`."
    )
    weights: str | None = Field(
        "imagenet",
        description="Where the backbone's weights come from: `imagenet`, a `.h5` file of Keras, a trained network (preset, run "
        "folder or `.keras` file), or null for random ones.",
    )
    pyramid: bool = Field(
        True,
        description="Whether the classifier takes averages and maxima of the maps of several strides, and averages of "
        "products of channels; false: of the last maps the average. See `mpox_keras.models.pyramid`.",
    )
    image_size: Annotated[int, Field(ge=32, multiple_of=32)] = Field(
        192, description="Height and width in pixels of the photos that the network answers for."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.2, description="Share of the features dropped in training before each classifier."
    )

    @pydantic.field_validator("network")
    @classmethod
    def _known(cls, value):
        if value in NETWORKS or value.removeprefix(HUB) not in ("", value):
            return value
        near = difflib.get_close_matches(value, NETWORKS, n=1, cutoff=0.5)
        hint = f"perhaps {near[0]} is meant" if near else f"expected one of {', '.join(NETWORKS)}"
        raise ValueError(f"there is no such network; {hint}, or {HUB} with a preset")

    @pydantic.model_validator(mode="after")
    def _fits(self):
        if self.width != 1 and not self.network.startswith("MobileNet"):
            raise ValueError(f"model.width is for MobileNets; {self.network} has one width")
        return self


class DataConfig(_Section):
    """Classes, and how photos are split. A group, which is a scene or a patient, is always on one side."""

    classes: Annotated[list[str], Field(min_length=2)] = Field(
        ["mpox", "chickenpox", "measles", "normal"],
        description="Class names, in the order of the network's outputs. A config that names none takes those of the folders.",
    )
    validation_fraction: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.2, description="`fit`: share of the photos, in whole groups, that is left out of training and evaluated."
    )
    folds: Annotated[int, Field(ge=2)] = Field(
        5, description="`crossval` and `select`: how many folds to make of photos that come without folds."
    )
    non_skin: str | None = Field(
        None,
        description="A folder of pictures that show no skin, for the out-of-distribution score to learn from beside those that "
        "come with the package.",
    )
    leave_out_sources: bool = Field(
        False,
        description="`crossval`: also train networks without one source at a time, of those with a hundred photos, and measure "
        "how often they raise no alarm there.",
    )


class AugmentationConfig(_Section):
    """Changes to training photos, all at random; mirror images are always made. See `mpox_keras.data.augmentation`."""

    crop_area: Annotated[list[Share], Field(min_length=2, max_length=2)] = Field(
        [0.35, 1.0], description="Smallest and largest share of a photo's area that a crop keeps."
    )
    colour: Share = Field(
        0.2,
        description="Largest change of brightness, contrast and saturation, as a share; each colour channel by half of it.",
    )
    mixup: Annotated[float, Field(ge=0)] = Field(
        0.2, description="Alpha of the beta distribution by which two photos are mixed (MixUp); 0 mixes none."
    )

    @pydantic.field_validator("crop_area")
    @classmethod
    def _ascending(cls, value):
        if value[0] > value[1] or value[0] <= 0:
            raise ValueError("expected [smallest, largest], both over 0")
        return value


class TrainingConfig(_Section):
    """The optimisation: AdamW with a warm-up, a cosine decay, a weight decay of 0.05, and a moving average of the weights."""

    epochs: Annotated[int, Field(ge=0)] = Field(30, description="Passes over the training photos; 0 with `refit_classifier`.")
    batch_size: Annotated[int, Field(ge=1)] = Field(32, description="Photos in a training step, over all devices.")
    photo_size: Annotated[int, Field(ge=32)] | None = Field(
        None,
        description="Height and width to which photos are first reduced, for crops to be cut from; null: `model.image_size`.",
    )
    unfreezing: list[Annotated[int, Field(ge=1)]] = Field(
        [],
        description="Epochs at which one more stage of the backbone begins to learn, the last stage first; with the last "
        "epoch listed all do. `[3, 6]`: the head alone, then also the last stage, then all.",
    )
    learning_rate: Annotated[float, Field(gt=0)] = Field(2e-3, description="The highest, at the end of the warm-up.")
    warmup_epochs: Annotated[float, Field(ge=0)] = Field(2.0, description="Epochs in which the learning rate rises.")
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = Field(0.1, description="Share of a target given to all classes.")
    refit_classifier: Annotated[float, Field(gt=0)] | None = Field(
        None,
        description="After the epochs, fit the last layer anew, exactly, with this penalty; null: leave it as it is. See "
        "`mpox_keras.training.refit`.",
    )
    precision: Literal["float32", "mixed_bfloat16"] = Field("float32", description="Of the computation in training.")
    threads: Annotated[int, Field(ge=1)] | None = Field(
        1, description="Threads that TensorFlow computes with; null: one per core. Another number changes the last digits."
    )
    tensorboard: bool = Field(False, description="Also write logs for TensorBoard into the run folder.")

    @pydantic.field_validator("unfreezing")
    @classmethod
    def _rising(cls, value):
        if value != sorted(set(value)):
            raise ValueError("expected epochs that rise, like [3, 6]")
        return value

    @pydantic.model_validator(mode="after")
    def _trains(self):
        if not self.epochs and not self.refit_classifier:
            raise ValueError("training.epochs = 0 trains nothing; give it with training.refit_classifier")
        return self


class Config(_Section):
    """A whole experiment: `configs/*.yaml`, which state what differs from the defaults.

    Example:
        >>> Config().training.epochs
        30
        >>> load_config("configs/fast_mpoxnet.yaml", ["training.epochs=2"]).training.epochs
        2
    """

    seed: Annotated[int, Field(ge=0)] = Field(0, description="Of the splits, the first weights and every random change.")
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    training: TrainingConfig = TrainingConfig()


def load_config(path: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read and check a config: a YAML file, or the name of one that comes with the package.

    Keys left out keep their defaults; overrides, `section.key=value` with a value in YAML, win over the file. ConfigError if
    the file can't be read, or a key or value is wrong.
    """
    file, folder = Path(path), importlib.resources.files("mpox_keras.configs")
    if not file.is_file():
        file = folder / f"{path}.yaml"
    if not file.is_file():
        shipped = sorted(each.name.removesuffix(".yaml") for each in folder.iterdir() if each.name.endswith(".yaml"))
        raise ConfigError(
            f"the config {path} can't be found: there is no such file, and the configs that come with the package are "
            f"{', '.join(shipped)}."
        )
    try:
        values = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"the config {file} can't be read: {error.strerror}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config {file} is no YAML: {error}") from None
    return parse_config({} if values is None else values, overrides, origin=str(path))


def load_candidates(paths: Sequence[Path], overrides: Sequence[str] = ()) -> dict[str, Config]:
    """The configs that a choice is made among, by name, as `load_config` reads them; ConfigError if two have one name."""
    configs = {}
    for path in paths:
        if path.stem in configs:
            raise ConfigError(f"two of the configs are called {path.stem}; results go by the name, so rename one.")
        configs[path.stem] = load_config(path, overrides)
    return configs


def parse_config(values: object, overrides: Sequence[str] = (), origin: str = "the config") -> Config:
    """Check nested config values, or ConfigError; `origin` is what the message calls them."""
    if not isinstance(values, dict):
        raise ConfigError(f"{origin} must hold keys and values, not a {type(values).__name__}.")
    values = copy.deepcopy(values)
    for text in overrides:
        _override(values, text)
    try:
        return Config.model_validate(values)
    except pydantic.ValidationError as error:
        raise ConfigError("\n".join(f"{origin}: {_explain(problem)}" for problem in error.errors())) from None


def dump_config(config: Config) -> str:
    """The config as YAML with every key, which `load_config` reads back to an equal config."""
    return yaml.safe_dump(config.model_dump(), sort_keys=False)


def _override(values, text):
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise ConfigError(f"cannot read the override {text!r}; expected section.key=value, like training.epochs=10.")
    try:
        value = yaml.safe_load(value)
    except yaml.YAMLError as error:
        raise ConfigError(f"the value of the override {text!r} is no YAML: {error}") from None
    *sections, last = key.split(".")
    for section in sections:
        if values.get(section) is None:
            values[section] = {}
        values = values[section]
        if not isinstance(values, dict):
            raise ConfigError(f"the override {text!r} goes below {section}, which holds a value.")
    values[last] = value


def _explain(problem):
    key = ".".join(map(str, problem["loc"]))
    if problem["type"] == "extra_forbidden":
        section, dot, name = key.rpartition(".")
        known = [other for other in all_keys() if other.startswith(section + dot)]
        places = {other.rpartition(".")[2]: other for other in known}
        if not section:
            places |= {field: field for field in Config.model_fields}
        near = difflib.get_close_matches(name, places, n=1)
        hint = f" Did you mean {places[near[0]]}?" if near else f" Known keys: {', '.join(known)}."
        return f"unknown key {key}.{hint}"
    # YAML 1.1 reads 2e-3 as text: the commonest wrong type deserves its own words.
    if isinstance(problem["input"], str) and problem["type"].startswith("float"):
        return f"{key} = {problem['input']!r} is text, expected a number. In YAML write 0.002 or 2.0e-3, not 2e-3."
    message = problem["msg"].removeprefix("Value error, ")
    return f"{key} = {problem['input']!r}: {message[0].lower()}{message[1:]}." if key else f"{message}."


def all_keys() -> dict[str, FieldInfo]:
    """Every key a config may hold, as `section.key`, with its type, default and description."""
    keys = {}
    for name, field in Config.model_fields.items():
        inner = getattr(field.annotation, "model_fields", None)
        keys |= {f"{name}.{key}": found for key, found in inner.items()} if inner else {name: field}
    return keys
