"""Exposure selection: which frames of a bracket are fused, and in which order.

The paper fuses the darkest and the brightest exposure. In a longer bracket these two may be nearly black and nearly
white, while an inner pair holds the scene better or a third exposure helps. Selections are compared on thumbnails: the
best one has the highest MEF-SSIM of its fused result against all exposures, minus the fraction of the scene that is
well exposed only in frames it leaves out.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.metrics.mef_ssim import SMALLEST_SIDE, MefSsim

Array = NDArray[Any]
Fuse = Callable[[Array, Array], Array]

Selection = tuple[int, ...]
"""Two or three indices into a bracket ordered from dark to bright. Two frames are fused directly; of three (dark,
middle, bright), dark with middle and middle with bright are fused first, then the two results."""

_THUMBNAIL_PIXELS = 192 * 128
_CLIPPED_LEVELS = (4.0, 251.0)
_CLIPPING_SOFTNESS = 8.0  # Levels over which a value passes from clipped to well exposed.
_MARGIN = 3e-3  # A selection must beat the extreme pair by more than the error of a thumbnail's score.


def extreme_pair(count: int) -> Selection:
    """The paper's selection: the darkest and the brightest of ``count`` exposures."""
    return 0, count - 1


def fuse_selection(selection: Selection, exposures: Sequence[Array], fuse: Fuse) -> Array:
    """Fuse the selected exposures (RGB, H×W×3, dark to bright); ``fuse`` joins two of them."""
    if len(selection) == 2:
        return fuse(exposures[selection[0]], exposures[selection[1]])
    dark, middle, bright = selection
    return fuse(fuse(exposures[dark], exposures[middle]), fuse(exposures[middle], exposures[bright]))


def select_exposures(exposures: Sequence[Array], fuse: Fuse) -> Selection:
    """Select the exposures to fuse (RGB, H×W×3, uint8, uint16 or float32, dark to bright) by trials on thumbnails.

    Of two exposures, and of pictures too narrow for MEF-SSIM, the extreme pair is returned.
    """
    extremes = extreme_pair(len(exposures))
    thumbnails = [_thumbnail(exposure) for exposure in exposures]
    if len(exposures) == 2 or min(thumbnails[0].shape[:2]) < SMALLEST_SIDE:
        return extremes
    search = _Search(thumbnails, fuse)
    middle = len(exposures) // 2
    found = max((search.climb(start) for start in ((0, middle, len(exposures) - 1), extremes)), key=search.score)
    return found if search.score(found) > search.score(extremes) + _MARGIN else extremes


class _Search:
    """Hill climbing over selections; every selection is scored at most once."""

    def __init__(self, thumbnails: Sequence[Array], fuse: Fuse) -> None:
        self._thumbnails = thumbnails
        self._fuse = fuse
        self._mef_ssim = MefSsim(thumbnails)
        self._well_exposed = [_well_exposed(thumbnail) for thumbnail in thumbnails]
        self._well_exposed_in_any = np.maximum.reduce(self._well_exposed)
        self._scores: dict[Selection, float] = {}

    def climb(self, selection: Selection) -> Selection:
        """Change one exposure at a time while the score rises."""
        while True:
            best = max(self._neighbours(selection), key=self.score, default=selection)
            if self.score(best) <= self.score(selection):
                return selection
            selection = best

    def score(self, selection: Selection) -> float:
        if selection not in self._scores:
            result = fuse_selection(selection, self._thumbnails, self._fuse)
            self._scores[selection] = self._mef_ssim.score(result) - self._lost(selection)
        return self._scores[selection]

    def _lost(self, selection: Selection) -> float:
        """Fraction of the scene that is well exposed only in frames outside the selection."""
        kept = np.maximum.reduce([self._well_exposed[position] for position in selection])
        return float((self._well_exposed_in_any - kept).mean())

    def _neighbours(self, selection: Selection) -> list[Selection]:
        moved = [
            (*selection[:place], selection[place] + step, *selection[place + 1 :])
            for place in range(len(selection))
            for step in (-1, 1)
        ]
        if len(selection) == 3:
            moved.append((selection[0], selection[2]))
        else:
            moved.append((selection[0], sum(selection) // 2, selection[1]))
        return [candidate for candidate in moved if self._is_valid(candidate)]

    def _is_valid(self, positions: Selection) -> bool:
        inside = positions[0] >= 0 and positions[-1] < len(self._thumbnails)
        return inside and all(a < b for a, b in itertools.pairwise(positions))


def _thumbnail(picture: Array) -> Array:
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, (_THUMBNAIL_PIXELS / (height * width)) ** 0.5)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small: Array = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    if small.dtype == np.uint8:
        return small
    unit = small / np.float32(65535) if small.dtype == np.uint16 else small
    return np.clip(unit, 0, 1).astype(np.float32)


def _well_exposed(thumbnail: Array) -> NDArray[np.float32]:
    """Degree to which each pixel is neither black nor white, H×W in [0, 1]."""
    levels = thumbnail.astype(np.float32).mean(axis=2) * (1 if thumbnail.dtype == np.uint8 else 255)
    low, high = _CLIPPED_LEVELS
    degree: NDArray[np.float32] = np.clip(np.minimum(levels - low, high - levels) / _CLIPPING_SOFTNESS, 0, 1)
    return degree
