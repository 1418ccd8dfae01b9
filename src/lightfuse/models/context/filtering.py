"""FilteringNet of the context models: from a thumbnail of both exposures to a smooth context."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightfuse.models import ContextConfig

WINDOW = 64
"""Side, in thumbnail cells, of the part that can be decoded by itself while training."""

_MARGIN = 4  # cells of the half-size level decoded around a window

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

    def forward(self, thumbnail: Tensor, weights: Tensor, windows: Sequence[Place] | None = None) -> Tensor:
        """N×6×h×w in [0, 1], sides multiples of 2 to the power ``levels``, to N×``context_channels``×h/stride×w/stride.

        The N×1×h×w ``weights`` say how much each cell counts in the summary of the scene (see `scene_weights`).

        With ``windows``, the even (row, column) of one `WINDOW` a sample, the finest level is decoded there alone,
        which saves training most of the work; a cell at a window's edge may differ from what the whole would give.
        """
        thumbnail = thumbnail - 0.5
        skips = self._down(thumbnail)
        x = skips[-1] + self._summary(skips[-1], F.avg_pool2d(weights, 2**self.config.levels))
        cuts = _cuts(windows, skips[0].shape[-2:]) if windows is not None else {}
        for level in reversed(range(self.config.first_level, self.config.levels)):
            skip = skips[level - 1] if level else thumbnail
            if level in cuts:
                x = _enlarged_cut(x, cuts.get(level + 1), cuts[level], skip.shape[-2:])
                skip = cuts[level].of(skip)
            else:
                x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = x + (skip if level else torch.relu(self.stem(skip)))
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

    def _summary(self, coarsest: Tensor, weights: Tensor) -> Tensor:
        """What the mean and the maximum of every channel say of the whole scene, N×C×1×1.

        A cell of ``weights`` from a quarter on counts in full for the maximum; channels are at least 0.
        """
        mean = (coarsest * weights).sum(dim=(2, 3)) / weights.sum(dim=(2, 3))
        largest = (coarsest * (4 * weights).clamp(max=1)).amax(dim=(2, 3))
        both = torch.cat([mean, largest], dim=1)
        summary: Tensor = self.summary(both)
        return summary[:, :, None, None]


@dataclass(frozen=True)
class _Cut:
    """One square of every sample at some level: its side and its places."""

    side: int
    places: Sequence[Place]

    def of(self, x: Tensor) -> Tensor:
        """The squares of N×C×H×W: N×C×side×side."""
        side = self.side
        return torch.stack([part[:, y : y + side, z : z + side] for part, (y, z) in zip(x, self.places, strict=True)])


def _cuts(windows: Sequence[Place], half_size: Sequence[int]) -> dict[int, _Cut]:
    """What to decode at the two finest levels: the windows, and what they need of the half-size level."""
    cuts = {0: _Cut(WINDOW, windows)}
    side = WINDOW // 2 + 2 * _MARGIN
    last = [edge - side for edge in half_size]
    if min(last) >= 0:
        starts = [tuple(min(max(at // 2 - _MARGIN, 0), end) for at, end in zip(w, last, strict=True)) for w in windows]
        cuts[1] = _Cut(side, [(row, column) for row, column in starts])
    return cuts


def _enlarged_cut(x: Tensor, held: _Cut | None, wanted: _Cut, size: Sequence[int]) -> Tensor:
    """``wanted`` of a level of ``size``, twice as fine as ``x``, which is all of its level or ``held`` of it.

    Bilinear, as `F.interpolate` does it, but as products with banded matrices, which on a CPU are faster.
    """
    sides = []
    for axis in (0, 1):
        whole = _doubling(size[axis] // 2, x.dtype, x.device)
        starts = [place[axis] for place in held.places] if held else [0] * len(x)
        width = held.side if held else size[axis] // 2
        places = [place[axis] for place in wanted.places]
        parts = [whole[at : at + wanted.side, s : s + width] for at, s in zip(places, starts, strict=True)]
        sides.append(torch.stack(parts)[:, None])
    rows, columns = sides
    return rows @ x @ columns.transpose(2, 3)


@lru_cache(maxsize=16)
def _doubling(side: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """The matrix, 2·side×side, that enlarges a line twice."""
    unit = torch.eye(side, dtype=dtype, device=device)
    return F.interpolate(unit[None], scale_factor=2, mode="linear", align_corners=False)[0].T.contiguous()
