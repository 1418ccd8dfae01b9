"""What training minimises: differences between a fused picture and its reference, as torch scalars."""

import torch
import torch.nn.functional as F
from torch import Tensor

from lightfuse.training.settings import TrainSettings


def reference_loss(fused: Tensor, reference: Tensor, settings: TrainSettings) -> Tensor:
    """The weighted sum of L1, MSE and 1 − SSIM over N×3×H×W pictures in [0, 1]."""
    loss = fused.new_zeros(())
    if settings.l1:
        loss = loss + settings.l1 * (fused - reference).abs().mean()
    if settings.mse:
        loss = loss + settings.mse * F.mse_loss(fused, reference)
    if settings.ssim:
        loss = loss + settings.ssim * (1 - ssim(fused, reference))
    return loss


def ssim(a: Tensor, b: Tensor) -> Tensor:
    """Mean SSIM of N×C×H×W pictures in [0, 1], sides at least 11 (Wang et al., TIP 2004, eq. 13; Gaussian σ 1.5)."""
    mean_a, mean_b = _blur(a), _blur(b)
    var_a = _blur(a * a) - mean_a**2
    var_b = _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    structure = (2 * covariance + c2) / (var_a + var_b + c2)
    return (luminance * structure).mean()


def _blur(x: Tensor) -> Tensor:
    """Separable 11-tap Gaussian, σ 1.5, each channel by itself, without padding."""
    channels = x.shape[1]
    taps = torch.exp(-((torch.arange(11, dtype=x.dtype, device=x.device) - 5) ** 2) / (2 * 1.5**2))
    taps = (taps / taps.sum()).repeat(channels, 1, 1, 1)
    x = F.conv2d(x, taps, groups=channels)
    return F.conv2d(x, taps.transpose(2, 3), groups=channels)
