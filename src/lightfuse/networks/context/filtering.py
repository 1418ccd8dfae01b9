"""FilteringNet of the context models: from a thumbnail of both exposures to a smooth context."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightfuse.weights import ContextConfig

WINDOW = 64
"""Side, in thumbnail cells, of the part that can be decoded by itself while training."""

Place = tuple[int, int]


class SeparableBlock(nn.Module):
    """A 3×3 depthwise convolution (edges repeated), then a pointwise one, then ReLU."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.dw = nn.Conv2d(
            channels, channels, 3, stride, padding=1, groups=channels, bias=False, padding_mode="replicate"
        )
        self.pw = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W to N×C×H/stride×W/stride."""
        return torch.relu(self.pw(self.dw(x)))


class FilteringNet(nn.Module):
    """A small pyramid: down to a summary of the whole scene, and up again with the detail met on the way down."""

    def __init__(self, config: ContextConfig) -> None:
        super().__init__()
        n = config.channels
        self.config = config
        self.first_dw = nn.Conv2d(6, 6, 3, stride=2, padding=1, groups=6, bias=False, padding_mode="replicate")
        self.first_pw = nn.Conv2d(6, n, kernel_size=1)
        if config.context_stride == 1:
            self.stem = nn.Conv2d(6, n, kernel_size=1)
        n_down, n_up = (1, 1) if config.shared else (config.levels - 1, config.levels)
        self.down = nn.ModuleList(SeparableBlock(n, stride=2) for _ in range(n_down))
        self.up = nn.ModuleList(SeparableBlock(n, stride=1) for _ in range(n_up))
        self.summary = nn.Linear(2 * n, n)
        self.head = nn.Conv2d(n, config.context_channels, kernel_size=1)
        with torch.no_grad():
            self.head.weight.mul_(0.5)

    def forward(self, thumbnail: Tensor, windows: Sequence[Place] | None = None) -> Tensor:
        """N×6×h×w in [0, 1], sides multiples of 2 to the power ``levels``, to N×``context_channels``×h/stride×w/stride.

        With ``windows``, the even (row, column) of one `WINDOW` a sample, the finest level is decoded there alone,
        which saves training most of the work; a cell at a window's edge may differ from what the whole would give.
        """
        thumbnail = thumbnail - 0.5
        skips = self._down(thumbnail)
        x = skips[-1] + self._summary(skips[-1])
        for level in reversed(range(self.config.first_level, self.config.levels)):
            if level == 0 and windows is not None:
                x = _cut(x, [(row // 2, column // 2) for row, column in windows], WINDOW // 2)
                thumbnail = _cut(thumbnail, windows, WINDOW)
            skip = skips[level - 1] if level else torch.relu(self.stem(thumbnail))
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False) + skip
            x = x + self.up[level % len(self.up)](x)
        context: Tensor = self.head(x)
        return context

    def _down(self, thumbnail: Tensor) -> list[Tensor]:
        """What each level holds, the half-size one first."""
        x = torch.relu(self.first_pw(self.first_dw(thumbnail)))
        levels = [x]
        for level in range(self.config.levels - 1):
            x = self.down[level % len(self.down)](x) + F.avg_pool2d(x, 2)
            levels.append(x)
        return levels

    def _summary(self, coarsest: Tensor) -> Tensor:
        """What the mean and the maximum of every channel say of the whole scene, N×C×1×1."""
        both = torch.cat([coarsest.mean(dim=(2, 3)), coarsest.amax(dim=(2, 3))], dim=1)
        summary: Tensor = self.summary(both)
        return summary[:, :, None, None]


def _cut(x: Tensor, places: Sequence[Place], side: int) -> Tensor:
    parts = [sample[:, y : y + side, z : z + side] for sample, (y, z) in zip(x, places, strict=True)]
    return torch.stack(parts)
