"""The config schema: what it takes, what it refuses and in which words."""

from pathlib import Path

import pytest
import yaml

from mpox_keras.config import Config, ConfigError, all_keys, dump_config, load_config, parse_config

ROOT = Path(__file__).parent.parent
CONFIGS = sorted((ROOT / "configs").glob("*.yaml"))


def test_dump_and_load_are_inverse(tmp_path):
    config = parse_config({"training": {"epochs": 3}}, ["model.weights=null", "data.classes=[a, b]"])
    path = tmp_path / "config.yaml"
    path.write_text(dump_config(config))
    assert load_config(path) == config
    assert config.training.epochs == 3
    assert config.model.weights is None
    assert config.data.classes == ["a", "b"]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_of_the_project_is_valid_and_states_only_what_differs(path):
    defaults = Config().model_dump()
    stated = yaml.safe_load(path.read_text()) or {}
    assert load_config(path) == parse_config(stated)
    for section, values in stated.items():
        # Classes that a config does not name are those of the folders.
        assert not {key for key, value in values.items() if value == defaults[section][key]} - {"classes"}, section


def test_every_key_has_a_description():
    assert all(field.description for field in all_keys().values())


def test_configs_are_found_by_name():
    assert load_config("quickstart").model.image_size < 192


def test_an_override_wins_over_the_file(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("training: {epochs: 3, batch_size: 8}")
    training = load_config(path, ["training.epochs=5"]).training
    assert (training.epochs, training.batch_size) == (5, 8)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", "unknown key training.epoch. Did you mean training.epochs?"),
        ("epochs=3", "Did you mean training.epochs?"),
        ("modle.dropout=0.1", "unknown key modle. Did you mean model?"),
        ("training.teacher_weight=1", "unknown key training.teacher_weight. Known keys: training.epochs, "),
        ("training.epochs=2.5", "training.epochs = 2.5: .*integer"),
        ("training.epochs='3'", "training.epochs = '3'"),
        ("training.learning_rate=2e-3", "write 0.002 or 2.0e-3"),
        ("model.dropout=1.5", "model.dropout = 1.5"),
        ("model.image_size=100", "multiple of 32"),
        ("augmentation.crop_area=[0.9, 0.1]", "smallest, largest"),
        ("training.precision=some", "'float32' or 'mixed_bfloat16'"),
        ("data.split=stratified", "unknown key data.split. Known keys: data.classes"),
        ("seed.deeper=1", "seed"),
        ("nonsense", "expected section.key=value"),
        ("training.epochs=[", "no YAML"),
    ],
)
def test_wrong_values_are_explained(override, message):
    with pytest.raises(ConfigError, match=message):
        parse_config({}, [override])


@pytest.mark.parametrize("text", ["- a list", "just text", "training: [1]", "a: [unclosed"])
def test_a_file_of_another_shape_is_explained(tmp_path, text):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"config\.yaml"):
        load_config(path)


def test_a_missing_file_is_explained(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml can't be found.* fast_mpoxnet, "):
        load_config(tmp_path / "nowhere.yaml")


def test_an_empty_file_gives_the_defaults(tmp_path):
    path = tmp_path / "config.yaml"
    path.write_text("")
    assert load_config(path) == Config()
    assert "training.epochs" in all_keys()


def test_a_network_that_is_not_known_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match=r"model\.network = 'ResNet55': there is no such network; perhaps ResNet50 is meant"):
        parse_config({"model": {"network": "ResNet55"}})
    assert parse_config({"model": {"network": "keras_hub:resnet_18_imagenet"}}).model.network.endswith("imagenet")


def test_no_epochs_go_with_a_last_layer_that_is_fitted():
    assert parse_config({"training": {"epochs": 0, "refit_classifier": 0.1}}).training.epochs == 0
    with pytest.raises(ConfigError, match=r"training\.epochs = 0 trains nothing; give it with training\.refit_classifier"):
        parse_config({"training": {"epochs": 0}})
    with pytest.raises(ConfigError, match=r"training\.refit_classifier = 0"):
        parse_config({"training": {"refit_classifier": 0}})


def test_width_goes_with_networks_that_have_several():
    with pytest.raises(ConfigError, match="FastMpoxNet has one width"):
        parse_config({"model": {"width": 0.5}})
    with pytest.raises(ConfigError, match=r"unknown key model\.backbone"):
        parse_config({"model": {"backbone": "MobileNetV2"}})
    assert parse_config({"model": {"network": "MobileNetV2", "width": 0.35}}).model.width == 0.35
