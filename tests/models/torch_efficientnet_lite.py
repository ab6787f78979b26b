"""EfficientNet-Lite0 in PyTorch, in the naming of the published state dict: the reference that the Keras network must match."""

import torch
from torch import nn

STAGES = [(1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112), (4, 5, 2, 6, 192)]
STAGES.append((1, 3, 1, 6, 320))


def normalization(channels):
    return nn.BatchNorm2d(channels, eps=1e-3)


class Block(nn.Module):
    def __init__(self, entering, channels, kernel, stride, expansion):
        super().__init__()
        middle = entering * expansion
        self.skip = stride == 1 and entering == channels
        self.expands = expansion > 1
        if self.expands:
            self._expand_conv = nn.Conv2d(entering, middle, 1, bias=False)
            self._bn0 = normalization(middle)
        self._depthwise_conv = nn.Conv2d(middle, middle, kernel, stride, (kernel - 1) // 2, groups=middle, bias=False)
        self._bn1 = normalization(middle)
        self._project_conv = nn.Conv2d(middle, channels, 1, bias=False)
        self._bn2 = normalization(channels)

    def forward(self, x):
        y = x
        if self.expands:
            y = nn.functional.relu6(self._bn0(self._expand_conv(y)))
        y = nn.functional.relu6(self._bn1(self._depthwise_conv(y)))
        y = self._bn2(self._project_conv(y))
        return x + y if self.skip else y


class TorchEfficientNetLite0(nn.Module):
    def __init__(self):
        super().__init__()
        self._conv_stem = nn.Conv2d(3, 32, 3, 2, 1, bias=False)
        self._bn0 = normalization(32)
        blocks, entering = [], 32
        for count, kernel, stride, expansion, channels in STAGES:
            for index in range(count):
                blocks.append(Block(entering, channels, kernel, stride if index == 0 else 1, expansion))
                entering = channels
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = nn.Conv2d(320, 1280, 1, bias=False)
        self._bn1 = normalization(1280)

    def forward(self, x):
        """Photos `(batch, 3, height, width)`, 0 to 255 -> pooled features, `(batch, 1712)`."""
        x = nn.functional.relu6(self._bn0(self._conv_stem((x - 127) / 128)))
        taps = []
        for block in self._blocks:
            x = block(x)
            taps.append(x)
        x = nn.functional.relu6(self._bn1(self._conv_head(x)))
        return torch.cat([features.mean((2, 3)) for features in (x, taps[10], taps[15])], dim=1)
