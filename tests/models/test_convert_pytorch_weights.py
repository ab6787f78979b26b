"""Converted weights give the numbers of the PyTorch networks that they come from."""

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from mpox_keras.models.backbones import Backbone, PretrainedWeightsError

torch = pytest.importorskip("torch", reason="the reference is PyTorch")
torch_shufflenet = pytest.importorskip("torch_shufflenet")


@pytest.fixture(scope="module")
def tool():
    folder = str(Path(__file__).parents[2] / "tools")
    if not Path(folder, "convert_pytorch_weights.py").is_file():
        pytest.skip("needs a checkout")
    sys.path.insert(0, folder)
    yield importlib.import_module("convert_pytorch_weights")
    sys.path.remove(folder)


def converted(tool, network, state, folder):
    torch.save(state, folder / "weights.pth")
    arguments = [network, str(folder / "weights.pth"), str(folder / f"{network}.weights.h5")]
    outcome = CliRunner().invoke(tool.main, arguments)
    assert outcome.exit_code == 0, outcome.output
    return folder / f"{network}.weights.h5"


def test_shufflenet_gives_the_numbers_of_pytorch(tool, tmp_path):
    torch.manual_seed(0)
    network = torch_shufflenet.with_random_statistics(torch_shufflenet.TorchShuffleNet(), 0)
    backbone = Backbone(
        "ShuffleNetV2", input_shape=(96, 96, 3), weights=converted(tool, "ShuffleNetV2", network.state_dict(), tmp_path)
    )
    photos = np.random.default_rng(0).uniform(0, 255, (2, 96, 96, 3)).astype("float32")
    with torch.no_grad():
        theirs = network(torch.tensor(photos.transpose(0, 3, 1, 2) / 255))
    outputs = backbone.predict(photos, verbose=0)
    for stride, expected in zip((8, 16, 32), theirs, strict=True):
        np.testing.assert_allclose(outputs[f"stride_{stride}"], expected.numpy().transpose(0, 2, 3, 1), atol=1e-5)


def published_features(network, photos):
    """What the published network holds before its pooling: its last layer, and the ends of strides 32 and 16."""
    x = network._swish(network._bn0(network._conv_stem(photos / 127.5 - 1)))
    ends = []
    for block in network._blocks:
        if block._depthwise_conv.stride[0] == 2:
            ends.append(x)
        x = block(x)
    last = network._swish(network._bn1(network._conv_head(x)))
    maps = (last, x, torch.nn.functional.avg_pool2d(ends[-1], 2, ceil_mode=True))
    return torch.cat(maps, dim=1).permute(0, 2, 3, 1)


def test_efficientnet_lite_gives_the_numbers_of_pytorch(tool, tmp_path):
    published = pytest.importorskip("efficientnet_lite_pytorch", reason="the reference needs efficientnet-lite-pytorch")
    torch.manual_seed(0)
    reference = torch_shufflenet.with_random_statistics(
        published.EfficientNet.from_name("efficientnet-lite0"), 0, deviation=0.2
    )
    file = converted(tool, "EfficientNetLite0", reference.state_dict(), tmp_path)
    backbone = Backbone("EfficientNetLite0", weights=file)  # the reference pads for 224
    photos = np.random.default_rng(0).uniform(0, 255, (1, 224, 224, 3)).astype("float32")
    with torch.no_grad():
        expected = published_features(reference, torch.tensor(photos).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(backbone(photos)["stride_32"], expected, atol=2e-4 * np.abs(expected).max())


@pytest.mark.parametrize("missing", [True, False])
def test_a_state_dict_that_does_not_fit_is_explained(tool, missing):
    channels = (24, 48, 96, 192) if missing else (24, 116, 232, 464)
    state = {name: value.numpy() for name, value in torch_shufflenet.TorchShuffleNet(channels).state_dict().items()}
    if missing:
        del state["stage3.0.branch_main.5.weight"]
    message = r"stage3\.0\.branch_main\.5\.weight it has nothing" if missing else r"stage2.*it has \(.*\), expected"
    with pytest.raises(PretrainedWeightsError, match=message):
        tool.convert("ShuffleNetV2", state)


def test_a_file_that_is_no_state_dict_is_explained(tool, tmp_path):
    (tmp_path / "weights.pth").write_bytes(b"no weights at all")
    outcome = CliRunner().invoke(tool.main, ["ShuffleNetV2", str(tmp_path / "weights.pth"), str(tmp_path / "a.weights.h5")])
    assert outcome.exit_code == 1
    assert "weights.pth is no PyTorch state dict" in outcome.output
