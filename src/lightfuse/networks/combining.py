"""CombiningNet: what the channels say of one pixel (pointwise convolutions only)."""

import itertools

import torch
from torch import Tensor, nn


class CombiningNet(nn.Module):
    """Pointwise layers, each with bias and ReLU (arXiv 2107.02299, section 3.2; the paper's code calls it DetailNet).

    Args:
        channels: widths from input to output; ``(6, 32, 32, 3)`` is the paper's, 6 being under RGB and over RGB.
    """

    def __init__(self, channels: tuple[int, ...] = (6, 32, 32, 3)) -> None:
        super().__init__()
        pairs = itertools.pairwise(channels)
        self.layers = nn.ModuleList(nn.Conv2d(n_in, n_out, kernel_size=1) for n_in, n_out in pairs)

    def forward(self, x: Tensor) -> Tensor:
        """Float N×C×H×W in, N×``channels[-1]``×H×W out, at least 0."""
        for layer in self.layers:
            x = torch.relu(layer(x))
        return x
