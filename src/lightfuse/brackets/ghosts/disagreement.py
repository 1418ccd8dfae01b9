"""Where two frames disagree once their exposures are accounted for."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lightfuse.brackets.ghosts.mapping import BLACK, IntensityMap, lookup
from lightfuse.brackets.ghosts.working import Floats

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
    import cv2

    least, most, margin = _expected(under, maps, tolerance.rounded)
    total = np.zeros(over.shape[:2], np.float32)
    for scale in range(_SCALES):
        apart = _apart(least, most, over) - margin * np.float32(tolerance.sigmas * _QUIETER**scale)
        found = np.maximum(_largest(apart) - np.float32(tolerance.visible), 0)
        size = total.shape[::-1]
        total = np.maximum(total, found if scale == 0 else cv2.resize(found, size, interpolation=cv2.INTER_LINEAR))
        if min(over.shape[:2]) < 16:
            break
        least, most, over, margin = (cv2.pyrDown(plane) for plane in (least, most, over, margin))
    return np.asarray(total, np.float32)


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


def _largest(planes: Floats) -> Floats:
    """The largest of the three channels (NumPy's own reduction over a last axis of three is many times slower)."""
    return np.maximum(np.maximum(planes[..., 0], planes[..., 1]), planes[..., 2])


def _apart(least: Floats, most: Floats, over: Floats) -> Floats:
    """The distance between what is expected and what is there, when either may be one pixel off."""
    import cv2

    near = np.ones((3, 3), np.uint8)
    one = np.maximum(cv2.erode(least, near) - over, over - cv2.dilate(most, near))
    other = np.maximum(cv2.erode(over, near) - most, least - cv2.dilate(over, near))
    return np.asarray(np.minimum(one, other), np.float32)
