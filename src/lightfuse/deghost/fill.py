"""Smooth filling of what the speaking frame cannot show, from what surrounds it."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lightfuse.deghost.mapping import WHITE, IntensityMap
from lightfuse.deghost.regions import Region
from lightfuse.deghost.working import Floats


def fill_for(region: Region, under: Floats, over: Floats, maps: Sequence[IntensityMap]) -> Floats | None:
    """What under may show where over speaks but is clipped, and under is too dark to have shown that moment.

    From reduced frames (H×W×3 in [0, 1]), the size of the region's box; None if there is no such place, or nothing
    clipped beside it to continue.
    """
    box = (region.rows, region.columns)
    whitest = np.array([mapping.backward(np.array(WHITE)) for mapping in maps], np.float32)
    clipped = np.asarray((over[box] >= WHITE).all(-1))
    bright = (under[box] >= whitest).all(-1)
    known = clipped & bright
    hole = clipped & ~bright & (region.soft > 0)
    return filled(under[box], known) if hole.any() and known.any() else None


def filled(picture: Floats, known: NDArray[np.bool_]) -> Floats:
    """``picture`` (H×W×3) where it is ``known`` (H×W), else a smooth continuation of it: push and pull.

    Averages of the known pixels are pushed down a pyramid until all is known, then pulled up into the gaps (Gortler and
    others, The Lumigraph, SIGGRAPH 1996).
    """
    weight = known.astype(np.float32)[..., None]
    return _pulled(picture * weight, weight)


def _pulled(weighted: Floats, weight: Floats) -> Floats:
    """``weighted`` is the picture times ``weight`` (H×W×1 in [0, 1]); where that falls short, coarser scales help."""
    import cv2

    mean = weighted / np.maximum(weight, np.float32(1e-6))
    height, width = weight.shape[:2]
    if weight.min() >= 1 or max(height, width) < 2:
        return np.asarray(mean)
    thin = cv2.pyrDown(weight)[..., None]
    # A cell half known speaks for the whole of it.
    trust = np.minimum(2 * thin, 1)
    coarse = _pulled(cv2.pyrDown(weighted) / np.maximum(thin, np.float32(1e-6)) * trust, trust)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth + (mean - smooth) * weight, np.float32)
