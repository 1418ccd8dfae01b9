"""Losses of fused pictures: against a reference, against the exposures (MEF-SSIM, highlights), and on colour.

Pictures are N×3×H×W, RGB in [0, 1]; every loss is of shape N.
"""

import math
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from lightfuse.metrics.mef_ssim import SCALE_WEIGHTS
from lightfuse.metrics.psnr_ssim import WINDOW, WINDOW_SIGMA
from lightfuse.models.context import luma_of
from lightfuse.training.perceptual_loss import perceptual_distance
from lightfuse.training.settings import TrainSettings

_TONE_CELL = 16
_STABILITY = 0.03**2
_STRIDE = 2
# With smaller floors, in float32, the rounding errors of variances in flat patches would count as structure.
_VARIANCE_FLOOR = 1e-6
_NORM_FLOOR = 1e-2
_LARGEST_EXPONENT = 10.0
_LARGEST_AGREEMENT = 0.999
_LOWEST_SCORE = 0.05  # its logarithm must exist
_NO_CHROMA = 1e-4  # added to squares, so that grey has a gradient
_GREY = 0.1  # chroma from which a hue counts in full
_WHITE_FROM = (0.955, 0.975)
_LEAST_CHROMA = 0.02  # below which an excess is not noticed
# Of the highlights that under alone holds: mean L* wanted in a scene, contrast relative to under's, limits of what is
# added to under's L*, and the mean L* of under where a thumbnail shows none of them.
_HIGHLIGHT_MEAN, _HIGHLIGHT_CONTRAST, _HIGHLIGHT_OFFSETS, _USUAL_LIGHTNESS = 71.0, 0.95, (4.0, 55.0), 40.0
_FULL_WEIGHT = 0.05  # fraction of a picture; smaller highlights count less
# Where the largest channel of over rises between these limits, colours fade from its own to the bracket's, whose chroma
# is taken in part, because references of SICE have 0.6 to 0.9 of it there.
_FADING, _COLOUR_PART, _COLOUR_FLOOR = (0.8, 0.95), 0.7, 0.005
_NEARLY_BLACK, _NEARLY_WHITE = 0.12, 0.9


def reference_losses(
    settings: TrainSettings, fused: Tensor, reference: Tensor, ssim_stride: int = 1
) -> dict[str, Tensor]:
    """Weighted losses of N×3×H×W pictures in [0, 1], each of shape N, those of weight 0 left out.

    ``ssim_stride`` is that of the SSIM's windows. Raises what `perceptual_distance` raises.
    """
    parts = {
        "l1": lambda: (fused - reference).abs().mean(dim=(1, 2, 3)),
        "mse": lambda: (fused - reference).square().mean(dim=(1, 2, 3)),
        "ssim": lambda: 1 - ssim(fused, reference, ssim_stride),
        "tone": lambda: tone_loss(fused, reference),
        "perceptual": lambda: perceptual_distance(fused, reference),
        "chroma": lambda: chroma_loss(fused, reference),
    }
    weights = {name: getattr(settings, name) for name in parts}
    return {name: weight * parts[name]() for name, weight in weights.items() if weight}


def tone_loss(fused: Tensor, reference: Tensor) -> Tensor:
    """Mean absolute difference of 16×16 means of N×3×H×W pictures, sides at least 16: N.

    It compares brightness and colour, not detail.
    """
    return (F.avg_pool2d(fused, _TONE_CELL) - F.avg_pool2d(reference, _TONE_CELL)).abs().mean(dim=(1, 2, 3))


def ssim(a: Tensor, b: Tensor, stride: int = 1) -> Tensor:
    """Mean SSIM of N×C×H×W pictures in [0, 1], sides at least 11 (Wang et al., TIP 2004, eq. 13; Gaussian σ 1.5): N.

    With a ``stride``, only the windows at multiples of it count.
    """
    mean_a, mean_b = window_means(a, stride), window_means(b, stride)
    var_a = window_means(a * a, stride) - mean_a**2
    var_b = window_means(b * b, stride) - mean_b**2
    covariance = window_means(a * b, stride) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (var_a + var_b + c2)
    return (luminance * structure).mean(dim=(1, 2, 3))


def mef_ssim_loss(under: Tensor, over: Tensor, fused: Tensor) -> Tensor:
    """1 − MEF-SSIM on luma at three scales, of N×3×H×W pictures in [0, 1] with sides of at least 44: N.

    How much structure of the two exposures the fused picture lost. Ma, Zeng, Wang, "Perceptual Quality Assessment for
    Multi-Exposure Image Fusion", IEEE TIP 24(11), 2015, as in `lightfuse.metrics`, but with Gaussian windows
    throughout, and every second window.
    """
    under, over, fused = luma_of(under), luma_of(over), luma_of(fused)
    log_score = fused.new_zeros(())
    for scale, weight in enumerate(SCALE_WEIGHTS):
        if scale > 0:
            under, over, fused = (F.avg_pool2d(plane, 2) for plane in (under, over, fused))
        quality = _quality(under, over, fused).mean(dim=(1, 2, 3)).clamp_min(_LOWEST_SCORE)
        log_score = log_score + weight / sum(SCALE_WEIGHTS) * quality.log()
    return 1 - log_score.exp()


def _quality(under: Tensor, over: Tensor, fused: Tensor) -> Tensor:
    """Contrast-and-structure similarity of each fused patch with the desired patch."""
    with torch.no_grad():
        exposures = torch.cat([under, over, under * under, over * over, under * over], dim=1)
        mean_u, mean_o, uu, oo, uo = window_means(exposures, _STRIDE).chunk(5, dim=1)
        factor_u, factor_o, contrast = _desired_patch(uu - mean_u**2, oo - mean_o**2, uo - mean_u * mean_o)
    with_fused = torch.cat([fused, fused * fused, under * fused, over * fused], dim=1)
    mean_f, ff, uf, of = window_means(with_fused, _STRIDE).chunk(4, dim=1)
    covariance = factor_u * (uf - mean_u * mean_f) + factor_o * (of - mean_o * mean_f)
    variance = (ff - mean_f**2).clamp_min(0)
    return (2 * covariance + _STABILITY) / (variance + contrast**2 + _STABILITY)


def _desired_patch(variance_u: Tensor, variance_o: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Factors of the mean-free patches whose sum is the desired patch (eqs. 5 to 9), and its contrast."""
    spread_u, spread_o = (v.clamp_min(_VARIANCE_FLOOR).sqrt() for v in (variance_u, variance_o))
    contrast = torch.maximum(spread_u, spread_o)
    sum_spread = (spread_u**2 + spread_o**2 + 2 * covariance).clamp_min(0).sqrt()
    agreement = (sum_spread / (spread_u + spread_o)).clamp(0, _LARGEST_AGREEMENT)
    exponent = torch.tan(math.pi / 2 * agreement).clamp(max=_LARGEST_EXPONENT)
    weight_u, weight_o = (spread_u / contrast) ** exponent, (spread_o / contrast) ** exponent
    correlation = covariance / (spread_u * spread_o)
    norm = (weight_u**2 + weight_o**2 + 2 * weight_u * weight_o * correlation).clamp_min(_NORM_FLOOR**2).sqrt()
    return contrast * weight_u / spread_u / norm, contrast * weight_o / spread_o / norm, contrast


def chroma(pictures: Tensor) -> Tensor:
    """Red and blue minus luma, of N×3×H×W: N×2×H×W."""
    y = luma_of(pictures)
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
    """How far the mean chroma of N×3×H×W pictures is above ``limit`` times that wanted, relative to that wanted: N."""
    mean_fused, mean_wanted = (_size(chroma(picture)).mean(dim=(1, 2)) for picture in (fused, wanted))
    return (mean_fused - limit * mean_wanted).clamp(min=0) / (mean_wanted + _LEAST_CHROMA)


def highlight_loss(fused: Tensor, mask: Tensor, wanted: Tensor) -> Tensor:
    """How far N×3×H×W pictures are from the lightness wanted in `highlights`: N.

    The mean absolute difference there, of L* / 100.
    """
    difference = (_lightness(luma_of(fused)) - wanted).abs() / 100
    return (mask * difference).sum(dim=(1, 2, 3)) / (mask.sum(dim=(1, 2, 3)) + _FULL_WEIGHT * mask[0].numel())


def with_highlights(reference: Tensor, mask: Tensor, wanted: Tensor) -> Tensor:
    """Return N×3×H×W references with the lightness wanted in `highlights`, their chroma changed in proportion.

    References fused from a whole bracket keep highlights nearly white, where a window should show its view.
    """
    grey = luma_of(reference)
    wanted_grey = ((wanted + 16) / 116).clamp(min=0) ** (3 / 2.2)  # The inverse of `_lightness`.
    toned = grey + mask * (wanted_grey - grey)
    lift = ((toned + _STABILITY) / (grey + _STABILITY)).clamp(max=2)
    return (toned + lift * (reference - grey)).clamp(0, 1)


def with_highlight_colours(picture: Tensor, luma: Tensor, over: Tensor, colours: Tensor) -> Tensor:
    """Return N×3×H×W pictures with the colours of the bracket, at another luma (N×1×H×W), where over is nearly clipped.

    Over fades to white or turns yellow there, and so does what is fused or judged by it. ``colours`` are those of
    `best_colours`.
    """
    fading = ((over.amax(dim=1, keepdim=True) - _FADING[0]) / (_FADING[1] - _FADING[0])).clamp(0, 1)
    grey = luma_of(colours)
    coloured = (luma + _COLOUR_PART * luma * (colours - grey) / (grey + _COLOUR_FLOOR)).clamp(0, 1)
    return picture + fading * (coloured - picture)


def highlights(under: Tensor, over: Tensor, thumbnail: Tensor) -> tuple[Tensor, Tensor]:
    """Where under alone holds the highlights of N×3×H×W pictures, in [0, 1], and their wanted L*: N×1×H×W each.

    They are where the least channel of over is at white and under's L* between 15 and 90. Wanted is nearly under's own
    contrast, around a mean lightness for the highlights of the scene, so that a window shows its view whatever under's
    exposure: 0.95 L* and an offset from the N×6×h×w thumbnails, at most 96.
    """
    mask, in_under = _held_by_under(under, over)
    scene_mask, scene_under = _held_by_under(*thumbnail.chunk(2, dim=1))
    total = scene_mask.sum(dim=(1, 2, 3), keepdim=True)
    mean = ((scene_mask * scene_under).sum(dim=(1, 2, 3), keepdim=True) + _USUAL_LIGHTNESS) / (total + 1)
    offset = (_HIGHLIGHT_MEAN - _HIGHLIGHT_CONTRAST * mean).clamp(*_HIGHLIGHT_OFFSETS)
    return mask, (_HIGHLIGHT_CONTRAST * in_under + offset).clamp(max=96)


def _held_by_under(under: Tensor, over: Tensor) -> tuple[Tensor, Tensor]:
    in_over, in_under = over.amin(dim=1, keepdim=True), _lightness(luma_of(under))
    mask = ((in_over - _WHITE_FROM[0]) / (_WHITE_FROM[1] - _WHITE_FROM[0])).clamp(0, 1)
    return mask * ((in_under - 12) / 5).clamp(0, 1) * ((92 - in_under) / 5).clamp(0, 1), in_under


def _lightness(grey: Tensor) -> Tensor:
    """L* of CIELAB, about, of luma in [0, 1]: the sRGB curve as a power of 2.2."""
    return 116 * (grey + 1e-3) ** (2.2 / 3) - 16


def better_exposed(under: Tensor, over: Tensor) -> Tensor:
    """At each pixel of N×3×H×W pictures the exposure whose luma is nearer the middle."""
    return torch.where((luma_of(under) - 0.5).abs() < (luma_of(over) - 0.5).abs(), under, over)


def _size(colours: Tensor) -> Tensor:
    return (colours.square().sum(dim=1) + _NO_CHROMA).sqrt()


def unknown(under: Tensor, over: Tensor) -> Tensor:
    """The fraction of pixels of N×3×H×W pictures where under is nearly black and over nearly white: N."""
    return ((luma_of(under) < _NEARLY_BLACK) & (luma_of(over) > _NEARLY_WHITE)).float().mean(dim=(1, 2, 3))


def window_means(x: Tensor, stride: int = 1) -> Tensor:
    """Means of N×C×H×W, H and W at least 11, over the 11×11 Gaussian window (σ 1.5) at every ``stride``-th place.

    Only windows wholly inside are taken: N×C×⌈(H−10)/stride⌉×⌈(W−10)/stride⌉. They are products with banded matrices,
    on a CPU faster than convolutions.
    """
    down, along = (_window_matrix(side, stride, x.dtype, x.device) for side in x.shape[-2:])
    return down @ x @ along.T


@lru_cache(maxsize=64)
def _window_matrix(side: int, stride: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    taps = torch.exp(-((torch.arange(WINDOW, dtype=torch.float64) - WINDOW // 2) ** 2) / (2 * WINDOW_SIGMA**2))
    taps = taps / taps.sum()
    starts = range(0, side - WINDOW + 1, stride)
    matrix = torch.zeros(len(starts), side, dtype=torch.float64)
    for row, start in enumerate(starts):
        matrix[row, start : start + WINDOW] = taps
    return matrix.to(dtype=dtype, device=device)
