"""The paper's network (arXiv 2107.02299): CombiningNet and FilteringNet on the full picture, added before a tanh."""

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightfuse.models import PaperConfig

STRIDE = 8  # of the whole FilteringNet: three layers of stride 2


class CombiningNet(nn.Module):
    """Pointwise layers, each with bias and ReLU (arXiv 2107.02299, section 3.2; the paper's code calls it DetailNet).

    ``channels`` are the widths from input, under RGB and over RGB, to output.
    """

    def __init__(self, channels: tuple[int, ...] = (6, 32, 32, 3)) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(a, b, kernel_size=1) for a, b in itertools.pairwise(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Float N×C×H×W in, N×``channels[-1]``×H×W out, at least 0."""
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x


class FilteringNet(nn.Module):
    """Three 3×3 depthwise layers of stride 2, then a pointwise 6→3 (arXiv 2107.02299, section 3.3; later GlobalNet).

    There is no activation between the layers, so the network is linear in its input. Even sides are padded as
    TensorFlow's SAME pads them: nothing before, one zero after.
    """

    def __init__(self) -> None:
        super().__init__()
        self.down1 = nn.Conv2d(6, 6, kernel_size=3, stride=2, groups=6)
        self.down2 = nn.Conv2d(6, 6, kernel_size=3, stride=2, groups=6)
        self.down3 = nn.Conv2d(6, 6, kernel_size=3, stride=2, groups=6, bias=False)
        self.mix = nn.Conv2d(6, 3, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """Float N×6×H×W, H and W multiples of 8, to N×3×H/8×W/8."""
        for layer in (self.down1, self.down2, self.down3):
            x = layer(F.pad(x, (0, 1, 0, 1)))
        mixed: Tensor = self.mix(x)
        return mixed


class PaperModel(nn.Module):
    """The network of the paper: 1,574 parameters with hidden layers of 32 and 32, 18,630 with 256 and 64."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.config = config
        self.combining = CombiningNet((6, *config.hidden, 3))
        self.filtering = FilteringNet()

    def respond(self, x: Tensor) -> Tensor:
        """The network itself: stacked pictures N×6×H×W in [-1, 1] to a picture N×3×H×W in (-1, 1)."""
        height, width = x.shape[-2:]
        context = F.interpolate(self.filtering(pad_to_stride(x)), scale_factor=STRIDE, mode="nearest")
        return torch.tanh(self.combining(x) + context[..., :height, :width])

    def forward(self, under: Tensor, over: Tensor) -> Tensor:
        """Fuse pictures: two N×3×H×W, RGB in [0, 1], any size from 1×1, to one of the same kind."""
        x = torch.cat([normalise(under), normalise(over)], dim=1)
        return (self.respond(2 * x - 1) + 1) / 2


def normalise(picture: Tensor) -> Tensor:
    """Stretch each picture of N×3×H×W to [0, 1] by its own minimum and maximum; a flat picture stays as it is."""
    low = picture.amin(dim=(1, 2, 3), keepdim=True)
    high = picture.amax(dim=(1, 2, 3), keepdim=True)
    span = high - low
    return torch.where(span > 0, (picture - low) / span.where(span > 0, 1.0), picture)


def pad_to_stride(x: Tensor, stride: int = STRIDE) -> Tensor:
    """Repeat the last row and column of N×C×H×W until both sides are multiples of ``stride``."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % stride, 0, -height % stride), mode="replicate")
