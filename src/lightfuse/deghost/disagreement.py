"""Where two frames disagree once their exposures are accounted for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightfuse.deghost.mapping import BLACK, IntensityMap, lookup
from lightfuse.deghost.working import Array, Floats

_SCALES = 3
_QUIETER = 0.6
"""What a scale of half the size leaves of the noise: 0.5 for white noise, more for what JPEG makes of it."""


@dataclass(frozen=True)
class Tolerance:
    """What is no disagreement yet.

    Attributes:
        sigmas: how many standard deviations of noise.
        rounded: how far a value of under may be off over a whole patch: JPEG rounds a block's
            mean, black levels wander.
        visible: how far apart values of over must be to be seen.
    """

    sigmas: float
    rounded: float
    visible: float


STRICT = Tolerance(sigmas=3.0, rounded=2.5 / 255, visible=0.02)
"""For finding ghosts: what disagrees by this is hardly chance."""
KEEN = Tolerance(sigmas=1.5, rounded=0.7 / 255, visible=0.012)
"""For finding how far a ghost reaches once it is found."""


def disagreement(under: Floats, over: Floats, maps: Sequence[IntensityMap], tolerance: Tolerance = STRICT) -> Floats:
    """How far the frames are apart beyond what noise and a shift by one pixel explain, in values of over, H×W.

    ``under`` and ``over`` are reduced frames, H×W×3 in [0, 1]. Measured at three scales, each of half the size of the
    last, as the largest of the three channels; the result is the largest over the scales, 0 where all agree.
    """
    least, most, spread = _expected(under, maps, tolerance.rounded)
    return largest_over_scales(least, most, spread * np.float32(tolerance.sigmas), over, tolerance.visible)


def largest_over_scales(least: Array, most: Array, margin: Array, over: Array, visible: float) -> Array:
    """`disagreement` of ``over`` with what is expected of it and ``margin`` more.

    All float32 or all uint8, H×W×3 for the largest of the channels, or H×W for one of them.
    """
    import cv2

    size = over.shape[1::-1]
    total = np.zeros(over.shape[:2], over.dtype)
    for scale in range(_SCALES):
        found = cv2.max(cv2.subtract(_largest(cv2.subtract(_apart(least, most, over), margin)), visible), 0)
        total = cv2.max(total, found if scale == 0 else cv2.resize(found, size, interpolation=cv2.INTER_LINEAR))
        if min(over.shape[:2]) < 16 or scale + 1 == _SCALES:
            break
        least, most, over, margin = (cv2.pyrDown(plane) for plane in (least, most, over, margin))
        margin = (
            cv2.convertScaleAbs(margin, alpha=_QUIETER) if margin.dtype == np.uint8 else margin * np.float32(_QUIETER)
        )
    return np.asarray(total)


def _expected(under: Floats, maps: Sequence[IntensityMap], rounded: float) -> tuple[Floats, Floats, Floats]:
    """The least and the most that over should show by under's word, and the standard deviation of that.

    Where under is black it only says "at most".
    """
    planes = []
    for channel, mapping in enumerate(maps):
        values = under[..., channel]
        least = lookup(mapping.over, values - np.float32(rounded))
        most = lookup(mapping.over, np.maximum(values, np.float32(BLACK)) + np.float32(rounded))
        planes.append((np.where(values > BLACK, least, np.float32(0)), most, lookup(mapping.spread, values)))
    least, most, spread = (np.ascontiguousarray(np.stack(part, -1), np.float32) for part in zip(*planes, strict=True))
    return least, most, spread


def _largest(planes: Array) -> Array:
    """The largest of the channels (NumPy's own reduction over a short last axis is many times slower)."""
    import cv2

    if planes.ndim == 2:
        return planes
    red, green, blue = cv2.split(planes)
    return np.asarray(cv2.max(cv2.max(red, green), blue))


def _apart(least: Array, most: Array, over: Array) -> Array:
    """The distance between what is expected and what is there, when either may be one pixel off; 0 or less: none.

    OpenCV's arithmetic, because that of bytes stops at 0.
    """
    import cv2

    near = np.ones((3, 3), np.uint8)
    one = cv2.max(cv2.subtract(cv2.erode(least, near), over), cv2.subtract(over, cv2.dilate(most, near)))
    other = cv2.max(cv2.subtract(cv2.erode(over, near), most), cv2.subtract(least, cv2.dilate(over, near)))
    return np.asarray(cv2.min(one, other))
