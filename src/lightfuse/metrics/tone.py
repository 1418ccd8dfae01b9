"""Tone faults that a mean score hides: luma above both inputs, pale or clipped highlights, a border's influence.

Every measure here rounds its pictures to 8 bits first. Levels are those of 8 bits; L* is CIE lightness, 0 to 100.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import luma
from lightfuse.metrics.colour import lightness
from lightfuse.metrics.pictures import Picture, as_unit, as_units, to_eight_bits

_CLIPPED_OVER = 248  # least channel of over from which it does not hold a highlight
_HELD_LIGHTNESS = (15.0, 90.0)  # L* of under within which it holds one
_SMALLEST_HIGHLIGHTS = 0.001  # fraction of a picture; smaller highlights are not measured
_LOCAL_WINDOW = 11  # side in pixels of the windows of local contrast
_CLIPPED_RESULT = 250  # least channel of a result from which a pixel is clipped
_HELD_LEVELS = (70, 240)  # an exposure holds a pixel whose largest channel is between these, both excluded
_BORDERS = (0.04, 0.15, 0.4)  # widths of the borders tried, as fractions of the side of the picture with its border


class Separation(NamedTuple):
    """How well tones are kept apart in the highlights that only the under-exposed picture holds.

    ``spread`` is the difference between the 90th and the 10th percentile and ``mean`` the mean of L* there, in the
    result; ``local_contrast`` is the mean local standard deviation of L* there, in the result over that in under. All
    are NaN where these highlights are less than 0.001 of the picture, ``local_contrast`` also where under is flat.
    """

    spread: float
    mean: float
    local_contrast: float


def luma_above_inputs(result: Picture, under: Picture, over: Picture) -> float:
    """Return by how many levels the result's luma exceeds the larger of the two inputs' lumas, mean over all pixels.

    A pixel that does not exceed it counts as 0. All three are RGB, H×W×3, uint8, uint16 or float in [0, 1], of one
    size. Raises PictureError for anything else.
    """
    fused, dark, bright = _eight_bits_of_one_size(result, under, over)
    of_result, of_dark, of_bright = (luma(as_unit(picture)) * np.float32(255) for picture in (fused, dark, bright))
    return float(np.mean(np.maximum(of_result - np.maximum(of_dark, of_bright), 0), dtype=np.float64))


def highlight_separation(result: Picture, under: Picture, over: Picture) -> Separation:
    """Measure the highlights that over clips and under holds: see `Separation`.

    They are where over's least channel is at least 248 levels and under's L* from 15 to 90. All three are RGB, H×W×3,
    uint8, uint16 or float in [0, 1], of one size. Raises PictureError for anything else.
    """
    fused, dark, bright = _eight_bits_of_one_size(result, under, over)
    of_result, of_under = lightness(fused), lightness(dark)
    lowest, highest = _HELD_LIGHTNESS
    held = (bright.min(axis=2) >= _CLIPPED_OVER) & (lowest <= of_under) & (of_under <= highest)
    if held.mean() < _SMALLEST_HIGHLIGHTS:
        return Separation(math.nan, math.nan, math.nan)
    low, high = np.percentile(of_result[held], [10, 90])
    contrast, contrast_of_under = (_local_contrast(plane, held) for plane in (of_result, of_under))
    ratio = contrast / contrast_of_under if contrast_of_under > 1e-3 else math.nan
    return Separation(float(high - low), float(of_result[held].mean()), ratio)


def clipped_though_held(result: Picture, exposures: Sequence[Picture]) -> float:
    """Return the percentage of pixels that are clipped in the result though an exposure holds them.

    Clipped: the least channel is at least 250 levels. Held: the largest channel of an exposure is above 70 and below
    240. The result and one or more exposures are RGB, H×W×3, uint8, uint16 or float in [0, 1], of one size. Raises
    PictureError for anything else.
    """
    fused, *sources = _eight_bits_of_one_size(result, *exposures)
    lowest, highest = _HELD_LEVELS
    largest = [source.max(axis=2) for source in sources]
    held = np.logical_or.reduce([(lowest < plane) & (plane < highest) for plane in largest])
    return 100 * float(np.mean(held & (fused.min(axis=2) >= _CLIPPED_RESULT)))


def border_change(
    fuse: Callable[[Sequence[Picture]], Picture], exposures: Sequence[Picture], fractions: Sequence[float] = _BORDERS
) -> float:
    """Return by how many levels a black border around the exposures changes the result inside it, for the worst border.

    With each border (see `with_black_border`) the exposures are fused again and compared with the result without one:
    mean absolute difference over pixels and channels. `fuse` takes and returns RGB pictures, H×W×3, uint8, uint16 or
    float in [0, 1], and keeps their size. Raises what `fuse` raises.
    """
    plain = to_eight_bits(fuse(exposures)).astype(np.float64)
    height, width = plain.shape[:2]
    changes = []
    for fraction in fractions:
        framed = to_eight_bits(fuse([with_black_border(exposure, fraction) for exposure in exposures]))
        top, left = ((whole - side) // 2 for whole, side in zip(framed.shape, (height, width), strict=False))
        changes.append(float(np.abs(framed[top : top + height, left : left + width] - plain).mean()))
    return max(changes, default=0.0)


def with_black_border(picture: Picture, fraction: float) -> Picture:
    """Return the picture with black added on all sides, the border being that fraction of each side of the whole.

    A border of 0.25 of an H×W×3 picture makes it 2H×2W×3, with H/2 rows above and below, W/2 columns left and right.
    """
    top, left = (max(1, round(side * fraction / (1 - 2 * fraction))) for side in picture.shape[:2])
    return np.pad(picture, ((top, top), (left, left), (0, 0)))


def _eight_bits_of_one_size(*pictures: Picture) -> list[NDArray[np.uint8]]:
    names = [f"picture {number}" for number in range(1, len(pictures) + 1)]
    return [to_eight_bits(picture) for picture in as_units(*pictures, names=names)]


def _local_contrast(plane: NDArray[np.float64], where: NDArray[np.bool_]) -> float:
    """Mean over some pixels of the standard deviation, among them alone, within the window around each."""
    import cv2

    def window_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
        window = (_LOCAL_WINDOW, _LOCAL_WINDOW)
        sums = cv2.boxFilter(values, -1, window, normalize=False, borderType=cv2.BORDER_CONSTANT)
        return np.asarray(sums, dtype=np.float64)[where]

    inside = where.astype(np.float64)
    masked = plane * inside
    count = window_sum(inside)
    mean = window_sum(masked) / count
    variance = window_sum(masked * plane) / count - mean * mean
    return float(np.sqrt(np.maximum(variance, 0)).mean())
