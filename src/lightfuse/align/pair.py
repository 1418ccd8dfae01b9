"""Two frames made comparable, and how well they agree when one is moved."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.align.contrast import contrast_pyramid, local_contrast, reduce_to
from lightfuse.align.homography import Matrix, apply, corners, to_pixels, to_unit
from lightfuse.align.matching import Codes, Window, match_tones
from lightfuse.align.refine import Points, Prior, Refined, hands, only, refine, sample, telling_points
from lightfuse.align.search import rough_places

Array = NDArray[Any]

_MOST_PIXELS = 2_000_000
_SEARCH_SIDE = 320
_HALF_ITERATIONS = 6


@dataclass(frozen=True)
class Agreement:
    """For each tile: the correlation of the two pictures at their telling points (-1 to 1), and its weight.

    The weight is how much there is to see there in both, above noise.
    """

    correlation: Array
    weight: Array

    @property
    def mean(self) -> float:
        """The weighted mean correlation; 0 where there is nothing to see."""
        return float((self.correlation * self.weight).sum() / max(self.weight.sum(), 1e-12))


@dataclass(frozen=True)
class Pair:
    """The finest level of two frames' local contrast. Warps are in centred coordinates, first frame to second."""

    points: Points
    second: Array

    def agreement(self, warp: Matrix, odd: bool | None = None) -> Agreement:
        """How the frames agree under a warp, tile by tile: on all tiles, or on the odd or the even ones only."""
        points = self.points if odd is None else only(self.points, self.points.odd == odd)
        tiles = int(self.points.tiles.max()) + 1 if self.points.tiles.size else 0
        seen, inside = sample(self.second, points, warp)
        seen, values = np.where(inside, seen, 0), np.where(inside, points.values, 0)
        together = np.bincount(points.tiles, seen * values, tiles)
        strength = np.sqrt(np.bincount(points.tiles, values**2, tiles) * np.bincount(points.tiles, seen**2, tiles))
        return Agreement(together / np.maximum(strength, 1e-9), strength)

    def half(self, found: Refined, belief: Prior, odd: bool) -> Matrix:
        """The warp that the odd or the even tiles alone would have, from where all together put it."""
        part = only(self.points, self.points.odd == odd)
        return refine(part, self.second, found.warp, belief, _HALF_ITERATIONS).warp


def register(first: Codes, second: Codes, belief: Prior | None = None) -> tuple[Pair, Refined]:
    """Find where ``second`` lies against ``first`` (green codes, H×W, one dtype and size), coarse to fine.

    Without a ``belief`` all that a hand may have done is searched; with one, it is where to start.
    """
    height, width = first.shape
    belief_or_hands = belief or hands()
    start = belief.warp if belief else _search(first, second)
    tones = match_tones(first, second, _common_windows(to_pixels(start, width, height), width, height))
    size = working_size(width, height)
    levels = [contrast_pyramid(reduce_to(c, t, size)) for c, t in ((first, tones.first), (second, tones.second))]
    found = Refined(start, belief_or_hands.information)
    for level, other in zip(*map(reversed, levels), strict=True):
        points = telling_points(level)
        found = refine(points, other, found.warp, belief_or_hands)
    return Pair(points, other), found


def working_size(width: int, height: int) -> tuple[int, int]:
    """The size frames are compared at: theirs up to 2 megapixels, else about a whole number of times smaller."""
    shrink = float(np.ceil(max(1.0, (width * height / _MOST_PIXELS) ** 0.5)))
    return max(1, round(width / shrink)), max(1, round(height / shrink))


def _search(first: Codes, second: Codes) -> Matrix:
    """The best of several rough places on a small picture, each refined there; the identity is one of them."""
    height, width = first.shape
    scale = min(1.0, _SEARCH_SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    tones = match_tones(first, second)
    step = max(1, int(0.5 / scale))  # nearer than half the size no pixel is left out
    one, other = (
        local_contrast(reduce_to(codes[::step, ::step], table, size))
        for codes, table in ((first, tones.first), (second, tones.second))
    )
    points = telling_points(one)
    pair = Pair(points, other)
    starts = [np.eye(3)] + [to_unit(place, *size) for place in rough_places(one, other)]
    tried = [refine(points, other, start, hands()).warp for start in starts]
    return max(tried, key=lambda warp: pair.agreement(warp).mean)


def _common_windows(warp: Matrix, width: int, height: int) -> tuple[Window, Window]:
    """Boxes of the first and of the second frame with the same part of the scene, but for slivers left by a turn."""
    at = corners(width, height)
    return _box(apply(np.linalg.inv(warp), at), width, height), _box(apply(warp, at), width, height)


def _box(at: Matrix, width: int, height: int) -> Window:
    left, right = max(at[0, 0], at[3, 0], 0), min(at[1, 0], at[2, 0], width - 1)
    top, bottom = max(at[0, 1], at[1, 1], 0), min(at[2, 1], at[3, 1], height - 1)
    return slice(int(top), max(int(bottom), int(top)) + 1), slice(int(left), max(int(right), int(left)) + 1)
