"""From disagreement to regions: which patches of the picture a moving thing has spoilt, with soft edges."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightfuse.deghost.working import Floats

Mask = NDArray[np.uint8]

_CERTAIN, _CERTAIN_STOPS, _DARK = 0.2, 6.0, 0.3
_FEWEST_CERTAIN, _CERTAIN_PART = 6, 0.025
_REACH = 0.06
_CLOSE, _CLOSE_OWN, _TOGETHER = 0.004, 0.12, 0.015
_GROW, _FEATHER = 3, 1.5


@dataclass(frozen=True)
class Region:
    """Patches that belong together, in reduced pixels: where (a box), which pixels disagree, and the soft mask.

    ``core`` (bool) and ``soft`` (float32 in [0, 1], 1 all over the core and a little beyond) have the box's shape.
    """

    rows: slice
    columns: slice
    core: NDArray[np.bool_]
    soft: Floats


def seeds_of(disagreement: Floats, over: Floats, stops: float) -> Mask:
    """Where a map of disagreement (H×W, strict) is certain: whole patches, as 0 and 1.

    ``over`` (H×W×3 in [0, 1]) is the brighter frame, ``stops`` above the other; in its shadows less is enough.
    A patch counts by its hottest pixels: veiling light, blooming and a camera's local tone mapping disagree widely but
    mildly, things that moved disagree much somewhere. Beyond six stops more is asked, since all of that grows.
    """
    import cv2

    weak = cv2.morphologyEx((disagreement > 0).astype(np.uint8), cv2.MORPH_CLOSE, _disc(1))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(weak, connectivity=8)
    sure = disagreement > certain_from(cv2.transform(over, np.full((1, 3), 1 / 3)) + disagreement, stops)
    certain = np.bincount(labels[sure], minlength=count)
    kept = certain >= np.maximum(_FEWEST_CERTAIN, _CERTAIN_PART * stats[:, cv2.CC_STAT_AREA])
    kept[0] = False
    return np.asarray(kept[labels], np.uint8)


def certain_from(brightest: Floats, stops: float) -> Floats:
    """From where on disagreement is certain, given what over shows and disagrees by together (any shape)."""
    level = np.minimum(brightest, 1)
    return np.asarray(np.float32(_CERTAIN * max(1, stops / _CERTAIN_STOPS)) * (_DARK + (1 - _DARK) * level), np.float32)


def reach_of(seeds: Mask) -> tuple[slice, slice]:
    """The box of all that regions grown from ``seeds`` may cover."""
    import cv2

    left, top, width, height = cv2.boundingRect(seeds)
    far = _radius(_REACH, seeds)
    return slice(max(0, top - far), top + height + far), slice(max(0, left - far), left + width + far)


def find_regions(seeds: Mask, keen: Floats) -> list[Region]:
    """The regions grown from ``seeds`` over all that disagrees by the ``keen`` map (H×W) near them, largest first.

    Two thresholds with hysteresis, after Canny (PAMI 1986). Patches close to one another make one region.
    """
    import cv2

    core = _whole(_grown(seeds, keen))
    diagonal = float(np.hypot(*core.shape))
    together = cv2.dilate(core, _disc(max(2 * _GROW + 2, round(_TOGETHER * diagonal))))
    soft = cv2.GaussianBlur(cv2.dilate(core, _disc(_GROW)).astype(np.float32), (0, 0), _FEATHER)
    soft[soft < 1 / 255] = 0
    count, labels, stats, _ = cv2.connectedComponentsWithStats(together, connectivity=8)
    regions = []
    for label in range(1, count):
        left, top, width, height = (int(stats[label, i]) for i in range(4))
        rows, columns = slice(top, top + height), slice(left, left + width)
        mine = labels[rows, columns] == label
        regions.append(Region(rows, columns, (core[rows, columns] > 0) & mine, soft[rows, columns] * mine))
    return sorted(regions, key=lambda region: -int(region.core.sum()))


def _grown(seeds: Mask, keen: Floats) -> Mask:
    """The seeds, and what disagrees keenly, hangs together with them and is not far away."""
    import cv2

    reach = cv2.dilate(seeds, np.ones((2 * _radius(_REACH, seeds) + 1,) * 2, np.uint8))
    # Opened, so that single noisy pixels make no bridges.
    doubtful = cv2.morphologyEx(((keen > 0) & (reach > 0)).astype(np.uint8), cv2.MORPH_OPEN, _disc(1))
    count, labels = cv2.connectedComponents(doubtful | seeds, connectivity=4)
    kept = np.zeros(count, np.bool_)
    kept[labels[seeds > 0]] = True
    kept[0] = False
    return np.asarray(kept[labels], np.uint8)


def _whole(mask: Mask) -> Mask:
    """The mask with each patch's bays and holes closed: a thing's inside may look like what is behind it."""
    import cv2

    mask = _closed(mask, max(2, _radius(_CLOSE, mask)))
    whole = mask.copy()
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for label in range(1, count):
        left, top, width, height, area = (int(stats[label, i]) for i in range(5))
        box = (slice(top, top + height), slice(left, left + width))
        whole[box] |= _closed((labels[box] == label).astype(np.uint8), max(1, round(_CLOSE_OWN * float(np.sqrt(area)))))
    return whole


def _closed(mask: Mask, radius: int) -> Mask:
    """A morphological closing, and holes filled."""
    import cv2

    padded = cv2.copyMakeBorder(mask, radius, radius, radius, radius, cv2.BORDER_CONSTANT, value=0)
    closed = cv2.morphologyEx(padded, cv2.MORPH_CLOSE, _disc(radius))[radius:-radius, radius:-radius]
    contours, _ = cv2.findContours(closed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return np.asarray(cv2.drawContours(np.zeros_like(mask), contours, -1, 1, cv2.FILLED))


def _radius(part: float, mask: Mask) -> int:
    return max(1, round(part * float(np.hypot(*mask.shape))))


def _disc(radius: int) -> Mask:
    import cv2

    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)
