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
_NEARLY_ZERO = 1e-6  # in place of a divisor of 0


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

        The result is N×3×H×W in [0, 1].
        """
        config = self.config
        answer = self.answer(under, over, context)
        return compose(under, over, answer, strength, ratio=config.ratio, bounded=config.bounded)

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


def compose(
    under: Tensor, over: Tensor, answer: Tensor, strength: Tensor, *, ratio: bool, bounded: bool = True
) -> Tensor:
    """The picture that answers describe: a mixture, its luma lifted or lowered, its chroma strengthened or weakened.

    ``answer`` is N×4×H×W or N×5×H×W: mixing weight of under (before the sigmoid), luma gain, luma offset, chroma gain
    and, if there, a mixing weight for chroma alone. The gains and the offset count ``strength`` times. Where
    ``bounded``, the luma of the result lies between the lumas of the two exposures, and its channels in [0, 1].
    """
    lowest, highest = luma_bounds(under, over)
    luma = proposed_luma(under, over, answer, strength)
    if bounded:
        luma = luma.maximum(lowest).minimum(highest)
    coloured = _mix(under, over, answer[:, 4:5] if answer.shape[1] == 5 else answer[:, :1])
    coloured_luma = _luma(coloured)
    chroma_gain = 1 + answer[:, 3:4] * strength
    if ratio:
        lift = (luma + _RATIO_FLOOR) / (coloured_luma + _RATIO_FLOOR)
        chroma_gain = chroma_gain * lift.clamp(max=_LARGEST_CHROMA_GAIN)
    chroma = (coloured - coloured_luma) * chroma_gain.clamp(0, _LARGEST_CHROMA_GAIN)
    return into_gamut(luma, chroma, lowest) if bounded else keep_hue(luma + chroma)


def luma_bounds(under: Tensor, over: Tensor) -> tuple[Tensor, Tensor]:
    """The smaller and the larger luma of both exposures at each pixel, N×1×H×W each."""
    of_under, of_over = _luma(under), _luma(over)
    return of_under.minimum(of_over), of_under.maximum(of_over)


def proposed_luma(under: Tensor, over: Tensor, answer: Tensor, strength: Tensor) -> Tensor:
    """The luma that answers describe before it is limited to `luma_bounds`: N×1×H×W."""
    mixture_luma = _luma(_mix(under, over, answer[:, :1]))
    return mixture_luma * (1 + answer[:, 1:2] * strength) + _OFFSET_SCALE * answer[:, 2:3] * strength


def into_gamut(luma: Tensor, chroma: Tensor, lowest: Tensor) -> Tensor:
    """luma + chroma as RGB in [0, 1], N×3×H×W, of the same hue; a pixel inside already stays as it is.

    A pixel with a channel above 1 is divided by its largest, which keeps its saturation, but its luma is not lowered
    below ``lowest``; what is still outside, above 1 or below 0, loses chroma at the same luma.

    Args:
        luma: N×1×H×W in [0, 1].
        chroma: N×3×H×W, RGB minus luma; its own luma is 0.
        lowest: N×1×H×W, at most ``luma``.
    """
    largest = luma + chroma.amax(dim=1, keepdim=True)
    scale = (1 / largest.clamp(min=1)).maximum(lowest / luma.clamp(min=_NEARLY_ZERO)).clamp(max=1)
    luma, chroma = luma * scale, chroma * scale
    to_white = (1 - luma) / chroma.amax(dim=1, keepdim=True).clamp(min=_NEARLY_ZERO)
    to_black = luma / (-chroma.amin(dim=1, keepdim=True)).clamp(min=_NEARLY_ZERO)
    return luma + chroma * to_white.minimum(to_black).clamp(max=1)


def keep_hue(fused: Tensor) -> Tensor:
    """N×3×H×W where a pixel with a channel above 1 is divided by its largest: clipped, a highlight would change hue."""
    return fused / fused.amax(dim=1, keepdim=True).clamp(min=1)


def _luma(picture: Tensor) -> Tensor:
    return (picture * picture.new_tensor(LUMA)[None, :, None, None]).sum(dim=1, keepdim=True)


def _mix(under: Tensor, over: Tensor, answer: Tensor) -> Tensor:
    return over + torch.sigmoid(answer + _MIXING_BIAS) * (under - over)
