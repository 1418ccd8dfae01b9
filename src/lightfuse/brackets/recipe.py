"""Which exposures of a bracket to fuse, and in which order: a recipe.

The paper fuses the darkest and the brightest exposure. Where a bracket has more, these two may be nearly empty, one
black and one white, and an inner pair holds the scene better, or a third exposure helps. The choice is made by trying
on a thumbnail of the bracket: the recipe whose result has the highest MEF-SSIM against all exposures, less the share of
the scene that only exposures left out had recorded.
"""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.metrics.mef_ssim import SMALLEST_SIDE, MefSsim

Array = NDArray[Any]
Fuse = Callable[[Array, Array], Array]

Recipe = tuple[int, ...]
"""Two or three positions in a bracket ordered from dark to bright. Two are fused; of three (dark, middle, bright), dark
with middle and middle with bright first, then the two results."""

_THUMBNAIL_PIXELS = 192 * 128
_CLIPPED_LEVELS = (4.0, 251.0)
_CLIPPING_SOFTNESS = 8.0  # levels over which a value passes from clipped to recorded
_MARGIN = 3e-3  # another recipe must beat the extreme pair by more than a thumbnail can be wrong


def extreme_recipe(count: int) -> Recipe:
    """The paper's rule: the darkest and the brightest of ``count`` exposures."""
    return 0, count - 1


def fuse_by(recipe: Recipe, exposures: Sequence[Array], fuse: Fuse) -> Array:
    """Fuse exposures (RGB, H×W×3, dark to bright) by a recipe; ``fuse`` joins two of them."""
    if len(recipe) == 2:
        return fuse(exposures[recipe[0]], exposures[recipe[1]])
    dark, middle, bright = recipe
    return fuse(fuse(exposures[dark], exposures[middle]), fuse(exposures[middle], exposures[bright]))


def best_recipe(exposures: Sequence[Array], fuse: Fuse) -> Recipe:
    """Choose the recipe for exposures (RGB, H×W×3, uint8, uint16 or float32, dark to bright) by trying on a thumbnail.

    Two exposures, and pictures with a side too short to judge, get the extreme pair.
    """
    extremes = extreme_recipe(len(exposures))
    thumbnails = [_thumbnail(exposure) for exposure in exposures]
    if len(exposures) == 2 or min(thumbnails[0].shape[:2]) < SMALLEST_SIDE:
        return extremes
    trial = _Trial(thumbnails, fuse)
    middle = len(exposures) // 2
    found = max((trial.climb(start) for start in ((0, middle, len(exposures) - 1), extremes)), key=trial.score)
    return found if trial.score(found) > trial.score(extremes) + _MARGIN else extremes


class _Trial:
    """Recipes tried on thumbnails; every pair is fused and every recipe scored once."""

    def __init__(self, thumbnails: Sequence[Array], fuse: Fuse) -> None:
        self._thumbnails = thumbnails
        self._fuse = fuse
        self._mef_ssim = MefSsim(thumbnails)
        self._recorded = [_recorded(thumbnail) for thumbnail in thumbnails]
        self._recorded_by_any = np.maximum.reduce(self._recorded)
        self._scores: dict[Recipe, float] = {}

    def climb(self, recipe: Recipe) -> Recipe:
        """Change one exposure at a time for as long as it helps."""
        while True:
            best = max(self._neighbours(recipe), key=self.score, default=recipe)
            if self.score(best) <= self.score(recipe):
                return recipe
            recipe = best

    def score(self, recipe: Recipe) -> float:
        if recipe not in self._scores:
            result = fuse_by(recipe, self._thumbnails, self._fuse)
            self._scores[recipe] = self._mef_ssim.score(result) - self._lost(recipe)
        return self._scores[recipe]

    def _lost(self, recipe: Recipe) -> float:
        kept = np.maximum.reduce([self._recorded[position] for position in recipe])
        return float((self._recorded_by_any - kept).mean())

    def _neighbours(self, recipe: Recipe) -> list[Recipe]:
        moved = [
            (*recipe[:place], recipe[place] + step, *recipe[place + 1 :])
            for place in range(len(recipe))
            for step in (-1, 1)
        ]
        if len(recipe) == 3:
            moved.append((recipe[0], recipe[2]))
        else:
            moved.append((recipe[0], sum(recipe) // 2, recipe[1]))
        return [candidate for candidate in moved if self._is_recipe(candidate)]

    def _is_recipe(self, positions: Recipe) -> bool:
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


def _recorded(thumbnail: Array) -> NDArray[np.float32]:
    """How far each pixel is neither black nor white, H×W in [0, 1]."""
    levels = thumbnail.astype(np.float32).mean(axis=2) * (1 if thumbnail.dtype == np.uint8 else 255)
    low, high = _CLIPPED_LEVELS
    recorded: NDArray[np.float32] = np.clip(np.minimum(levels - low, high - levels) / _CLIPPING_SOFTNESS, 0, 1)
    return recorded
