"""Making two exposures comparable: histogram matching of their tones, and pyramids of local contrast.

Two exposures of one scene differ, channel by channel, by a monotonic tone curve. It maps equal shares of pixels to
equal shares, however the frames are moved: histogram matching (Ward 2003's median threshold bitmaps use one point of
that curve). Where the brighter frame is clipped, the darker one is clipped at the same radiance, so that an edge lies
at the same place in both.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Codes = NDArray[np.uint8] | NDArray[np.uint16]
Window = tuple[slice, slice]

_BINS = 1024
_EDGES = np.linspace(0, 1, _BINS + 1)
_CLIPPED = 0.98  # JPEG and noise reach this far below white
_MOST_COUNTED = 1_000_000

_SMOOTH = 1.0
_SURROUND = 8.0
_SMALLEST_LEVEL = 160
CONTRAST_FLOOR = 0.004
"""Local contrast below this much of [0, 1] is not visible."""
NOISE_SIGMAS = 3.0
"""Nor is contrast below so many standard deviations of noise."""


@dataclass(frozen=True)
class Tones:
    """Two lookup tables, one per frame, from its codes to common tones in [0, 65535]."""

    first: NDArray[np.uint16]
    second: NDArray[np.uint16]


def codes_of(channel: Array) -> Codes:
    """A channel (H×W) as integer codes: uint8 and uint16 as they are, float32 in [0, 1] as uint16."""
    import cv2

    channel = np.ascontiguousarray(channel)
    if channel.dtype == np.float32 and channel.size:
        return np.asarray(cv2.multiply(channel, 65535.0, dtype=cv2.CV_16U))  # rounded and saturated
    return channel


def match_tones(first: Codes, second: Codes, windows: tuple[Window, Window] | None = None) -> Tones:
    """Tables that make two frames' codes alike, from the histograms inside ``windows``, which show the same scene.

    The common tones are the darker frame's: its noise is the larger, and this way it is not amplified.
    """
    parts = (first, second) if windows is None else (first[windows[0]], second[windows[1]])
    cumulative = [_cumulative_histogram(codes) for codes in parts]
    first_is_darker = float(cumulative[0].mean()) >= float(cumulative[1].mean())
    dark, bright = cumulative if first_is_darker else reversed(cumulative)
    to_dark = _curve(bright, dark)
    top = float(np.interp(_CLIPPED, _EDGES, to_dark)) or 1.0
    levels = 1 << (8 * first.dtype.itemsize)
    codes = (np.arange(levels) + 0.5) / levels
    dark_table, bright_table = _table(codes, top), _table(np.interp(codes, _EDGES, to_dark), top)
    return Tones(dark_table, bright_table) if first_is_darker else Tones(bright_table, dark_table)


def tone_curve(first: Codes, second: Codes) -> Array:
    """The table from the first frame's codes to tones of the second (one dtype, same scene): float32 in [0, 1]."""
    levels = 1 << (8 * first.dtype.itemsize)
    curve = _curve(_cumulative_histogram(first), _cumulative_histogram(second))
    # A code stands for the middle of its width, but black and white are 0 and 1.
    tones = np.interp((np.arange(levels) + 0.5) / levels, _EDGES, curve) * levels - 0.5
    return np.clip(tones / (levels - 1), 0, 1).astype(np.float32)


def _curve(cumulative: Array, target: Array) -> Array:
    """For each edge of the bins, the tone of equal cumulative share in the target histogram."""
    # A tiny slope makes the cumulative shares strictly increasing, so that the inverse is unique.
    return np.interp(cumulative, target + _EDGES * 1e-9, _EDGES)


def _table(tones: Array, top: float) -> NDArray[np.uint16]:
    return np.round(np.minimum(tones / top, 1) * 65535).astype(np.uint16)


def _cumulative_histogram(codes: Codes) -> Array:
    """Share of pixels below each edge of the bins of [0, 1]; a code counts as spread evenly over its own width."""
    step = max(1, round((codes.size / _MOST_COUNTED) ** 0.5))
    levels = 1 << (8 * codes.dtype.itemsize)
    counts = np.bincount(codes[::step, ::step].ravel(), minlength=levels)
    below = np.concatenate([[0], np.cumsum(counts)]) / max(1, counts.sum())
    return np.asarray(np.interp(np.linspace(0, levels, _BINS + 1), np.arange(levels + 1), below))


def map_and_reduce(codes: Codes, table: NDArray[np.uint16], size: tuple[int, int]) -> Array:
    """Codes mapped by a table, then area-averaged to (width, height): float32 in [0, 1].

    The table comes first: it is exact for single pixels, not for averages of pixels across an edge.
    """
    import cv2

    tones = cv2.LUT(codes, table) if codes.dtype == np.uint8 else np.take(table, codes)
    if (codes.shape[1], codes.shape[0]) != size:
        tones = cv2.resize(tones, size, interpolation=cv2.INTER_AREA)
    return np.asarray(tones * np.float32(1 / 65535), np.float32)


def contrast_pyramid(tones: Array) -> list[Array]:
    """Local contrast of an image, then of its halves, quarters … until the long side is about 200 pixels."""
    import cv2

    levels = []
    while True:
        levels.append(local_contrast(tones))
        if max(tones.shape) < 2 * _SMALLEST_LEVEL or min(tones.shape) < 32:
            return levels
        size = ((tones.shape[1] + 1) // 2, (tones.shape[0] + 1) // 2)
        tones = cv2.resize(tones, size, interpolation=cv2.INTER_AREA)


def local_contrast(tones: Array) -> Array:
    """An image less its local mean, divided by its local deviation; slightly smoothed, and near 0 where noise prevails.

    This removes illumination and the strength of edges, which differ between exposures.
    """
    import cv2

    smooth = cv2.GaussianBlur(tones, (0, 0), _SMOOTH)
    detail = smooth - cv2.GaussianBlur(tones, (0, 0), _SURROUND)
    # The median is the noise of flat areas where most of the image is flat, else a fair part of its texture.
    noise = fine_noise(tones, _SMOOTH)
    variance = cv2.GaussianBlur(detail * detail, (0, 0), _SURROUND)
    floor = np.float32(CONTRAST_FLOOR**2 + (NOISE_SIGMAS * noise) ** 2)
    return np.asarray(detail / np.sqrt(variance + floor), np.float32)


def fine_noise(tones: Array, smoothed: float, step: int | None = None) -> float:
    """Standard deviation of the noise that remains after a Gaussian blur of ``smoothed`` pixels, from one pixel in
    every ``step`` across and down (Immerkær 1996's mask, with the median instead of the mean)."""
    import cv2

    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    step = step or max(1, tones.shape[0] // 400)
    response = np.abs(cv2.filter2D(tones, -1, mask)[::step, ::step])
    left_by_smoothing = 1 / (2 * np.sqrt(np.pi) * smoothed)
    return float(np.median(response)) / 0.6745 / 6 * float(left_by_smoothing)
