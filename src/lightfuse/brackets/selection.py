"""Exposure selection: which frames of a bracket are fused, and in which order.

The paper fuses the darkest and the brightest exposure. In a longer bracket these two may be nearly black and nearly
white, while an inner pair holds the scene better or a third exposure helps. Selections are compared on thumbnails: the
best one has the highest MEF-SSIM of its fused result against all exposures, minus the fraction of the scene that is
well exposed only in frames it leaves out. A selection that leaves out the only frame to hold a highlight or a shadow is
never taken. What is black, or white, in all frames is no scene: it is cut off at the edges and does not count inside.
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.pixels import to_depth
from lightfuse.metrics.mef_ssim import SMALLEST_SIDE, MefSsim

Array = NDArray[Any]
Fuse = Callable[[Array, Array], Array]

Selection = tuple[int, ...]
"""Two or three indices into a bracket ordered from dark to bright. Two frames are fused directly; of three (dark,
middle, bright), dark with middle and middle with bright are fused first, then the two results."""

_THUMBNAIL_PIXELS = 192 * 128
_CLIPPED_LEVELS = (4.0, 251.0)
_CLIPPING_SOFTNESS = 8.0  # Levels over which a value passes from clipped to well exposed.
_HELD = 0.999  # Degree of a pixel that is well exposed beyond doubt.
_SMALLEST_SCENE = 1e-3  # Fraction of a picture
_MAX_CLIPPED = 5e-4  # Fraction of the scene that may be white, or black, in all frames selected but not in another.
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
    return select_for_all([exposures], fuse)


def select_for_all(brackets: Sequence[Sequence[Array]], fuse: Fuse) -> Selection:
    """One selection for several brackets of as many exposures each: that with the best mean score; see above."""
    count = len(brackets[0])
    extremes = extreme_pair(count)
    if count == 2:
        return extremes
    thumbnails = [[_thumbnail(scene) for scene in _scenes(exposures)] for exposures in brackets]
    if min(min(exposures[0].shape[:2]) for exposures in thumbnails) < SMALLEST_SIDE:
        return extremes
    search = _Search([_Trial(exposures, fuse) for exposures in thumbnails], count)
    found = max((search.climb(start) for start in ((0, count // 2, count - 1), extremes)), key=search.score)
    return found if search.score(found) > search.score(extremes) + _MARGIN else extremes


def selection_cost(exposures: Sequence[Array], selection: Selection) -> float:
    """Fraction of the picture, in [0, 1], that is well exposed only in frames outside the selection.

    Measured on a grid of pixels of the exposures (RGB, H×W×3, uint8, uint16 or float32).
    """
    height, width = exposures[0].shape[:2]
    step = max(1, int((height * width / _THUMBNAIL_PIXELS) ** 0.5))
    degrees = [_well_exposed(_comparable(exposure[::step, ::step])) for exposure in exposures]
    return _lost(degrees, selection)


class _Trial:
    """Selections of one bracket tried on its thumbnails."""

    def __init__(self, thumbnails: Sequence[Array], fuse: Fuse) -> None:
        self._thumbnails = thumbnails
        self._fuse = fuse
        self._mef_ssim = MefSsim(thumbnails)
        self._levels = [_levels(thumbnail) for thumbnail in thumbnails]
        self._well_exposed = [_well_exposed(thumbnail) for thumbnail in thumbnails]
        self._held = np.maximum.reduce(self._well_exposed) >= _HELD
        # A coloured lamp is clipped in one channel before the others.
        largest = [thumbnail.max(axis=2, keepdims=True) for thumbnail in thumbnails]
        self._largest = [_levels(plane) for plane in largest]
        self._unclipped = np.maximum.reduce([_well_exposed(plane) for plane in largest]) >= _HELD
        self._scene = max(float((~_empty(self._levels)).mean()), _SMALLEST_SCENE)

    def score(self, selection: Selection) -> float:
        result = fuse_selection(selection, self._thumbnails, self._fuse)
        # MEF-SSIM is 1 where all frames are empty: shortfalls are relative to the rest.
        return 1 - (1 - self._mef_ssim.score(result) + _lost(self._well_exposed, selection)) / self._scene

    def clipped(self, selection: Selection) -> float:
        """The larger of two fractions: held by some frame, but clipped, or black, in all of the selection."""
        darkest = np.minimum.reduce([self._largest[position] for position in selection])
        brightest = np.maximum.reduce([self._levels[position] for position in selection])
        low, high = _CLIPPED_LEVELS
        white, black = darkest > high - _CLIPPING_SOFTNESS / 2, brightest < low + _CLIPPING_SOFTNESS / 2
        return float(max((self._unclipped & white).mean(), (self._held & black).mean())) / self._scene


class _Search:
    """Hill climbing over selections; every selection is scored at most once, by the mean over all trials."""

    def __init__(self, trials: Sequence[_Trial], count: int) -> None:
        self._trials, self._count = trials, count
        self._tolerated = _MAX_CLIPPED + self._clipped(extreme_pair(count))
        self._scores: dict[Selection, float] = {}

    def climb(self, selection: Selection) -> Selection:
        """Change one exposure at a time while the score rises."""
        while True:
            best = max(self._neighbours(selection), key=self.score, default=selection)
            if self.score(best) <= self.score(selection):
                return selection
            selection = best

    def score(self, selection: Selection) -> float:
        if self._clipped(selection) > self._tolerated:
            return -math.inf
        if selection not in self._scores:
            self._scores[selection] = sum(trial.score(selection) for trial in self._trials) / len(self._trials)
        return self._scores[selection]

    def _clipped(self, selection: Selection) -> float:
        return sum(trial.clipped(selection) for trial in self._trials) / len(self._trials)

    def _neighbours(self, selection: Selection) -> list[Selection]:
        moved = [
            (*selection[:place], selection[place] + step, *selection[place + 1 :])
            for place in range(len(selection))
            for step in (-1, 1)
        ]
        first, *middle, last = selection
        moved.append((first, last) if middle else (first, (first + last) // 2, last))
        valid = (c for c in moved if c[0] >= 0 and c[-1] < self._count)
        return [candidate for candidate in valid if all(a < b for a, b in itertools.pairwise(candidate))]


def _scenes(exposures: Sequence[Array]) -> list[Array]:
    """The exposures without the rows and columns at their edges that are black, or white, in all of them."""
    height, width = exposures[0].shape[:2]
    step = max(1, int((height * width / _THUMBNAIL_PIXELS) ** 0.5))
    scene = ~_empty([_levels(_comparable(exposure[::step, ::step])) for exposure in exposures])
    rows, columns = (np.flatnonzero(scene.any(axis=axis)) * step for axis in (1, 0))
    if not rows.size:
        return list(exposures)
    return [e[rows[0] : rows[-1] + step, columns[0] : columns[-1] + step] for e in exposures]


def _empty(levels: Sequence[NDArray[np.float32]]) -> NDArray[np.bool_]:
    """Where all frames are black or all are white, from their `_levels`."""
    low, high = _CLIPPED_LEVELS
    darkest, brightest = np.minimum.reduce(levels), np.maximum.reduce(levels)
    empty: NDArray[np.bool_] = (brightest < low + _CLIPPING_SOFTNESS / 2) | (darkest > high - _CLIPPING_SOFTNESS / 2)
    return empty


def _thumbnail(picture: Array) -> Array:
    import cv2

    height, width = picture.shape[:2]
    scale = min(1.0, (_THUMBNAIL_PIXELS / (height * width)) ** 0.5)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return _comparable(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _comparable(picture: Array) -> Array:
    """A picture as uint8, or as float32 in [0, 1] if it is deeper."""
    return picture if picture.dtype == np.uint8 else np.clip(to_depth(picture, 32), 0, 1)


def _levels(picture: Array) -> NDArray[np.float32]:
    """Mean of the channels, H×W in [0, 255]."""
    levels: NDArray[np.float32] = picture.astype(np.float32).mean(axis=2) * (1 if picture.dtype == np.uint8 else 255)
    return levels


def _well_exposed(picture: Array) -> NDArray[np.float32]:
    """Degree to which each pixel is neither black nor white, H×W in [0, 1]."""
    levels = _levels(picture)
    low, high = _CLIPPED_LEVELS
    degree: NDArray[np.float32] = np.clip(np.minimum(levels - low, high - levels) / _CLIPPING_SOFTNESS, 0, 1)
    return degree


def _lost(degrees: Sequence[NDArray[np.float32]], selection: Selection) -> float:
    """Fraction of the scene that is well exposed only in frames outside the selection, from `_well_exposed` of each."""
    kept = np.maximum.reduce([degrees[position] for position in selection])
    return float((np.maximum.reduce(degrees) - kept).mean())
