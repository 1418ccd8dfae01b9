"""Differences between a fused picture and its reference, as torch numbers: one for each picture of a batch."""

import torch.nn.functional as F
from torch import Tensor

from lightfuse.training.gaussian_window import window_means
from lightfuse.training.perceptual_loss import PerceptualDistance
from lightfuse.training.settings import TrainSettings

_TONE_CELL = 16


class ReferenceLosses:
    """Weighted L1, MSE, 1 − SSIM, tone and perceptual distance, those of weight 0 left out.

    Raises:
        MissingExtraError, DataError: the perceptual distance is wanted and its backbone is not to be had.
    """

    def __init__(self, settings: TrainSettings) -> None:
        self._settings = settings
        self._perceptual = PerceptualDistance(settings.backbone) if settings.perceptual else None

    def __call__(self, fused: Tensor, reference: Tensor, stride: int = 1) -> dict[str, Tensor]:
        """Losses of N×3×H×W pictures in [0, 1], each of shape N; ``stride`` is that of the SSIM's windows."""
        settings, losses = self._settings, {}
        if settings.l1:
            losses["l1"] = settings.l1 * (fused - reference).abs().mean(dim=(1, 2, 3))
        if settings.mse:
            losses["mse"] = settings.mse * (fused - reference).square().mean(dim=(1, 2, 3))
        if settings.ssim:
            losses["ssim"] = settings.ssim * (1 - ssim(fused, reference, stride))
        if settings.tone:
            losses["tone"] = settings.tone * tone_loss(fused, reference)
        if self._perceptual is not None:
            losses["perceptual"] = settings.perceptual * self._perceptual(fused, reference)
        return losses


def tone_loss(fused: Tensor, reference: Tensor) -> Tensor:
    """Mean absolute difference of 16×16 means of N×3×H×W pictures, sides at least 16: N.

    It asks for the reference's brightness and colour and leaves detail finer than that to other losses.
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
