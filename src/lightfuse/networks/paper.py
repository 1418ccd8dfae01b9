"""The paper's model: CombiningNet and FilteringNet added before a tanh (arXiv 2107.02299, figure 2)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightfuse.networks.combining import CombiningNet
from lightfuse.networks.filtering import STRIDE, FilteringNet, pad_to_stride


def normalise(picture: Tensor) -> Tensor:
    """Stretch each picture of N×3×H×W to [0, 1] by its own minimum and maximum; a flat picture stays as it is."""
    low = picture.amin(dim=(1, 2, 3), keepdim=True)
    high = picture.amax(dim=(1, 2, 3), keepdim=True)
    span = high - low
    return torch.where(span > 0, (picture - low) / span.where(span > 0, 1.0), picture)


class PaperModel(nn.Module):
    """The network of the paper: 1,574 parameters with ``hidden=(32, 32)``, 18,630 with ``(256, 64)``."""

    def __init__(self, hidden: tuple[int, int] = (32, 32)) -> None:
        super().__init__()
        self.combining = CombiningNet((6, *hidden, 3))
        self.filtering = FilteringNet()

    def respond(self, x: Tensor) -> Tensor:
        """The bare network: stacked pictures N×6×H×W in [-1, 1] to a picture N×3×H×W in (-1, 1)."""
        height, width = x.shape[-2:]
        context = F.interpolate(self.filtering(pad_to_stride(x)), scale_factor=STRIDE, mode="nearest")
        return torch.tanh(self.combining(x) + context[..., :height, :width])

    def forward(self, under: Tensor, over: Tensor) -> Tensor:
        """Fuse pictures: two N×3×H×W, RGB in [0, 1], any size from 1×1, to one of the same kind."""
        x = torch.cat([normalise(under), normalise(over)], dim=1)
        return (self.respond(2 * x - 1) + 1) / 2
