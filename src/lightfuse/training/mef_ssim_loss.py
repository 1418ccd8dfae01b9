"""MEF-SSIM as a loss: how much structure of the two exposures a fused picture lost, without any reference.

Ma, Zeng, Wang, "Perceptual Quality Assessment for Multi-Exposure Image Fusion", IEEE TIP 24(11), 2015, as the measure
in `lightfuse.metrics`, but Gaussian windows throughout, two exposures, and every second window.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from lightfuse.training.colour_loss import luma
from lightfuse.training.gaussian_window import SIZE, window_means

_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001)
SMALLEST_SIDE = SIZE * 2 ** (len(_SCALE_WEIGHTS) - 1)
_STABILITY = 0.03**2
_STRIDE = 2
# In float32, smaller floors let flat patches blow up: rounding errors of their variances pass for structure.
_VARIANCE_FLOOR = 1e-6
_NORM_FLOOR = 1e-2
_LARGEST_EXPONENT = 10.0
_LARGEST_AGREEMENT = 0.999
_LOWEST_SCORE = 0.05  # its logarithm must exist


def mef_ssim_loss(under: Tensor, over: Tensor, fused: Tensor) -> Tensor:
    """1 − MEF-SSIM on luma at three scales, of N×3×H×W pictures in [0, 1] with sides of at least 44: N."""
    under, over, fused = luma(under), luma(over), luma(fused)
    log_score = fused.new_zeros(())
    for scale, weight in enumerate(_SCALE_WEIGHTS):
        if scale > 0:
            under, over, fused = (F.avg_pool2d(plane, 2) for plane in (under, over, fused))
        quality = _quality(under, over, fused).mean(dim=(1, 2, 3)).clamp_min(_LOWEST_SCORE)
        log_score = log_score + weight / sum(_SCALE_WEIGHTS) * quality.log()
    return 1 - log_score.exp()


def _quality(under: Tensor, over: Tensor, fused: Tensor) -> Tensor:
    """Contrast-and-structure similarity of each fused patch with the patch one would wish for."""
    with torch.no_grad():
        exposures = torch.cat([under, over, under * under, over * over, under * over], dim=1)
        mean_u, mean_o, uu, oo, uo = window_means(exposures, _STRIDE).chunk(5, dim=1)
        factor_u, factor_o, contrast = _wished_for_patch(uu - mean_u**2, oo - mean_o**2, uo - mean_u * mean_o)
    with_fused = torch.cat([fused, fused * fused, under * fused, over * fused], dim=1)
    mean_f, ff, uf, of = window_means(with_fused, _STRIDE).chunk(4, dim=1)
    covariance = factor_u * (uf - mean_u * mean_f) + factor_o * (of - mean_o * mean_f)
    variance = (ff - mean_f**2).clamp_min(0)
    return (2 * covariance + _STABILITY) / (variance + contrast**2 + _STABILITY)


def _wished_for_patch(variance_u: Tensor, variance_o: Tensor, covariance: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """What each mean-free patch is multiplied by in the wished-for one (eqs. 5 to 9), and that one's contrast."""
    spread_u, spread_o = (v.clamp_min(_VARIANCE_FLOOR).sqrt() for v in (variance_u, variance_o))
    contrast = torch.maximum(spread_u, spread_o)
    sum_spread = (spread_u**2 + spread_o**2 + 2 * covariance).clamp_min(0).sqrt()
    agreement = (sum_spread / (spread_u + spread_o)).clamp(0, _LARGEST_AGREEMENT)
    exponent = torch.tan(math.pi / 2 * agreement).clamp(max=_LARGEST_EXPONENT)
    weight_u, weight_o = (spread_u / contrast) ** exponent, (spread_o / contrast) ** exponent
    correlation = covariance / (spread_u * spread_o)
    norm = (weight_u**2 + weight_o**2 + 2 * weight_u * weight_o * correlation).clamp_min(_NORM_FLOOR**2).sqrt()
    return contrast * weight_u / spread_u / norm, contrast * weight_o / spread_o / norm, contrast
