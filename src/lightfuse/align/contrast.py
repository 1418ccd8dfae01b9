"""Pyramids of local contrast: what is left of a picture when light, shade and the strength of edges are set aside."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_SMOOTH = 1.0
_SURROUND = 8.0
_SMALLEST_LEVEL = 160
FLOOR = 0.004
"""Local contrast below this much of [0, 1] is nothing to see."""
NOISE_TIMES = 3.0
"""Nor is what lies below so many standard deviations of noise."""


def reduce_to(codes: Array, table: NDArray[np.uint16], size: tuple[int, int]) -> Array:
    """Codes through a table, then area-averaged to (width, height): float32 in [0, 1].

    The table comes first: it holds pixel by pixel, not for averages of pixels across an edge.
    """
    import cv2

    tones = cv2.LUT(codes, table) if codes.dtype == np.uint8 else np.take(table, codes)
    if (codes.shape[1], codes.shape[0]) != size:
        tones = cv2.resize(tones, size, interpolation=cv2.INTER_AREA)
    return np.asarray(tones * np.float32(1 / 65535), np.float32)


def contrast_pyramid(tones: Array) -> list[Array]:
    """Local contrast of a picture, then of its halves, quarters… until the long side is about 200 pixels."""
    import cv2

    levels = []
    while True:
        levels.append(local_contrast(tones))
        if max(tones.shape) < 2 * _SMALLEST_LEVEL or min(tones.shape) < 32:
            return levels
        size = ((tones.shape[1] + 1) // 2, (tones.shape[0] + 1) // 2)
        tones = cv2.resize(tones, size, interpolation=cv2.INTER_AREA)


def local_contrast(tones: Array) -> Array:
    """A picture less its surround, over its strength there; smoothed a little, and near 0 where only noise is left."""
    import cv2

    smooth = cv2.GaussianBlur(tones, (0, 0), _SMOOTH)
    detail = smooth - cv2.GaussianBlur(tones, (0, 0), _SURROUND)
    # The median is the noise of plain areas where most of the picture is plain, else a fair part of its texture.
    noise = fine_noise(tones, _SMOOTH)
    strength = cv2.GaussianBlur(detail * detail, (0, 0), _SURROUND)
    floor = np.float32(FLOOR**2 + (NOISE_TIMES * noise) ** 2)
    return np.asarray(detail / np.sqrt(strength + floor), np.float32)


def fine_noise(tones: Array, smoothed: float, step: int | None = None) -> float:
    """Standard deviation of the noise that a Gaussian of ``smoothed`` pixels leaves, from one pixel in every ``step``
    across and down (Immerkær 1996's mask, median instead of mean)."""
    import cv2

    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    step = step or max(1, tones.shape[0] // 400)
    response = np.abs(cv2.filter2D(tones, -1, mask)[::step, ::step])
    left_by_smoothing = 1 / (2 * np.sqrt(np.pi) * smoothed)
    return float(np.median(response)) / 0.6745 / 6 * float(left_by_smoothing)
