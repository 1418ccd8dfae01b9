"""The first rough place: every shift and turn that a hand may have made, tried on a small picture."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.align.homography import Matrix

Array = NDArray[Any]

_REACH = 0.08  # of the long side
_TURNS = np.arange(-4.0, 4.5, 1.0)


def rough_places(base: Array, frame: Array, best: int = 3) -> list[Matrix]:
    """The ``best`` shifts and turns (one per angle) by correlation of the base's heart with the frame, best first.

    Takes two local-contrast pictures of one size; gives homographies in their pixels, from base to frame.
    """
    import cv2

    height, width = base.shape
    reach = min(max(4, round(_REACH * max(width, height))), (min(width, height) - 8) // 2)
    if reach < 1:
        return [np.eye(3)]
    heart = np.ascontiguousarray(base[reach : height - reach, reach : width - reach])
    found = []
    for degrees in _TURNS:
        turn = _turn_about_middle(degrees, width, height)
        turned = cv2.warpPerspective(frame, turn, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        agreement = cv2.matchTemplate(turned, heart, cv2.TM_CCORR_NORMED)
        _, peak, _, at = cv2.minMaxLoc(agreement)
        shift = np.array([[1, 0, at[0] - reach], [0, 1, at[1] - reach], [0, 0, 1.0]])
        found.append((float(peak), turn @ shift))
    found.sort(key=lambda place: -place[0])
    return [place for _, place in found[:best]]


def _turn_about_middle(degrees: float, width: int, height: int) -> Matrix:
    x, y, angle = (width - 1) / 2, (height - 1) / 2, np.radians(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y], [0, 0, 1.0]])
