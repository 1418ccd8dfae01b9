"""Exposure selection: which frames of a bracket are fused, and in which order.

The paper fuses the darkest and the brightest exposure. In a longer bracket these two may be nearly black and nearly
white, while an inner pair holds the scene better or a third exposure helps. Of all pairs and triples, the one is taken
that keeps most of the local contrast that any frame shows; never one without the only frame to hold a highlight or a
shadow. All is measured on a grid of pixels. What is black, or white, in all frames is no scene.
"""

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale

Array = NDArray[Any]
Floats = NDArray[np.float32]
Fuse = Callable[[Array, Array], Array]

Selection = tuple[int, ...]
"""Two or three indices into a bracket ordered from dark to bright. Two frames are fused directly; of three (dark,
middle, bright), dark with middle and middle with bright are fused first, then the two results."""

_SAMPLES = 192 * 128  # of a picture, about
# Levels of 255: clipped below the first and above the second; held beyond doubt between the others
_BLACK, _WHITE = 8, 247
_DARKEST, _BRIGHTEST = 12, 243
_MAX_CLIPPED = 5e-4  # Fraction of the scene that may be white, or black, in all frames selected but not in another
_RUN = 16  # Neighbouring samples whose differences are one local contrast
_NOISE = 4  # Levels added to the difference of two neighbours: contrast far below this counts little.
_THIRD = 0.035  # What a third frame has to gain: it takes two more fusions.


def extreme_pair(count: int) -> Selection:
    """The paper's selection: the darkest and the brightest of ``count`` exposures, or the only one."""
    return (0, count - 1) if count > 1 else (0,)


def fuse_selection(selection: Selection, exposures: Sequence[Array], fuse: Fuse) -> Array:
    """Fuse the selected exposures (RGB, H×W×3, dark to bright); ``fuse`` joins two of them."""
    if len(selection) == 2:
        return fuse(exposures[selection[0]], exposures[selection[1]])
    dark, middle, bright = selection
    return fuse(fuse(exposures[dark], exposures[middle]), fuse(exposures[middle], exposures[bright]))


def select_exposures(*brackets: Sequence[Array]) -> Selection:
    """Select the exposures to fuse, of one bracket, or the same for several brackets of as many exposures each.

    Exposures are RGB, H×W×3, uint8, uint16 or float32 in [0, 1], from dark to bright.
    """
    extremes = extreme_pair(len(brackets[0]))
    if len(brackets[0]) <= 2:
        return extremes
    colours = np.stack([np.concatenate([_sampled(e) for e in frames]) for frames in zip(*brackets, strict=True)])
    levels, largest = colours.mean(axis=2), colours.max(axis=2)  # A coloured lamp is clipped in one channel first.
    scene = (levels.max(axis=0) >= _BLACK) & (levels.min(axis=0) <= _WHITE)
    if not scene.any():
        return extremes
    levels, largest = levels[:, scene], largest[:, scene]
    shadows, lights = (((tones >= _DARKEST) & (tones <= _BRIGHTEST)).any(axis=0) for tones in (levels, largest))
    contrast = _local_contrast(levels)
    contrast /= contrast.max(axis=0)

    def clipped(chosen: Selection) -> float:
        """The larger of two fractions: held by some frame, but clipped, or black, in all that are chosen."""
        white, black = largest[[*chosen]].min(axis=0) > _WHITE, levels[[*chosen]].max(axis=0) < _BLACK
        return float(max((lights & white).mean(), (shadows & black).mean()))

    def kept_contrast(chosen: Selection) -> float:
        return float(contrast[[*chosen]].max(axis=0).mean() - _THIRD * (len(chosen) - 2))

    limit = clipped(extremes) + _MAX_CLIPPED
    selections = [chosen for size in (2, 3) for chosen in combinations(range(len(levels)), size)]
    return next(one for one in sorted(selections, key=kept_contrast, reverse=True) if clipped(one) <= limit)


def selection_cost(exposures: Sequence[Array], selection: Selection) -> float:
    """Fraction of the picture, in [0, 1], that is neither black nor white only in frames outside the selection.

    Measured on a grid of pixels of the exposures (RGB, H×W×3, uint8, uint16 or float32).
    """
    levels = np.stack([_sampled(exposure).mean(axis=1) for exposure in exposures])
    exposed = (levels >= _BLACK) & (levels <= _WHITE)
    return float((exposed.any(axis=0) & ~exposed[[*selection]].any(axis=0)).mean())


def _sampled(picture: Array) -> Floats:
    """Pixels on a grid, N×3, in levels of 255."""
    height, width = picture.shape[:2]
    step = max(1, int((height * width / _SAMPLES) ** 0.5))
    pixels: Floats = picture[::step, ::step].reshape(-1, 3) * np.float32(255 / full_scale(picture.dtype))
    return pixels


def _local_contrast(levels: Floats) -> Floats:
    """Sums of the differences, with noise, of neighbouring levels, a run of samples each."""
    differences = np.abs(np.diff(levels, axis=1, append=levels[:, -1:])) + np.float32(_NOISE)
    sums: Floats = np.add.reduceat(differences, range(0, levels.shape[1], _RUN), axis=1)
    return sums
