"""Pictures of two exposures that look alike: one brought to the tones of the other, only where both can see.

Two exposures of one scene differ, channel by channel, by a rising curve of tones. It takes equal shares of pixels to
equal shares, however the frames are moved: histogram matching (Ward 2003's median threshold bitmaps keep one point of
that curve). Where the brighter frame is clipped, the darker one is cut at the same light, so that an edge stands where
it stood in both.
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


@dataclass(frozen=True)
class Tones:
    """Two tables, one per frame, from its codes to common tones in [0, 65535]."""

    first: NDArray[np.uint16]
    second: NDArray[np.uint16]


def codes_of(channel: Array) -> Codes:
    """A channel (H×W) as whole numbers: uint8 and uint16 as they are, float32 in [0, 1] as uint16."""
    import cv2

    channel = np.ascontiguousarray(channel)
    if channel.dtype == np.float32 and channel.size:
        return np.asarray(cv2.multiply(channel, 65535.0, dtype=cv2.CV_16U))  # rounded, and cut to the range
    return channel


def match_tones(first: Codes, second: Codes, windows: tuple[Window, Window] | None = None) -> Tones:
    """Tables that make two frames' codes alike, from their histograms inside ``windows`` that show the same scene.

    The common tones are the darker frame's: its noise is the larger, and this way it is not magnified.
    """
    seen = (first, second) if windows is None else (first[windows[0]], second[windows[1]])
    shares = [_shares(codes) for codes in seen]
    first_is_darker = float(shares[0].mean()) >= float(shares[1].mean())
    dark, bright = shares if first_is_darker else reversed(shares)
    to_dark = _curve(bright, dark)
    top = float(np.interp(_CLIPPED, _EDGES, to_dark)) or 1.0
    levels = 1 << (8 * first.dtype.itemsize)
    codes = (np.arange(levels) + 0.5) / levels
    dark_table, bright_table = _table(codes, top), _table(np.interp(codes, _EDGES, to_dark), top)
    return Tones(dark_table, bright_table) if first_is_darker else Tones(bright_table, dark_table)


def tone_curve(first: Codes, second: Codes) -> Array:
    """The tones in ``second`` of the first's codes (both of one dtype, showing the same scene): float32 in [0, 1]."""
    levels = 1 << (8 * first.dtype.itemsize)
    curve = _curve(_shares(first), _shares(second))
    # A code stands for the middle of its width, but black and white are 0 and 1.
    tones = np.interp((np.arange(levels) + 0.5) / levels, _EDGES, curve) * levels - 0.5
    return np.clip(tones / (levels - 1), 0, 1).astype(np.float32)


def _curve(shares: Array, others: Array) -> Array:
    """For each edge of the bins of one picture, the tone below which another has as large a share of its pixels."""
    # A hair of slope makes the shares rise strictly, so that the inverse is unique.
    return np.interp(shares, others + _EDGES * 1e-9, _EDGES)


def _table(tones: Array, top: float) -> NDArray[np.uint16]:
    return np.round(np.minimum(tones / top, 1) * 65535).astype(np.uint16)


def _shares(codes: Codes) -> Array:
    """Share of pixels below each edge of the bins of [0, 1]: a code counts as spread evenly over its own width."""
    step = max(1, round((codes.size / _MOST_COUNTED) ** 0.5))
    levels = 1 << (8 * codes.dtype.itemsize)
    counts = np.bincount(codes[::step, ::step].ravel(), minlength=levels)
    below = np.concatenate([[0], np.cumsum(counts)]) / max(1, counts.sum())
    return np.asarray(np.interp(np.linspace(0, levels, _BINS + 1), np.arange(levels + 1), below))
