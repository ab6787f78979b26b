"""PyTorch backbones turned into Keras ones, against the PyTorch modules themselves."""

import numpy as np
import pytest

from mpox_keras import FastMpoxNet
from mpox_keras.models import pretrained

torch = pytest.importorskip("torch", reason="the converter's reference is PyTorch (extra `convert`)")
reference = pytest.importorskip("torch_shufflenet")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))


def save_reference(path, torchvision, seed=0):
    torch.manual_seed(seed)
    network = reference.with_random_statistics(reference.TorchShuffleNet(torchvision), seed)
    torch.save(network.state_dict(), path)
    return network


@pytest.mark.parametrize("torchvision", [True, False], ids=["torchvision", "fastestdet"])
def test_stages_give_the_numbers_of_pytorch(tmp_path, torchvision):
    path = tmp_path / "weights.pth"
    network = save_reference(path, torchvision)
    model = FastMpoxNet(weights=path, input_shape=(96, 96, 3))
    photos = np.random.default_rng(0).uniform(0, 255, (2, 96, 96, 3)).astype("float32")

    # As each project feeds its own network.
    normalised = photos / 255
    if torchvision:
        normalised = (normalised - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    with torch.no_grad():
        theirs = network(torch.tensor(normalised.transpose(0, 3, 1, 2), dtype=torch.float32))

    _, orders = pretrained.convert_state_dict({key: value.numpy() for key, value in network.state_dict().items()})
    last_units = {2: "stage2_unit4", 3: "stage3_unit8", 4: "stage4_unit4"}
    for (stage, unit), expected in zip(last_units.items(), theirs, strict=True):
        ours = type(model)(model.inputs, model.get_layer(unit).output).predict(photos, verbose=0)
        expected = expected.numpy().transpose(0, 2, 3, 1)
        assert sorted(orders[stage]) == list(range(expected.shape[-1]))
        np.testing.assert_allclose(ours, expected[..., orders[stage]], atol=1e-5)


def test_conversion_is_cached_and_then_needs_no_pytorch(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    save_reference(path, torchvision=True)
    first = pretrained.load_pretrained_backbone(path)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    again = pretrained.load_pretrained_backbone(path)
    assert again.input_range == first.input_range
    assert again.arrays.keys() == first.arrays.keys()
    assert all(np.array_equal(again.arrays[key], first.arrays[key]) for key in first.arrays)


@pytest.mark.parametrize("damage", [lambda data: data[:1000], lambda data: b"", lambda data: b"\0" * 500 + data[500:]])
def test_a_damaged_conversion_is_made_anew(tmp_path, damage):
    path = tmp_path / "weights.pth"
    save_reference(path, torchvision=True)
    first = pretrained.load_pretrained_backbone(path)
    (cached,) = pretrained.cache_folder().glob("*.npz")
    cached.write_bytes(damage(cached.read_bytes()))
    again = pretrained.load_pretrained_backbone(path)
    assert all(np.array_equal(again.arrays[key], first.arrays[key]) for key in first.arrays)
    with np.load(cached) as stored:
        assert set(stored) == {*first.arrays, "input_scale", "input_offset"}


def test_missing_pytorch_names_the_extra(tmp_path, monkeypatch):
    path = tmp_path / "weights.pth"
    save_reference(path, torchvision=False)
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    with pytest.raises(ImportError, match=r"mpox-keras\[convert\]"):
        pretrained.load_pretrained_backbone(path)


@pytest.mark.parametrize("name", ["imagenet", "fastestdet"])
def test_without_a_network_the_error_says_what_to_fetch_and_where_to_put_it(monkeypatch, name):
    def no_network(*args, **kwargs):
        raise Exception("URL fetch failure")

    monkeypatch.setattr(pretrained.keras.utils, "get_file", no_network)
    with pytest.raises(pretrained.PretrainedWeightsError) as caught:
        FastMpoxNet(weights=name)
    url = pretrained.SOURCES[name][0]
    assert url in str(caught.value)
    assert str(pretrained.cache_folder() / url.rsplit("/", 1)[-1]) in str(caught.value)


def test_a_file_put_in_place_by_hand_is_used_if_its_hash_is_right(tmp_path, monkeypatch):
    place = pretrained.cache_folder() / "shufflenetv2_x0.5-f707e7126e.pth"
    place.parent.mkdir(parents=True)
    save_reference(place, torchvision=True)
    with pytest.raises(pretrained.PretrainedWeightsError, match="SHA-256"):
        pretrained.load_pretrained_backbone("imagenet")
    right = __import__("hashlib").sha256(place.read_bytes()).hexdigest()
    monkeypatch.setitem(pretrained.SOURCES, "imagenet", (pretrained.SOURCES["imagenet"][0], right[:10]))
    assert pretrained.load_pretrained_backbone("imagenet").sha256 == right


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no weights at all", "no PyTorch state dict"),
        ({"layer.weight": 1}, "no ShuffleNetV2"),
        ("incomplete", "it has no stage3.0.branch2.5.weight"),
        ("wider", "Only ShuffleNetV2 at width 0.5 fits"),
    ],
)
def test_a_wrong_file_is_explained(tmp_path, content, message):
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif isinstance(content, dict):
        torch.save({key: torch.ones(value) for key, value in content.items()}, path)
    else:
        channels = (24, 48, 96, 192) if content == "incomplete" else (24, 116, 232, 464)
        state = reference.TorchShuffleNet(True, channels).state_dict()
        if content == "incomplete":
            del state["stage3.0.branch2.5.weight"]
        torch.save(state, path)
    with pytest.raises(pretrained.PretrainedWeightsError, match=message):
        FastMpoxNet(weights=path)


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(pretrained.PretrainedWeightsError, match="'imagenet', 'fastestdet'"):
        FastMpoxNet(weights="imagnet")
