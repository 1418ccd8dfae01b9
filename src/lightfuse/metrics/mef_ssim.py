"""MEF-SSIM: how well a fused picture keeps the structure of its exposures, with no reference picture.

Ma, Zeng, Wang, "Perceptual Quality Assessment for Multi-Exposure Image Fusion", IEEE TIP 24(11), 2015, with the
constants of its authors' program. Around each pixel the 11×11 patches of the exposures are split into mean, contrast
and structure; the desired patch has the highest contrast and a weighted mean of the structures; the score is
the contrast-and-structure part of SSIM between it and the fused patch, averaged over the picture and combined over
three scales.

Patches are never formed. A desired patch is a weighted sum of mean-free exposure patches, so its statistics follow
from the exposures' local covariances, which are a handful of box and Gaussian filters.
"""

import math
from collections.abc import Callable, Sequence
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import luma
from lightfuse.errors import PictureError
from lightfuse.metrics.pictures import Picture, as_units
from lightfuse.metrics.psnr_ssim import WINDOW, WINDOW_SIGMA, gaussian_mean

Plane = NDArray[np.float64]
Planes = NDArray[np.float64]  # K×H×W
Covariances = NDArray[np.float64]  # of each pair of K planes, at each window: K×K×H×W

SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001)
"""Exponents of the scales, finest first, before they are divided by their sum: the first three of MS-SSIM's."""

SMALLEST_SIDE = WINDOW * 2 ** (len(SCALE_WEIGHTS) - 1)
"""Sides of pictures it is defined for, in pixels: a patch must fit at the coarsest scale."""

_PATCH_PIXELS = WINDOW * WINDOW
_STABILITY = (0.03 * 255) ** 2  # SSIM's C2 for K2 = 0.03, on levels 0 to 255
_CONTRAST_FLOOR = 0.001  # in levels; keeps the structure of a flat patch defined
_LARGEST_EXPONENT = 10.0  # beyond it the weighting is as good as a maximum
_TINY = float(np.finfo(np.float64).eps)
_PATCH_ROWS_AT_ONCE = 64


def mef_ssim(result: Picture, exposures: Sequence[Picture]) -> float:
    """Return the MEF-SSIM of a fused picture against the exposures it was made from, in [0, 1], on luma.

    The result and the exposures (two or more, in any order) are RGB, H×W×3, uint8, uint16 or float in [0, 1], of one
    size and at least 44×44. A scale whose score is negative counts as 0. Raises PictureError for anything else.
    """
    if len(exposures) < 2:
        raise PictureError(f"MEF-SSIM needs two or more exposures, but got {len(exposures)}.")
    names = [*(f"exposure {number}" for number in range(1, len(exposures) + 1)), "result"]
    planes = np.stack([luma(picture).astype(np.float64) * 255 for picture in as_units(*exposures, result, names=names)])
    if min(planes[0].shape) < SMALLEST_SIDE:
        raise PictureError(f"MEF-SSIM needs pictures of at least {SMALLEST_SIDE}×{SMALLEST_SIDE} pixels.")
    product = 1.0
    for weight in SCALE_WEIGHTS:
        product *= max(_mean_quality(planes), 0.0) ** (weight / sum(SCALE_WEIGHTS))
        planes = _halved(planes)
    return product


def _halved(planes: Planes) -> Planes:
    """Average 2×2 blocks; an odd last row or column is repeated."""
    height, width = planes.shape[1:]
    even = np.pad(planes, ((0, 0), (0, height % 2), (0, width % 2)), mode="edge")
    return (even[:, ::2, ::2] + even[:, 1::2, ::2] + even[:, ::2, 1::2] + even[:, 1::2, 1::2]) / 4


def _mean_quality(planes: Planes) -> float:
    """The mean similarity at one scale of the last plane's patches and those desired of the others'."""
    patch_rows, total, patches = planes.shape[1] - WINDOW + 1, 0.0, 0
    for top in range(0, patch_rows, _PATCH_ROWS_AT_ONCE):  # In strips whose intermediates stay in the cache.
        quality = _quality(planes[:, top : min(top + _PATCH_ROWS_AT_ONCE, patch_rows) + WINDOW - 1])
        total += float(quality.sum())
        patches += quality.size
    return total / patches


def _quality(planes: Planes) -> Plane:
    """SSIM's contrast-and-structure term of the last plane's patches with the desired ones, Gaussian-weighted."""
    import cv2

    factors, highest_contrast = _desired_patch(_covariances(planes[:-1], _box_mean))
    covariances = _covariances(planes, gaussian_mean)
    # Holds for every real patch (Σg·r² ≤ max g·|r|²); on flat ones it keeps rounding errors, which the factors
    # magnify, from counting as structure. So does the Cauchy-Schwarz inequality below.
    peak = float(cv2.getGaussianKernel(WINDOW, WINDOW_SIGMA).max()) ** 2  # Weight of the centre of the window.
    desired = np.minimum(_variance_of_sum(factors, covariances[:-1, :-1]), peak * highest_contrast**2)
    variance = covariances[-1, -1]
    bound = np.sqrt(desired * variance)
    covariance = np.clip((factors * covariances[:-1, -1]).sum(axis=0), -bound, bound)
    quality: Plane = (2 * covariance + _STABILITY) / (desired + variance + _STABILITY)
    return quality


def _desired_patch(covariances: Covariances) -> tuple[Planes, Plane]:
    """Return what each mean-free exposure patch is multiplied by in the desired patch, and that patch's contrast.

    Structures are weighted by contrast to the power of tan(π/2·R), R being how far the patches' structures agree,
    |Σ x̃_k| / Σ |x̃_k|: where exposures agree, the strongest decides.
    """
    contrasts = np.sqrt(_PATCH_PIXELS * np.einsum("kkyx->kyx", covariances))
    norm_of_sum = np.sqrt(_PATCH_PIXELS * _variance_of_sum(np.ones_like(contrasts), covariances))
    agreement = np.clip((norm_of_sum + _TINY) / (contrasts.sum(axis=0) + _TINY), _TINY, 1 - _TINY)
    exponent = np.minimum(np.tan(math.pi / 2 * agreement), _LARGEST_EXPONENT)
    norms = contrasts + _CONTRAST_FLOOR
    weights = (norms / WINDOW) ** exponent + _TINY
    factors = weights / weights.sum(axis=0) / norms

    highest_contrast = norms.max(axis=0)
    own_norm = np.sqrt(_PATCH_PIXELS * _variance_of_sum(factors, covariances))
    rescale = np.divide(highest_contrast, own_norm, out=np.zeros_like(own_norm), where=own_norm > 0)
    return factors * rescale, highest_contrast


def _covariances(planes: Planes, window_mean: Callable[[Plane], Plane]) -> Covariances:
    """Local covariances of planes, at every window wholly inside; variances are never negative."""
    means = [window_mean(plane) for plane in planes]
    covariances = np.empty((len(means), len(means), *means[0].shape))
    for k, m in combinations_with_replacement(range(len(means)), 2):
        covariance = window_mean(planes[k] * planes[m]) - means[k] * means[m]
        covariances[k, m] = covariances[m, k] = np.maximum(covariance, 0) if m == k else covariance
    return covariances


def _variance_of_sum(factors: Planes, covariances: Covariances) -> Plane:
    variance: Plane = np.einsum("kyx,kmyx,myx->yx", factors, covariances, factors)
    return np.maximum(variance, 0)


def _box_mean(plane: Plane) -> Plane:
    import cv2

    margin = WINDOW // 2
    means: Plane = cv2.boxFilter(plane, -1, (WINDOW, WINDOW))
    return means[margin:-margin, margin:-margin]
