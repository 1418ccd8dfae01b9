"""FilteringNet: what the surroundings of a pixel say (strided depthwise convolutions)."""

import torch.nn.functional as F
from torch import Tensor, nn

STRIDE = 8  # of the whole network: three layers of stride 2


def pad_to_stride(x: Tensor, stride: int = STRIDE) -> Tensor:
    """Repeat the last row and column of N×C×H×W until both sides are multiples of ``stride``."""
    height, width = x.shape[-2:]
    return F.pad(x, (0, -width % stride, 0, -height % stride), mode="replicate")


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
