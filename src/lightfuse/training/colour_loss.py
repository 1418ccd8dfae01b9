"""Losses on colour alone: differences of chroma, of hue and of the mean amount of colour."""

import torch
from torch import Tensor

LUMA = (0.299, 0.587, 0.114)
_GREY = 0.1  # chroma from which on a hue counts in full


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


def hue_and_saturation_loss(fused: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """1 − cosine between chromas, greys counting less, and the difference of mean chroma: N and N."""
    a, b = chroma(fused), chroma(wanted)
    size_a, size_b = ((c.square().sum(dim=1) + 1e-4).sqrt() for c in (a, b))
    cosine = ((a * b).sum(dim=1) + 1e-4) / (size_a * size_b)
    weight = size_b.clamp(max=_GREY) / _GREY
    return (weight * (1 - cosine)).mean(dim=(1, 2)), (size_a - size_b).mean(dim=(1, 2)).abs()


def better_exposed(under: Tensor, over: Tensor) -> Tensor:
    """At each pixel of N×3×H×W pictures the exposure whose luma is nearer the middle."""
    nearer = (luma(under) - 0.5).abs() < (luma(over) - 0.5).abs()
    return torch.where(nearer, under, over)
