"""CombiningNet of the context models: from one pixel and its context to how that pixel's exposures are mixed."""

import itertools

import torch
from torch import Tensor, nn

from lightfuse.models import ContextConfig

LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue in luma (ITU-R BT.601)."""

_MIXING_BIAS = -3.0  # answers near 0 mean: take over; a bright pixel pushes them up, towards under
_OFFSET_SCALE = 0.5
_RATIO_FLOOR = 0.02  # added to both lumas of a ratio, so that black has one
_LARGEST_CHROMA_GAIN = 8.0


class CombiningNet(nn.Module):
    """Pointwise layers with ReLU between them, the context added to the first and the last in place of a bias."""

    def __init__(self, config: ContextConfig) -> None:
        super().__init__()
        self.config = config
        widths = (6, *config.hidden, config.outputs)
        last = len(widths) - 2
        pairs = enumerate(itertools.pairwise(widths))
        self.layers = nn.ModuleList(nn.Conv2d(a, b, kernel_size=1, bias=0 < i < last) for i, (a, b) in pairs)
        self._start_as_exposure_fusion()

    def forward(self, under: Tensor, over: Tensor, context: Tensor, strength: Tensor) -> Tensor:
        """Fuse N×3×H×W pictures in [0, 1] with N×C×H×W context; N×1×1×1 ``strength`` in [0, 1] as in `compose`.

        The answer is N×3×H×W, at most 1, and may fall below 0 a little.
        """
        return keep_hue(compose(under, over, self.answer(under, over, context), strength, ratio=self.config.ratio))

    def answer(self, under: Tensor, over: Tensor, context: Tensor) -> Tensor:
        """The numbers each pixel is given, N×``outputs``×H×W, as `compose` reads them."""
        n_first = self.config.hidden[0]
        into_first, into_last = context[:, :n_first], context[:, n_first:]
        first, *middle, last = self.layers
        x = torch.relu(first(torch.cat([under, over], dim=1)) + into_first)
        for layer in middle:
            x = torch.relu(layer(x))
        answered: Tensor = last(x) + into_last
        return answered

    def _start_as_exposure_fusion(self) -> None:
        """Let the first hidden channel be the luma of over, and take under where that is bright."""
        first, *middle, last = (layer.weight.detach() for layer in self.layers)  # type: ignore[operator]
        last.mul_(0.3)
        last[0, 0] = 3.0
        first[0] = torch.tensor([0, 0, 0, *LUMA])[:, None, None] * 2
        for weight in middle[:1]:
            weight[0] = 0
            weight[0, 0] = 1


def compose(under: Tensor, over: Tensor, answer: Tensor, strength: Tensor, *, ratio: bool) -> Tensor:
    """The picture that answers describe: a mixture, its luma lifted or lowered, its chroma strengthened or weakened.

    ``answer`` is N×4×H×W or N×5×H×W: mixing weight of under (before the sigmoid), luma gain, luma offset, chroma gain
    and, if there, a mixing weight for chroma alone. The gains and the offset count ``strength`` times.
    """
    luma = under.new_tensor(LUMA)[None, :, None, None]
    mixture = _mix(under, over, answer[:, :1])
    mixture_luma = (mixture * luma).sum(dim=1, keepdim=True)
    coloured, coloured_luma = mixture, mixture_luma
    if answer.shape[1] == 5:
        coloured = _mix(under, over, answer[:, 4:5])
        coloured_luma = (coloured * luma).sum(dim=1, keepdim=True)

    gain, offset, saturation = (answer[:, i : i + 1] * strength for i in (1, 2, 3))
    fused_luma = mixture_luma * (1 + gain) + _OFFSET_SCALE * offset
    chroma_gain = 1 + saturation
    if ratio:
        lift = (fused_luma + _RATIO_FLOOR) / (coloured_luma + _RATIO_FLOOR)
        chroma_gain = chroma_gain * lift.clamp(max=_LARGEST_CHROMA_GAIN)
    return fused_luma + (coloured - coloured_luma) * chroma_gain.clamp(0, _LARGEST_CHROMA_GAIN)


def keep_hue(fused: Tensor) -> Tensor:
    """N×3×H×W where a pixel with a channel above 1 is divided by its largest: clipped, a highlight would change hue."""
    return fused / fused.amax(dim=1, keepdim=True).clamp(min=1)


def _mix(under: Tensor, over: Tensor, answer: Tensor) -> Tensor:
    return over + torch.sigmoid(answer + _MIXING_BIAS) * (under - over)
