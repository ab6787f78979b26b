"""ShuffleNetV2 of FastestDet in PyTorch, the reference of the converter's tests."""

import torch
from torch import nn

STAGES = {2: 4, 3: 8, 4: 4}


def pointwise(entering, leaving):
    return [nn.Conv2d(entering, leaving, 1, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()]


def depthwise(channels, stride):
    return [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.BatchNorm2d(channels)]


class Unit(nn.Module):
    """Takes the odd channels; the output is a plain concatenation."""

    def __init__(self, entering, leaving, stride):
        super().__init__()
        self.stride = stride
        half = leaving // 2
        main = pointwise(entering if stride == 2 else half, half) + depthwise(half, stride) + pointwise(half, half)
        self.branch_main = nn.Sequential(*main)
        self.branch_proj = nn.Sequential(*(depthwise(entering, 2) + pointwise(entering, half) if stride == 2 else []))

    def forward(self, x):
        passed, main = (x[:, 0::2], x[:, 1::2]) if self.stride == 1 else (self.branch_proj(x), x)
        return torch.cat([passed, self.branch_main(main)], dim=1)


class TorchShuffleNet(nn.Module):
    """Backbone whose state dict has the names of FastestDet's."""

    def __init__(self, channels=(24, 48, 96, 192)):
        super().__init__()
        self.first_conv = nn.Sequential(nn.Conv2d(3, channels[0], 3, 2, 1, bias=False), nn.BatchNorm2d(channels[0]), nn.ReLU())
        self.pool = nn.MaxPool2d(3, 2, 1)
        for (stage, units), entering, leaving in zip(STAGES.items(), channels, channels[1:], strict=False):
            first = Unit(entering, leaving, 2)
            setattr(self, f"stage{stage}", nn.Sequential(first, *(Unit(leaving, leaving, 1) for _ in range(units - 1))))

    def forward(self, x):
        x = self.pool(self.first_conv(x))
        outputs = []
        for stage in STAGES:
            x = getattr(self, f"stage{stage}")(x)
            outputs.append(x)
        return outputs


def with_random_statistics(model, seed, deviation=0.5):
    """Give every batch norm statistics and factors away from their start, so that a forgotten one shows."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight.data, 1 - deviation, 1 + deviation),
                (module.bias.data, -deviation, deviation),
                (module.running_mean, -deviation, deviation),
                (module.running_var, 1 - deviation, 1 + deviation),
            ):
                tensor.uniform_(low, high, generator=generator)
    return model.eval()
