"""Moving a frame onto the base, and its edges: what it never saw is taken from the base, in the frame's tones."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.align.homography import Matrix, apply, corners
from lightfuse.align.matching import Window, codes_of, tone_curve

Array = NDArray[Any]

_FEATHER = 0.005  # of the long side
_CORRECTED = 4.0  # feathers beyond the edge where the frame's own tones are last heeded
_WHITE = (0.9, 0.98)  # the base says ever less from here to there
_BLACK = (0.01, 0.04)


def moved(frame: Array, warp: Matrix, window: Window) -> Array:
    """The part ``window`` of the base's picture plane as ``frame`` shows it: same dtype, H×W×3.

    Cubic interpolation, mirrored at the frame's edges. Its overshoot never leaves the range of the dtype, which is
    [0, 1] for float32.
    """
    import cv2

    rows, columns = window
    corner = np.array([[1, 0, columns.start], [0, 1, rows.start], [0, 0, 1.0]])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    shown = cv2.warpPerspective(frame, warp @ corner, size, flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    if frame.dtype == np.float32:
        np.clip(shown, 0, 1, out=shown)
    return np.asarray(shown)


def fill_border(shown: Array, base: Array, warp: Matrix) -> None:
    """Fill, in place, what a moved frame never saw from the base, with a soft seam along the frame's edge.

    The base's pixels go through curves from its tones to the frame's, one per channel, set right near the edge by what
    the frame shows there. Where the base is clipped it cannot tell the frame's tones: there the mirrored frame stays,
    as far as the base does not contradict it.
    """
    height, width = base.shape[:2]
    inner = largest_rectangle([warp], width, height)
    feather = max(2.0, _FEATHER * max(width, height))
    margin = int(feather) + 1
    rows, columns = (slice(side.start + margin, max(side.start + margin, side.stop - margin)) for side in inner)
    brighter = float(shown[inner][::4, ::4].mean()) > float(base[inner][::4, ::4].mean())
    curves = [_told_by(base[inner][..., c], shown[inner][..., c], brighter) for c in range(3)]
    top = np.float32(1 if base.dtype == np.float32 else np.iinfo(base.dtype).max)
    for strip in _around((rows, columns), width, height):
        inside = _pixels_inside(strip, warp, width, height) / np.float32(feather)
        if inside.min(initial=1) >= 1:
            continue
        mirrored = shown[strip].astype(np.float32) / top
        told = np.stack([np.take(curves[c], codes_of(base[strip][..., c])) for c in range(3)], axis=-1)
        # A clipped base still tells on which side of its own tone the frame's must lie.
        likely = np.minimum(told, mirrored) if brighter else np.maximum(told, mirrored)
        told += _doubt(base[strip].max(axis=-1).astype(np.float32) / top, brighter)[..., None] * (likely - told)
        # One curve for the whole picture misses a little here and there: near the edge, the frame sets it right.
        near = _smooth_step(1 + inside / _CORRECTED)[..., None]
        told += near * _smooth(mirrored - told, feather)
        own = _smooth_step(inside)[..., None]
        mixed = np.clip(told + own * (mirrored - told), 0, 1) * top
        shown[strip] = mixed if base.dtype == np.float32 else np.round(mixed)


def _told_by(base: Array, shown: Array, frame_is_brighter: bool) -> Array:
    """A table from the codes of the base's channel to the frame's tones; what is clipped counts as just not clipped."""
    curve = tone_curve(codes_of(base), codes_of(shown))
    if frame_is_brighter:
        black = int(_BLACK[0] * curve.size)
        curve[:black] = curve[black]
    else:
        white = int(_WHITE[1] * curve.size)
        curve[white:] = curve[white]
    return curve


def largest_rectangle(warps: list[Matrix], width: int, height: int) -> Window:
    """Rows and columns of the base that every frame shows whole.

    The small movements of a hand leave a frame's outline so near to upright that the rectangle inside its corners is
    the largest but for a pixel or two.
    """
    left, top, right, bottom = 0.0, 0.0, width - 1.0, height - 1.0
    for warp in warps:
        at = apply(np.linalg.inv(warp), corners(width, height))
        left, right = max(left, at[0, 0], at[3, 0]), min(right, at[1, 0], at[2, 0])
        top, bottom = max(top, at[0, 1], at[1, 1]), min(bottom, at[2, 1], at[3, 1])
    return slice(int(np.ceil(top)), int(bottom) + 1), slice(int(np.ceil(left)), int(right) + 1)


def _around(heart: Window, width: int, height: int) -> Iterator[Window]:
    """The four strips of the picture around a window: above and below in full width, then left and right of it."""
    rows, columns = heart
    yield slice(0, rows.start), slice(0, width)
    yield slice(rows.stop, height), slice(0, width)
    yield rows, slice(0, columns.start)
    yield rows, slice(columns.stop, width)


def _pixels_inside(strip: Window, warp: Matrix, width: int, height: int) -> Array:
    """How far inside the frame (in its pixels, below 0 beyond its edge) each pixel of a strip of the base lies."""
    rows, columns = strip
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None]
    h = warp.astype(np.float32)
    below = h[2, 0] * x + h[2, 1] * y + h[2, 2]
    at_x, at_y = (h[0, 0] * x + h[0, 1] * y + h[0, 2]) / below, (h[1, 0] * x + h[1, 1] * y + h[1, 2]) / below
    return np.asarray(np.minimum(np.minimum(at_x, width - 1 - at_x), np.minimum(at_y, height - 1 - at_y)))


def _smooth(picture: Array, radius: float) -> Array:
    """A picture (float32 H×W×3) without what is finer than about ``radius`` pixels."""
    import cv2

    height, width = picture.shape[:2]
    if not picture.size:
        return picture
    coarse = max(1, round(width * 2 / radius)), max(1, round(height * 2 / radius))
    small = cv2.resize(picture, coarse, interpolation=cv2.INTER_AREA)
    small = cv2.GaussianBlur(small, (0, 0), 2.0, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR))


def _doubt(brightest: Array, frame_is_brighter: bool) -> Array:
    """How little the base says of the frame: where its brightest channel is clipped on the side the frame resolves."""
    if frame_is_brighter:
        return 1 - _smooth_step((brightest - _BLACK[0]) / np.float32(_BLACK[1] - _BLACK[0]))
    return _smooth_step((brightest - _WHITE[0]) / np.float32(_WHITE[1] - _WHITE[0]))


def _smooth_step(t: Array) -> Array:
    t = np.clip(t, 0, 1)
    return np.asarray(t * t * (3 - 2 * t), np.float32)
