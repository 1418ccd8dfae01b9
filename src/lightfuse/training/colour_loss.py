"""Losses on colour alone: differences of chroma, of hue and of the mean amount of colour."""

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
_NO_CHROMA = 1e-4  # added to squares, so that grey has a gradient
_GREY = 0.1  # chroma from which on a hue counts in full
_WHITE, _BLACK = 0.98, 0.03  # a channel from there on is clipped
_WHITE_FROM = (0.955, 0.975)
_SMALLEST_SHARE = 0.05  # of a picture: smaller highlights count less
_NEARLY_BLACK, _NEARLY_WHITE = 0.12, 0.9


def luma(pictures: Tensor) -> Tensor:
    """Luma (ITU-R BT.601) of N×3×H×W: N×1×H×W."""
    return (pictures * pictures.new_tensor(LUMA)[None, :, None, None]).sum(dim=1, keepdim=True)


def chroma(pictures: Tensor) -> Tensor:
    """Red and blue minus luma, of N×3×H×W: N×2×H×W."""
    y = luma(pictures)
    return torch.cat([pictures[:, :1] - y, pictures[:, 2:] - y], dim=1)


def chroma_loss(fused: Tensor, reference: Tensor) -> Tensor:
    """Mean absolute difference of chroma: N."""
    return (chroma(fused) - chroma(reference)).abs().mean(dim=(1, 2, 3))


def hue_loss(fused: Tensor, wanted: Tensor) -> Tensor:
    """1 − cosine between chromas of N×3×H×W pictures, greys counting less: N."""
    a, b = chroma(fused), chroma(wanted)
    cosine = ((a * b).sum(dim=1) + _NO_CHROMA) / (_size(a) * _size(b))
    weight = _size(b).clamp(max=_GREY) / _GREY
    return (weight * (1 - cosine)).mean(dim=(1, 2))


def saturation_loss(fused: Tensor, wanted: Tensor) -> Tensor:
    """The difference of mean chroma between N×3×H×W pictures: N."""
    return (_size(chroma(fused)) - _size(chroma(wanted))).mean(dim=(1, 2)).abs()


def excess_chroma_loss(fused: Tensor, wanted: Tensor, limit: float) -> Tensor:
    """How far the mean chroma of N×3×H×W pictures is above ``limit`` times that wanted: N."""
    return (_size(chroma(fused)).mean(dim=(1, 2)) - limit * _size(chroma(wanted)).mean(dim=(1, 2))).clamp(min=0)


def highlight_loss(under: Tensor, over: Tensor, fused: Tensor) -> Tensor:
    """How far highlights that under alone holds are from under's own lightness, raised and a little compressed: N.

    Highlights are where the least channel of over is at white and under's L* between 15 and 90; their wanted L* is
    34 + 0.9 L* of under, at most 96, so that a window shows its view. The mean absolute difference there, of L* / 100.
    """
    in_over, in_under = over.amin(dim=1, keepdim=True), _lightness(luma(under))
    mask = ((in_over - _WHITE_FROM[0]) / (_WHITE_FROM[1] - _WHITE_FROM[0])).clamp(0, 1)
    mask = mask * ((in_under - 12) / 5).clamp(0, 1) * ((92 - in_under) / 5).clamp(0, 1)
    wanted = (34 + 0.9 * in_under).clamp(max=96)
    difference = (_lightness(luma(fused)) - wanted).abs() / 100
    return (mask * difference).sum(dim=(1, 2, 3)) / (mask.sum(dim=(1, 2, 3)) + _SMALLEST_SHARE * mask[0].numel())


def _lightness(grey: Tensor) -> Tensor:
    """L* of CIELAB, about, of luma in [0, 1]: the sRGB curve as a power of 2.2."""
    return 116 * (grey + 1e-3) ** (2.2 / 3) - 16


def better_exposed(under: Tensor, over: Tensor, *, clipped_last: bool) -> Tensor:
    """At each pixel of N×3×H×W pictures the exposure whose luma is nearer the middle.

    With ``clipped_last``, one that is not clipped goes before one that is: where one channel is at its limit the hue
    is not the scene's.
    """
    distances = [(luma(exposure) - 0.5).abs() for exposure in (under, over)]
    if clipped_last:
        distances = [d + _clipped(exposure) for d, exposure in zip(distances, (under, over), strict=True)]
    return torch.where(distances[0] < distances[1], under, over)


def _size(colours: Tensor) -> Tensor:
    return (colours.square().sum(dim=1) + _NO_CHROMA).sqrt()


def _clipped(exposure: Tensor) -> Tensor:
    """1 where a channel is at white or all are at black, else 0: N×1×H×W."""
    white = exposure.amax(dim=1, keepdim=True) > _WHITE
    black = exposure.amax(dim=1, keepdim=True) < _BLACK
    return (white | black).to(exposure.dtype)


def unknown(under: Tensor, over: Tensor) -> Tensor:
    """The share of pixels of N×3×H×W pictures that neither exposure shows well, under black and over white: N."""
    return ((luma(under) < _NEARLY_BLACK) & (luma(over) > _NEARLY_WHITE)).float().mean(dim=(1, 2, 3))
