"""The reduced pictures on which ghosts are looked for: float32 in [0, 1], area-averaged by a whole factor."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Floats = NDArray[np.float32]

PIXELS = 1_000_000
"""A reduced picture has about this many pixels at most: ghosts worth removing show at that size."""

_ROWS = 8


def factor_for(height: int, width: int) -> int:
    """The whole number by which both sides shrink, at least 1."""
    return max(1, math.ceil(math.sqrt(height * width / PIXELS)))


def full_scale(dtype: np.dtype[Any]) -> float:
    """The value of white: 255, 65535 or 1."""
    return {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(dtype, 1.0)


def reduced(picture: Array, factor: int) -> Floats:
    """``picture`` (H×W×3, uint8, uint16 or float32) as float32 in [0, 1], ceil(H / factor)×ceil(W / factor)×3.

    Averaging in float keeps what eight bits round away: in the shadows of an under-exposed frame one level is many of
    the over-exposed one's. The picture is taken strip by strip, so no whole float copy of it is ever made.
    """
    import cv2

    height, width = picture.shape[:2]
    scale = np.float32(1 / full_scale(picture.dtype))
    if factor == 1:
        return np.asarray(picture.astype(np.float32) * scale)
    small = np.empty((-(-height // factor), -(-width // factor), 3), np.float32)
    for row in range(0, small.shape[0], _ROWS):
        part = small[row : row + _ROWS]
        strip = picture[row * factor : (row + _ROWS) * factor].astype(np.float32)
        part[:] = cv2.resize(strip, part.shape[1::-1], interpolation=cv2.INTER_AREA)
    small *= scale
    return small
