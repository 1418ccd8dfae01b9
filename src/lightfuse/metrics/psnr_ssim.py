"""How near a result comes to a reference picture: PSNR and SSIM on RGB."""

import math

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError
from lightfuse.metrics.pictures import Picture, as_unit_pair

WINDOW = 11
"""Side of the Gaussian window, in pixels."""

WINDOW_SIGMA = 1.5
"""Standard deviation of the Gaussian window, in pixels."""

_C1 = 0.01**2
_C2 = 0.03**2


def psnr(result: Picture, reference: Picture) -> float:
    """Return the peak signal-to-noise ratio in dB, −10·log10(mean squared error) over all pixels and channels.

    Both are RGB, H×W×3, uint8, uint16 or float in [0, 1], and of one size; infinite where they are equal.
    Raises PictureError for anything else.
    """
    first, second = as_unit_pair(result, reference)
    error = float(np.mean(np.square(first - second), dtype=np.float64))
    return -10 * math.log10(error) if error > 0 else math.inf


def ssim(result: Picture, reference: Picture) -> float:
    """Return the structural similarity in [-1, 1], mean over the three channels.

    Wang, Bovik, Sheikh, Simoncelli, "Image Quality Assessment: From Error Visibility to Structural Similarity",
    TIP 2004, eq. 13: 11×11 Gaussian window of σ 1.5, K1 = 0.01, K2 = 0.03, L = 1, population variances, averaged
    over the windows that lie wholly inside the picture.

    Both are RGB, H×W×3, uint8, uint16 or float in [0, 1], of one size and at least 11×11.
    Raises PictureError for anything else.
    """
    first, second = as_unit_pair(result, reference)
    if min(first.shape[:2]) < WINDOW:
        raise PictureError(f"SSIM needs pictures of at least {WINDOW}×{WINDOW} pixels.")
    channels = [_ssim_of_plane(first[..., c].astype(np.float64), second[..., c].astype(np.float64)) for c in range(3)]
    return float(np.mean(channels))


def _ssim_of_plane(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    mean_x, mean_y = _window_mean(x), _window_mean(y)
    variances = _window_mean(x * x + y * y) - mean_x**2 - mean_y**2
    covariance = _window_mean(x * y) - mean_x * mean_y
    brightness = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    contrast_and_structure = (2 * covariance + _C2) / (variances + _C2)
    return float(np.mean(brightness * contrast_and_structure))


def _window_mean(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Gaussian mean of every window inside the plane: (H−10)×(W−10)."""
    import cv2

    blurred: NDArray[np.float64] = cv2.GaussianBlur(plane, (WINDOW, WINDOW), WINDOW_SIGMA)
    margin = WINDOW // 2
    return blurred[margin:-margin, margin:-margin]
