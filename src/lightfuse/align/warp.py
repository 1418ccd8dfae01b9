"""Warping a frame onto the base, and its border: what it does not show is taken from the base, in the frame's tones."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse import core
from lightfuse.colorspace import full_scale

Array = NDArray[Any]
Matrix = NDArray[np.floating[Any]]
Codes = NDArray[np.uint8] | NDArray[np.uint16]
Window = tuple[slice, slice]

_FEATHER = 0.005  # of the long side
_CORRECTED = 4.0  # feathers beyond the edge up to which the frame's own tones correct the curve
_WHITE = (0.9, 0.98)  # the base predicts the frame less and less from here to there
_BLACK = (0.01, 0.04)
_BINS = 1024
_EDGES = np.linspace(0, 1, _BINS + 1)
_MOST_COUNTED = 1_000_000


def warped(frame: Array, warp: Matrix, window: Window, threads: int = 1) -> Array:
    """The part ``window`` (rows, columns) of the base's image plane as ``frame`` shows it: same dtype, H×W×3.

    Cubic interpolation, mirrored at the frame's edges. Its overshoot never leaves the range of the dtype, which is
    [0, 1] for float32. The rows of ``frame`` are interleaved RGB without gaps.
    """
    rows, columns = window
    corner = np.array([[1, 0, columns.start], [0, 1, rows.start], [0, 0, 1.0]])
    shown = np.empty((rows.stop - rows.start, columns.stop - columns.start, 3), frame.dtype)
    core.warp(frame, (warp @ corner).ravel().tolist(), shown, threads)
    return shown


def fill_border(shown: Array, base: Array, warp: Matrix) -> None:
    """Fill, in place, what a warped frame does not show from the base, with a soft seam along the frame's edge.

    The base's pixels go through curves from its tones to the frame's, one per channel, corrected near the edge by what
    the frame shows there. Where the base is clipped it cannot predict the frame: there the mirrored frame stays, as far
    as the base does not contradict it.
    """
    height, width = base.shape[:2]
    inner = largest_rectangle([warp], width, height)
    feather = max(2.0, _FEATHER * max(width, height))
    margin = int(feather) + 1
    rows, columns = (slice(side.start + margin, max(side.start + margin, side.stop - margin)) for side in inner)
    brighter = float(shown[inner][::4, ::4].mean()) > float(base[inner][::4, ::4].mean())
    few = max(1, round((base[inner].size / 3 / _MOST_COUNTED) ** 0.5))
    samples, seen = base[inner][::few, ::few], shown[inner][::few, ::few]
    curves = [_unclipped_curve(samples[..., c], seen[..., c], brighter) for c in range(3)]
    top = np.float32(full_scale(base.dtype))
    for strip in _strips_around((rows, columns), width, height):
        inside = _pixels_inside(strip, warp, width, height) / np.float32(feather)
        if inside.min(initial=1) >= 1:
            continue
        mirrored = shown[strip].astype(np.float32) / top
        filled = np.stack([np.take(curves[c], codes_of(base[strip][..., c])) for c in range(3)], axis=-1)
        # A clipped base still bounds the frame's tone on one side by its own.
        bounded = np.minimum(filled, mirrored) if brighter else np.maximum(filled, mirrored)
        filled += _clipped(base[strip].max(axis=-1).astype(np.float32) / top, brighter)[..., None] * (bounded - filled)
        # One curve for the whole picture is slightly wrong in places: near the edge, the frame corrects it.
        near = _smooth_step(1 + inside / _CORRECTED)[..., None]
        filled += near * _smooth(mirrored - filled, feather)
        own = _smooth_step(inside)[..., None]
        mixed = np.clip(filled + own * (mirrored - filled), 0, 1) * top
        shown[strip] = mixed if base.dtype == np.float32 else np.round(mixed)


def _unclipped_curve(base: Array, shown: Array, frame_is_brighter: bool) -> Array:
    """A table from the codes of the base's channel to the frame's tones; clipped codes count as just not clipped."""
    curve = tone_curve(codes_of(base), codes_of(shown))
    if frame_is_brighter:
        black = int(_BLACK[0] * curve.size)
        curve[:black] = curve[black]
    else:
        white = int(_WHITE[1] * curve.size)
        curve[white:] = curve[white]
    return curve


def largest_rectangle(warps: list[Matrix], width: int, height: int) -> Window:
    """Rows and columns of the base that every warped frame shows entirely.

    Hand shake is so small that the rectangle inside a frame's corners is the largest within a pixel or two.
    """
    left, top, right, bottom = 0.0, 0.0, width - 1.0, height - 1.0
    for warp in warps:
        # The centres of the corner pixels, clockwise from the upper left.
        corners = np.array([[0, 0, 1], [width - 1, 0, 1], [width - 1, height - 1, 1], [0, height - 1, 1.0]])
        mapped = corners @ np.linalg.inv(warp).T
        x, y = mapped[:, 0] / mapped[:, 2], mapped[:, 1] / mapped[:, 2]
        left, right = max(left, x[0], x[3]), min(right, x[1], x[2])
        top, bottom = max(top, y[0], y[1]), min(bottom, y[2], y[3])
    return slice(int(np.ceil(top)), int(bottom) + 1), slice(int(np.ceil(left)), int(right) + 1)


def _strips_around(inner: Window, width: int, height: int) -> Iterator[Window]:
    """The four strips of the picture around a window: above and below in full width, then left and right of it."""
    rows, columns = inner
    yield slice(0, rows.start), slice(0, width)
    yield slice(rows.stop, height), slice(0, width)
    yield rows, slice(0, columns.start)
    yield rows, slice(columns.stop, width)


def _pixels_inside(strip: Window, warp: Matrix, width: int, height: int) -> Array:
    """How many of the frame's pixels each pixel of a strip of the base lies inside the frame (negative outside it)."""
    rows, columns = strip
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None]
    h = warp.astype(np.float32)
    divisor = h[2, 0] * x + h[2, 1] * y + h[2, 2]
    at_x, at_y = (h[0, 0] * x + h[0, 1] * y + h[0, 2]) / divisor, (h[1, 0] * x + h[1, 1] * y + h[1, 2]) / divisor
    return np.asarray(np.minimum(np.minimum(at_x, width - 1 - at_x), np.minimum(at_y, height - 1 - at_y)))


def _smooth(picture: Array, radius: float) -> Array:
    """A picture (float32 H×W×3) without detail finer than about ``radius`` pixels."""
    import cv2

    height, width = picture.shape[:2]
    if not picture.size:
        return picture
    coarse = max(1, round(width * 2 / radius)), max(1, round(height * 2 / radius))
    small = cv2.resize(picture, coarse, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 2.0, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _clipped(brightest: Array, frame_is_brighter: bool) -> Array:
    """How far the base's brightest channel is clipped where the frame is not: 0 (not at all) to 1."""
    if frame_is_brighter:
        return 1 - _smooth_step((brightest - _BLACK[0]) / np.float32(_BLACK[1] - _BLACK[0]))
    return _smooth_step((brightest - _WHITE[0]) / np.float32(_WHITE[1] - _WHITE[0]))


def _smooth_step(t: Array) -> Array:
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)


def codes_of(channel: Array) -> Codes:
    """A channel (H×W) as integer codes: uint8 and uint16 as they are, float32 in [0, 1] as uint16."""
    return np.rint(np.clip(channel, 0, 1) * 65535).astype(np.uint16) if channel.dtype == np.float32 else channel


def tone_curve(first: Codes, second: Codes) -> Array:
    """The table from the first frame's codes to tones of the second (one dtype, same scene): float32 in [0, 1].

    Histogram matching on bins of [0, 1]; a code counts as spread evenly over its own width.
    """
    levels = 1 << (8 * first.dtype.itemsize)
    shares = []
    for codes in (first, second):
        below = np.concatenate([[0], np.cumsum(np.bincount(codes.ravel(), minlength=levels))]) / max(1, codes.size)
        shares.append(np.interp(np.linspace(0, levels, _BINS + 1), np.arange(levels + 1), below))
    # A tiny slope makes the cumulative shares strictly increasing, so that the inverse is unique.
    curve = np.interp(shares[0], shares[1] + _EDGES * 1e-9, _EDGES)
    # A code stands for the middle of its width, but black and white are 0 and 1.
    tones = np.interp((np.arange(levels) + 0.5) / levels, _EDGES, curve) * levels - 0.5
    return np.clip(tones / (levels - 1), 0, 1).astype(np.float32)
