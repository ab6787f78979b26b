"""ShuffleNetV2 in PyTorch, in both forms whose weights the converter reads; the reference of its tests."""

import torch
from torch import nn

STAGES = {2: 4, 3: 8, 4: 4}


def pointwise(entering, leaving):
    return [nn.Conv2d(entering, leaving, 1, bias=False), nn.BatchNorm2d(leaving), nn.ReLU()]


def depthwise(channels, stride):
    return [nn.Conv2d(channels, channels, 3, stride, 1, groups=channels, bias=False), nn.BatchNorm2d(channels)]


def branches(entering, leaving, stride):
    half = leaving // 2
    main = pointwise(entering if stride == 2 else half, half) + depthwise(half, stride) + pointwise(half, half)
    projection = depthwise(entering, 2) + pointwise(entering, half) if stride == 2 else []
    return nn.Sequential(*main), nn.Sequential(*projection)


class TorchvisionUnit(nn.Module):
    """Takes the second half of the channels; the output is interleaved."""

    def __init__(self, entering, leaving, stride):
        super().__init__()
        self.stride = stride
        self.branch2, self.branch1 = branches(entering, leaving, stride)

    def forward(self, x):
        passed, main = x.chunk(2, dim=1) if self.stride == 1 else (self.branch1(x), x)
        joined = torch.cat([passed, self.branch2(main)], dim=1)
        batch, channels, height, width = joined.shape
        return joined.view(batch, 2, channels // 2, height, width).transpose(1, 2).reshape(joined.shape)


class FastestDetUnit(nn.Module):
    """Takes the odd channels; the output is a plain concatenation."""

    def __init__(self, entering, leaving, stride):
        super().__init__()
        self.stride = stride
        self.branch_main, self.branch_proj = branches(entering, leaving, stride)

    def forward(self, x):
        passed, main = (x[:, 0::2], x[:, 1::2]) if self.stride == 1 else (self.branch_proj(x), x)
        return torch.cat([passed, self.branch_main(main)], dim=1)


class TorchShuffleNet(nn.Module):
    """Backbone whose state dict has the names of torchvision's or of FastestDet's."""

    def __init__(self, torchvision, channels=(24, 48, 96, 192)):
        super().__init__()
        unit = TorchvisionUnit if torchvision else FastestDetUnit
        self.stem = "conv1" if torchvision else "first_conv"
        setattr(
            self,
            self.stem,
            nn.Sequential(nn.Conv2d(3, channels[0], 3, 2, 1, bias=False), nn.BatchNorm2d(channels[0]), nn.ReLU()),
        )
        self.pool = nn.MaxPool2d(3, 2, 1)
        for (stage, units), entering, leaving in zip(STAGES.items(), channels, channels[1:], strict=False):
            first = unit(entering, leaving, 2)
            setattr(self, f"stage{stage}", nn.Sequential(first, *(unit(leaving, leaving, 1) for _ in range(units - 1))))

    def forward(self, x):
        x = self.pool(getattr(self, self.stem)(x))
        outputs = []
        for stage in STAGES:
            x = getattr(self, f"stage{stage}")(x)
            outputs.append(x)
        return outputs


def with_random_statistics(model, seed):
    """Give every batch norm statistics and factors far from their start, so that a forgotten one shows."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor, low, high in (
                (module.weight.data, 0.5, 1.5),
                (module.bias.data, -0.5, 0.5),
                (module.running_mean, -0.5, 0.5),
                (module.running_var, 0.5, 1.5),
            ):
                tensor.uniform_(low, high, generator=generator)
    return model.eval()
