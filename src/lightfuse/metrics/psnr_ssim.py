"""Similarity to a reference picture: PSNR and SSIM on RGB, and PSNR after the best gain and gamma."""

import math

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError
from lightfuse.metrics.pictures import Picture, as_units, to_eight_bits

WINDOW = 11  # side of the Gaussian window, in pixels
WINDOW_SIGMA = 1.5  # standard deviation of the Gaussian window, in pixels
_C1 = 0.01**2
_C2 = 0.03**2


def psnr(result: Picture, reference: Picture) -> float:
    """Return the peak signal-to-noise ratio in dB, −10·log10(mean squared error) over all pixels and channels.

    Both are RGB, H×W×3, uint8, uint16 or float in [0, 1], and of one size; infinite where they are equal.
    Raises PictureError for anything else.
    """
    first, second = as_units(result, reference)
    error = float(np.mean(np.square(first - second), dtype=np.float64))
    return -10 * math.log10(error) if error > 0 else math.inf


def psnr_after_gain_and_gamma(result: Picture, reference: Picture) -> float:
    """Return the PSNR in dB of gain · result^gamma, for the gain and gamma (1/4 to 4) that make it largest.

    It is the PSNR of detail and colour where brightness is a matter of taste. One gain and one gamma are fitted to the
    whole picture, rounded to 8 bits; values above 1 are not clipped. Pictures and errors as in `psnr`.
    """
    first, second = as_units(result, reference)
    levels, wanted = to_eight_bits(first).ravel(), second.ravel().astype(np.float64)
    count = np.bincount(levels, minlength=256)
    total = np.bincount(levels, weights=wanted, minlength=256)
    curves = (np.arange(256) / 255) ** np.geomspace(1 / 4, 4, 801)[:, None]
    agreement, energy = curves @ total, np.square(curves) @ count
    explained = np.divide(np.square(agreement), energy, out=np.zeros_like(energy), where=energy > 0)
    error = (float(np.square(wanted).sum()) - float(explained.max())) / wanted.size
    return -10 * math.log10(error) if error > 1e-12 else math.inf


def ssim(result: Picture, reference: Picture) -> float:
    """Return the structural similarity in [-1, 1], mean over the three channels.

    Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity",
    TIP 2004, eq. 13: 11×11 Gaussian window of σ 1.5, K1 = 0.01, K2 = 0.03, L = 1, population variances, averaged
    over the windows that lie wholly inside the picture.

    Both are RGB, H×W×3, uint8, uint16 or float in [0, 1], of one size and at least 11×11.
    Raises PictureError for anything else.
    """
    first, second = as_units(result, reference)
    if min(first.shape[:2]) < WINDOW:
        raise PictureError(f"SSIM needs pictures of at least {WINDOW}×{WINDOW} pixels.")
    scores = []
    for channel in range(3):
        x, y = (picture[..., channel].astype(np.float64) for picture in (first, second))
        mean_x, mean_y = gaussian_mean(x), gaussian_mean(y)
        variances = gaussian_mean(x * x + y * y) - mean_x**2 - mean_y**2
        covariance = gaussian_mean(x * y) - mean_x * mean_y
        brightness = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
        contrast_and_structure = (2 * covariance + _C2) / (variances + _C2)
        scores.append(float(np.mean(brightness * contrast_and_structure)))
    return float(np.mean(scores))


def gaussian_mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Gaussian mean of every window inside an H×W plane: (H−10)×(W−10)."""
    import cv2

    blurred: NDArray[np.float64] = cv2.GaussianBlur(plane, (WINDOW, WINDOW), WINDOW_SIGMA)
    margin = WINDOW // 2
    return blurred[margin:-margin, margin:-margin]
