"""The context models: a FilteringNet on a thumbnail of fixed size, a CombiningNet on every pixel with its context."""

import itertools
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from lightfuse.colorspace import LUMA_WEIGHTS
from lightfuse.models import ContextConfig
from lightfuse.models.config import OUTPUTS

WINDOW = 64  # side, in thumbnail cells, of the part that can be decoded by itself while training
SMALLEST_SCENE = 1 / 1024  # mean scene weight below which empty cells count, too, because hardly any others are left
_MIXING_BIAS = -3.0  # outputs near 0 select over; bright pixels raise them, towards under
_OFFSET_SCALE = 0.5
_RATIO_FLOOR = 0.02  # added to both lumas of a ratio, which is then defined for black
_LARGEST_CHROMA_GAIN = 8.0
_NEARLY_ZERO = 1e-6  # in place of a divisor of 0
# Mean absolute difference of the thumbnails: up to the first they count as one picture, from the second as a bracket.
_SAME_PICTURE, _BRACKET = 0.03, 0.12
# The weight of a cell rises from 0 to 1 as the brightest channel of over rises between the limits of _BLACK, and falls
# as the darkest channel of under rises between those of _WHITE. Borders of scans are a few levels above black.
_BLACK, _WHITE = (0.02, 0.06), (0.94, 0.98)
_BESIDE_EMPTY = 0.1  # the weight of a cell beside one of weight 0, with which it may be mixed


class ContextModel(nn.Module):
    """FilteringNet on a thumbnail of fixed size, CombiningNet on every pixel: `small` and `base`."""

    def __init__(self, config: ContextConfig) -> None:
        super().__init__()
        self.config = config
        self.combining = CombiningNet(config)
        self.filtering = FilteringNet(config)

    def forward(self, under: Tensor, over: Tensor, thumbnail: Tensor | None = None) -> Tensor:
        """Fuse pictures: two N×3×H×W, RGB in [0, 1], any size from 1×1, the darker first, to one of the same kind.

        A ``thumbnail`` made otherwise takes the place of :meth:`thumbnail`'s.
        """
        grid, strength = self.context(self.thumbnail(under, over) if thumbnail is None else thumbnail)
        context = F.interpolate(grid, size=under.shape[-2:], mode="bilinear", align_corners=False)
        return self.combining(under, over, context, strength).clamp(0, 1)  # type: ignore[no-any-return]

    def thumbnail(self, under: Tensor, over: Tensor) -> Tensor:
        """Both pictures area-averaged to about ``thumbnail_cells`` pixels: N×6×h×w."""
        height, width = under.shape[-2:]
        size = self.config.thumbnail_size(height, width)
        return F.adaptive_avg_pool2d(torch.cat([under, over], dim=1), size)

    def context(self, thumbnail: Tensor, windows: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The context grid (see :class:`FilteringNet`) and the strength of the correction, N×1×1×1 in [0, 1].

        The strength is 0 where both exposures are one picture, which is then returned unchanged.
        """
        weights = scene_weights(thumbnail)
        difference = (thumbnail[:, 3:] - thumbnail[:, :3]).abs().mean(dim=1, keepdim=True)
        difference = (difference * weights).mean(dim=(2, 3), keepdim=True) / weights.mean(dim=(2, 3), keepdim=True)
        strength = ((difference - _SAME_PICTURE) / (_BRACKET - _SAME_PICTURE)).clamp(0, 1)
        filled = fill_empty(thumbnail, weights, self.config.levels)
        return self.filtering(filled, weights, windows), strength


class CombiningNet(nn.Module):
    """Pointwise layers with ReLU between them; the context is added to the first and the last in place of a bias."""

    def __init__(self, config: ContextConfig) -> None:
        super().__init__()
        self.config = config
        pairs = enumerate(itertools.pairwise((6, *config.hidden, len(OUTPUTS))))
        self.layers = nn.ModuleList(nn.Conv2d(a, b, kernel_size=1, bias=i == 1) for i, (a, b) in pairs)
        # Start as exposure fusion: the first hidden channel is the luma of over; where it is bright, under is selected.
        first, middle, last = (layer.weight.detach() for layer in self.layers)  # type: ignore[operator]
        last.mul_(0.3)
        last[0, 0] = 3.0
        first[0] = torch.tensor([0, 0, 0, *LUMA_WEIGHTS])[:, None, None] * 2
        middle[0] = 0
        middle[0, 0] = 1

    def forward(self, under: Tensor, over: Tensor, context: Tensor, strength: Tensor) -> Tensor:
        """Fuse N×3×H×W pictures in [0, 1] to one of the same kind, by N×C×H×W context and strength as in `compose`."""
        return compose(under, over, self.answer(under, over, context), strength)[0]

    def answer(self, under: Tensor, over: Tensor, context: Tensor) -> Tensor:
        """Compute the output of the layers, N×5×H×W, which `compose` applies to the exposures."""
        n_first = self.config.hidden[0]
        into_first, into_last = context[:, :n_first], context[:, n_first:]
        first, middle, last = self.layers
        x = torch.relu(first(torch.cat([under, over], dim=1)) + into_first)
        answered: Tensor = last(torch.relu(middle(x))) + into_last
        return answered


def compose(under: Tensor, over: Tensor, answer: Tensor, strength: Tensor) -> tuple[Tensor, Tensor]:
    """Fuse N×3×H×W exposures as answers say: mix them, change the luma by gain and offset, the chroma by a gain.

    ``answer`` is N×5×H×W: mixing weight of under (before the sigmoid), luma gain, luma offset, chroma gain, and the
    mixing weight for chroma, which then keeps its ratio to luma. Gains and offset are multiplied by ``strength``. The
    luma of the result lies between the lumas of the two exposures, and its channels in [0, 1]. Returned with it is by
    how much luma had to be limited to these, N×1×H×W.
    """
    adjustment = adjustments(answer, strength)
    of_under, of_over = luma_of(under), luma_of(over)
    lowest = of_under.minimum(of_over)
    wanted = luma_of(_mix(under, over, adjustment.mixing)) * adjustment.luma_gain + adjustment.luma_offset
    luma = wanted.maximum(lowest).minimum(of_under.maximum(of_over))
    coloured = _mix(under, over, adjustment.chroma_mixing)
    coloured_luma = luma_of(coloured)
    lift = (luma + _RATIO_FLOOR) / (coloured_luma + _RATIO_FLOOR)
    chroma_gain = adjustment.chroma_gain * lift.clamp(max=_LARGEST_CHROMA_GAIN)
    chroma = (coloured - coloured_luma) * chroma_gain.clamp(0, _LARGEST_CHROMA_GAIN)
    return into_gamut(luma, chroma, lowest), (wanted - luma).abs()


class Adjustments(NamedTuple):
    """The meaning of an answer, N×1×H×W each: weights of under in [0, 1], gains (factors), and an offset of luma."""

    mixing: Tensor
    luma_gain: Tensor
    luma_offset: Tensor
    chroma_gain: Tensor
    chroma_mixing: Tensor


def adjustments(answer: Tensor, strength: Tensor) -> Adjustments:
    """Decode answers, N×5×H×W, as `compose` applies them."""
    return Adjustments(
        mixing=torch.sigmoid(answer[:, :1] + _MIXING_BIAS),
        luma_gain=1 + answer[:, 1:2] * strength,
        luma_offset=_OFFSET_SCALE * answer[:, 2:3] * strength,
        chroma_gain=1 + answer[:, 3:4] * strength,
        chroma_mixing=torch.sigmoid(answer[:, 4:5] + _MIXING_BIAS),
    )


def into_gamut(luma: Tensor, chroma: Tensor, lowest: Tensor) -> Tensor:
    """Return luma (N×1×H×W in [0, 1]) + chroma (N×3×H×W, RGB minus luma) as RGB in [0, 1], with the hue kept.

    A pixel with a channel above 1 is divided by its largest channel, which keeps its saturation, but only down to the
    luma ``lowest`` (N×1×H×W, at most ``luma``); what is still above 1 or below 0 is desaturated at constant luma.
    Pixels within the gamut are unchanged.
    """
    largest = luma + chroma.amax(dim=1, keepdim=True)
    scale = (1 / largest.clamp(min=1)).maximum(lowest / luma.clamp(min=_NEARLY_ZERO)).clamp(max=1)
    luma, chroma = luma * scale, chroma * scale
    to_white = (1 - luma) / chroma.amax(dim=1, keepdim=True).clamp(min=_NEARLY_ZERO)
    to_black = luma / (-chroma.amin(dim=1, keepdim=True)).clamp(min=_NEARLY_ZERO)
    return luma + chroma * to_white.minimum(to_black).clamp(max=1)


def luma_of(picture: Tensor) -> Tensor:
    """Return the luma (ITU-R BT.601) of N×3×H×W: N×1×H×W."""
    return (picture * picture.new_tensor(LUMA_WEIGHTS)[None, :, None, None]).sum(dim=1, keepdim=True)


def _mix(under: Tensor, over: Tensor, weight: Tensor) -> Tensor:
    return over + weight * (under - over)


def _depthwise(channels: int, stride: int) -> nn.Conv2d:
    """A 3×3 depthwise convolution without bias, edges repeated."""
    return nn.Conv2d(channels, channels, 3, stride, padding=1, groups=channels, bias=False, padding_mode="replicate")


class SeparableBlock(nn.Module):
    """A 3×3 depthwise convolution, then a pointwise one, then ReLU."""

    def __init__(self, channels: int, stride: int) -> None:
        super().__init__()
        self.dw = _depthwise(channels, stride)
        self.pw = nn.Conv2d(channels, channels, kernel_size=1)

    def forward(self, x: Tensor) -> Tensor:
        """N×C×H×W to N×C×H/stride×W/stride."""
        return torch.relu(self.pw(self.dw(x)))


class FilteringNet(nn.Module):
    """A small U-Net: down to a summary of the whole scene, and up again with skip connections."""

    def __init__(self, config: ContextConfig) -> None:
        super().__init__()
        n = config.channels
        self.config = config
        self.first_dw = _depthwise(6, stride=2)
        self.first_pw = nn.Conv2d(6, n, kernel_size=1)
        self.stem = nn.Conv2d(6, n, kernel_size=1)
        n_down, n_up = (1, 1) if config.shared else (config.levels - 1, config.levels)
        self.down = nn.ModuleList(SeparableBlock(n, stride=2) for _ in range(n_down))
        self.up = nn.ModuleList(SeparableBlock(n, stride=1) for _ in range(n_up))
        self.summary = nn.Linear(2 * n, n)
        self.head = nn.Conv2d(n, config.context_channels, kernel_size=1)
        with torch.no_grad():
            self.head.weight.mul_(0.5)

    def forward(self, thumbnail: Tensor, weights: Tensor, windows: Tensor | None = None) -> Tensor:
        """N×6×h×w in [0, 1], sides multiples of 2 to the power ``levels``, to N×``context_channels``×h×w.

        The N×1×h×w ``weights`` say how much each cell counts in the summary of the scene (see `scene_weights`).

        With ``windows``, N×2, an even row and column per sample, the finest level is decoded in one `WINDOW` of each
        sample only, which makes training faster; cells at a window's edge may differ from those of the whole.
        """
        thumbnail = thumbnail - 0.5
        skips = self._down(thumbnail)
        x = skips[-1] + self._summary(skips[-1], F.avg_pool2d(weights, 2**self.config.levels))
        for level in reversed(range(self.config.levels)):
            skip = skips[level - 1] if level else thumbnail
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            if level == 0 and windows is not None:
                x, skip = _cut(x, windows), _cut(skip, windows)
            x = x + (skip if level else torch.relu(self.stem(skip)))
            x = x + self.up[level % len(self.up)](x)
        context: Tensor = self.head(x)
        return context

    def _down(self, thumbnail: Tensor) -> list[Tensor]:
        """The features of each level, the half-size one first."""
        x = torch.relu(self.first_pw(self.first_dw(thumbnail)))
        levels = [x]
        for level in range(self.config.levels - 1):
            x = self.down[level % len(self.down)](x) + F.avg_pool2d(x, 2)
            levels.append(x)
        return levels

    def _summary(self, coarsest: Tensor, weights: Tensor) -> Tensor:
        """A summary of the whole scene from the mean and the maximum of every channel, N×C×1×1.

        For the maximum, cells of a weight of 0.25 or more count in full; channels are at least 0.
        """
        mean = (coarsest * weights).sum(dim=(2, 3)) / weights.sum(dim=(2, 3))
        largest = (coarsest * (4 * weights).clamp(max=1)).amax(dim=(2, 3))
        summary: Tensor = self.summary(torch.cat([mean, largest], dim=1))
        return summary[:, :, None, None]


def _cut(x: Tensor, places: Tensor) -> Tensor:
    """The windows of N×C×H×W that begin at these places, one a sample: N×C×`WINDOW`×`WINDOW`."""
    return torch.stack([one[:, y : y + WINDOW, z : z + WINDOW] for one, (y, z) in zip(x, places.tolist(), strict=True)])


def scene_weights(thumbnail: Tensor) -> Tensor:
    """Return the weight of each cell of an N×6×h×w thumbnail (under and over): N×1×h×w in [0, 1].

    0 where both exposures are black or both are white, such as in a border, low beside that, else 1, with smooth
    transitions.
    """
    brightest = thumbnail[:, 3:].amax(dim=1, keepdim=True)
    darkest = thumbnail[:, :3].amin(dim=1, keepdim=True)
    above_black = ((brightest - _BLACK[0]) / (_BLACK[1] - _BLACK[0])).clamp(0, 1)
    below_white = ((_WHITE[1] - darkest) / (_WHITE[1] - _WHITE[0])).clamp(0, 1)
    weights = above_black * below_white
    lowest_near = -F.max_pool2d(-weights, 3, stride=1, padding=1)
    weights = weights * (_BESIDE_EMPTY + (1 - _BESIDE_EMPTY) * lowest_near)
    floor = (1 - weights.mean(dim=(2, 3), keepdim=True) / SMALLEST_SCENE).clamp(min=0)
    return torch.maximum(weights, floor)


def fill_empty(thumbnail: Tensor, weights: Tensor, levels: int) -> Tensor:
    """Return the thumbnail with cells of weight 0 filled from their surroundings, as if the scene continued there.

    A pyramid of weighted means ("push-pull", Gortler et al., "The Lumigraph", SIGGRAPH 1996, section 3.4): each cell
    is mixed with the coarser level by 1 minus its weight, the coarsest with the mean of the scene.
    Where all weights are 1 the thumbnail is returned unchanged.

    The thumbnail is N×6×h×w, halved ``levels`` times, its sides multiples of 2 to that power; the weights are N×1×h×w
    in [0, 1], not all 0.
    """
    pyramid = [(thumbnail, weights)]
    for _ in range(levels):
        values, weights = pyramid[-1]
        total = F.avg_pool2d(weights, 2)
        values = F.avg_pool2d(values * weights, 2) / total.clamp(min=1e-6)
        pyramid.append((values, (4 * total).clamp(max=1)))
    values, weights = pyramid[0]
    filled = (values * weights).mean(dim=(2, 3), keepdim=True) / weights.mean(dim=(2, 3), keepdim=True)
    for level, (values, weights) in enumerate(reversed(pyramid)):
        coarser = filled if level == 0 else F.interpolate(filled, scale_factor=2, mode="nearest")
        filled = values * weights + coarser * (1 - weights)
    return filled
