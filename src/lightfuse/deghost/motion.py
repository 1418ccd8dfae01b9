"""The motion mask: where two frames disagree once their exposures are accounted for, as regions with soft edges.

Disagreement beyond noise is measured on reduced frames, thresholded with hysteresis and joined to regions. A region
whose detail is the same in both frames did not move. Most pairs are static: a quick test in bytes recognises them.
"""

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale, srgb_to_linear
from lightfuse.deghost.mapping import (
    BLACK,
    ROOTS,
    WHITE,
    Array,
    Bytes,
    Doubles,
    Floats,
    IntensityMap,
    lookup,
    maps_from_bins,
    median_stops,
)

Mask = NDArray[np.uint8]

_SCALES = 3
_REMAINING = 0.6
"""The part of the noise that remains at half the size: 0.5 for white noise, more for what JPEG makes of it."""

_CERTAIN, _CERTAIN_STOPS, _DARK = 0.2, 6.0, 0.3
_FEWEST_CERTAIN, _CERTAIN_PART = 6, 0.025
_REACH = 0.06
_CLOSE, _CLOSE_OWN, _TOGETHER = 0.004, 0.12, 0.015
_GROW, _FEATHER = 3, 1.5

_FINE, _COARSE = 3, 15
_SAME = 0.58
_LEAST_UNCLIPPED, _FEWEST_UNCLIPPED, _LEAST_TEXTURE = 0.3, 12, 2.5 / 255
_FLARE_SHARE, _LARGELY_CLIPPED = 0.7, 0.3
_RAISED, _RAISED_SHARE = 12 / 255, 0.9

_UNCERTAIN = 0.8  # of what is certain
_FEW = 5  # pixels; the search itself demands one more, in one place
_BAND, _HALO = 256, 16  # rows; multiples of four: the smaller scales of a band are those of the picture
_STRIP = 32  # rows of cells that are reduced at once
_VALUES = np.arange(256) / 255
_ROOTS_OF_BYTES = np.round(np.sqrt(_VALUES) * 255).astype(np.uint8)


@dataclass(frozen=True)
class Tolerance:
    """By how much frames may differ without disagreeing.

    Attributes:
        sigmas: how many standard deviations of noise.
        rounded: error of under over a whole patch: JPEG rounds a block's mean, black levels drift.
        visible: difference in values of over that is not visible.
    """

    sigmas: float
    rounded: float
    visible: float


HIGH = Tolerance(sigmas=3.0, rounded=2.5 / 255, visible=0.02)
"""For detecting ghosts: a larger difference is hardly chance."""
LOW = Tolerance(sigmas=1.5, rounded=0.7 / 255, visible=0.012)
"""For finding the extent of a detected ghost."""
_VISIBLE = round(HIGH.visible * 255)


def disagreement(under: Floats, over: Floats, maps: Sequence[IntensityMap], tolerance: Tolerance = HIGH) -> Floats:
    """By how much the frames differ beyond noise and a shift by one pixel, in values of over, H×W.

    ``under`` and ``over`` are reduced frames, H×W×3 in [0, 1]. Measured at three scales, each of half the size of the
    last, as the largest of the three channels; the result is the largest over the scales, 0 where all agree.
    """
    least, most, spread = _bounds(under, maps, tolerance.rounded)
    return largest_over_scales(least, most, spread * np.float32(tolerance.sigmas), over, tolerance.visible)


def largest_over_scales(least: Array, most: Array, margin: Array, over: Array, visible: float) -> Array:
    """`disagreement` of ``over`` with its predicted bounds, beyond a ``margin``.

    All float32 or all uint8, H×W×3 for the largest of the channels, or H×W for one of them.
    """
    import cv2

    size = over.shape[1::-1]
    total = np.zeros(over.shape[:2], over.dtype)
    for scale in range(_SCALES):
        found = cv2.max(cv2.subtract(_largest(cv2.subtract(_difference(least, most, over), margin)), visible), 0)
        total = cv2.max(total, found if scale == 0 else cv2.resize(found, size, interpolation=cv2.INTER_LINEAR))
        if min(over.shape[:2]) < 16 or scale + 1 == _SCALES:
            break
        least, most, over, margin = (cv2.pyrDown(plane) for plane in (least, most, over, margin))
        in_bytes = margin.dtype == np.uint8
        margin = cv2.convertScaleAbs(margin, alpha=_REMAINING) if in_bytes else margin * np.float32(_REMAINING)
    return np.asarray(total)


def _bounds(under: Floats, maps: Sequence[IntensityMap], rounded: float) -> tuple[Floats, Floats, Floats]:
    """The least and the largest value of over predicted from under, and their standard deviation.

    Where under is black there is an upper bound only.
    """
    planes = []
    for channel, mapping in enumerate(maps):
        values = under[..., channel]
        least = lookup(mapping.over, values - np.float32(rounded))
        most = lookup(mapping.over, np.maximum(values, np.float32(BLACK)) + np.float32(rounded))
        planes.append((np.where(values > BLACK, least, np.float32(0)), most, lookup(mapping.spread, values)))
    least, most, spread = (np.ascontiguousarray(np.stack(part, -1), np.float32) for part in zip(*planes, strict=True))
    return least, most, spread


def _largest(planes: Array) -> Array:
    """The largest of the channels (NumPy's own reduction over a short last axis is many times slower)."""
    import cv2

    if planes.ndim == 2:
        return planes
    red, green, blue = cv2.split(planes)
    return np.asarray(cv2.max(cv2.max(red, green), blue))


def _difference(least: Array, most: Array, over: Array) -> Array:
    """The distance of over from its predicted bounds if either may be one pixel off; 0 or less: none.

    OpenCV's arithmetic, because on bytes it saturates at 0.
    """
    import cv2

    near = np.ones((3, 3), np.uint8)
    one = cv2.max(cv2.subtract(cv2.erode(least, near), over), cv2.subtract(over, cv2.dilate(most, near)))
    other = cv2.max(cv2.subtract(cv2.erode(over, near), most), cv2.subtract(least, cv2.dilate(over, near)))
    return np.asarray(cv2.min(one, other))


@dataclass(frozen=True)
class Region:
    """Neighbouring patches in which the frames disagree, in reduced pixels: a box, the pixels, and the soft mask.

    ``core`` (bool) and ``soft`` (float32 in [0, 1], 1 all over the core and a little beyond) have the box's shape.
    """

    rows: slice
    columns: slice
    core: NDArray[np.bool_]
    soft: Floats


def seeds_of(disagreement: Floats, over: Floats, stops: float) -> Mask:
    """The patches in which a map of disagreement (H×W, with the `HIGH` tolerance) is certain, as 0 and 1.

    ``over`` (H×W×3 in [0, 1]) is the brighter frame, ``stops`` above the other; in its shadows less is enough. A patch
    counts by its largest values: veiling glare, blooming and a camera's local tone mapping differ by little over wide
    areas, moving objects by much somewhere. Beyond six stops more is demanded, since all of that grows.
    """
    import cv2

    weak = cv2.morphologyEx((disagreement > 0).astype(np.uint8), cv2.MORPH_CLOSE, _disc(1))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(weak, connectivity=8)
    certain_pixels = disagreement > certain_threshold(cv2.transform(over, np.full((1, 3), 1 / 3)) + disagreement, stops)
    certain = np.bincount(labels[certain_pixels], minlength=count)
    kept = certain >= np.maximum(_FEWEST_CERTAIN, _CERTAIN_PART * stats[:, cv2.CC_STAT_AREA])
    kept[0] = False
    return np.asarray(kept[labels], np.uint8)


def certain_threshold(brightest: Floats, stops: float) -> Floats:
    """The disagreement that is certain, given the sum of over and the disagreement (any shape)."""
    level = np.minimum(brightest, 1)
    return np.asarray(np.float32(_CERTAIN * max(1, stops / _CERTAIN_STOPS)) * (_DARK + (1 - _DARK) * level), np.float32)


def reach_of(seeds: Mask) -> tuple[slice, slice]:
    """The box of all pixels that regions grown from ``seeds`` may cover."""
    import cv2

    left, top, width, height = cv2.boundingRect(seeds)
    far = _radius(_REACH, seeds)
    return slice(max(0, top - far), top + height + far), slice(max(0, left - far), left + width + far)


def find_regions(seeds: Mask, low: Floats) -> list[Region]:
    """The regions grown from ``seeds`` over near disagreement with the `LOW` tolerance (H×W), largest first.

    Two thresholds with hysteresis, after Canny (PAMI 1986). Patches close to one another make one region.
    """
    import cv2

    core = _filled(_grown(seeds, low))
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


def _grown(seeds: Mask, low: Floats) -> Mask:
    """The seeds, and connected disagreement that is not far away."""
    import cv2

    reach = cv2.dilate(seeds, np.ones((2 * _radius(_REACH, seeds) + 1,) * 2, np.uint8))
    # Opened, so that single noisy pixels make no bridges.
    weak = cv2.morphologyEx(((low > 0) & (reach > 0)).astype(np.uint8), cv2.MORPH_OPEN, _disc(1))
    count, labels = cv2.connectedComponents(weak | seeds, connectivity=4)
    kept = np.zeros(count, np.bool_)
    kept[labels[seeds > 0]] = True
    kept[0] = False
    return np.asarray(kept[labels], np.uint8)


def _filled(mask: Mask) -> Mask:
    """The mask with each patch closed: the inside of an object may look like its background."""
    import cv2

    mask = _closed(mask, max(2, _radius(_CLOSE, mask)))
    filled = mask.copy()
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    for label in range(1, count):
        left, top, width, height, area = (int(stats[label, i]) for i in range(5))
        box = (slice(top, top + height), slice(left, left + width))
        filled[box] |= _closed(
            (labels[box] == label).astype(np.uint8), max(1, round(_CLOSE_OWN * float(np.sqrt(area))))
        )
    return filled


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


def same_structure(region: Region, under: Floats, over: Floats, maps: Sequence[IntensityMap]) -> bool:
    """Whether two reduced frames (H×W×3 in [0, 1]) show the same in a region, though their values disagree.

    Then nothing moved. Flare and blooming add light around what is clipped in over, and remove its colour; mixed light,
    or a camera that desaturates highlights or maps tones locally, makes values disagree that one intensity mapping
    cannot predict.

    Where over is clipped as predicted from under and only brighter in its other channels, that is flare. Where under is
    nearly what over predicts, in its own values, both show shadows, which glare, lens shading correction and noise
    raise in under: many stops apart, few levels of it are a large part of over's range, but no ghost is visible.
    Elsewhere the detail decides: the mean of 3×3 pixels less that of 15×15, with under mapped to over, is the same if
    its normalised correlation is above 0.58. (In real brackets, moving people stay below 0.5.) If too little is
    unclipped or textured, the answer is no.
    """
    o, u, core = over[region.rows, region.columns], under[region.rows, region.columns], region.core
    if _differs_in_shadows_only(u[core], o[core], maps):
        return True
    mapped = np.stack([lookup(m.over, u[..., channel]) for channel, m in enumerate(maps)], -1)
    clipped = (o >= WHITE).any(-1)
    both_clipped = core & clipped & (mapped >= WHITE).any(-1)
    flare = both_clipped & (o > mapped - np.float32(HIGH.visible)).all(-1)
    if flare.sum() > _FLARE_SHARE * core.sum():
        return True
    unclipped = core & ~clipped & (u > 2 * BLACK).any(-1)
    if unclipped.sum() < max(_FEWEST_UNCLIPPED, _LEAST_UNCLIPPED * (core & ~both_clipped).sum()):
        return False
    if both_clipped.sum() > _LARGELY_CLIPPED * core.sum():
        # Flare adds to linear light: there it leaves the detail as it is.
        light = (srgb_to_linear(np.clip(picture, 0, 1)) for picture in (mapped, o))
        mapped, o = (np.sqrt(picture.mean(-1, keepdims=True)) for picture in light)
    first, second = (_detail(picture)[unclipped] for picture in (mapped, o))
    strengths = float(np.sqrt((first**2).mean())), float(np.sqrt((second**2).mean()))
    if min(strengths) < _LEAST_TEXTURE:
        return False
    return float((first * second).mean()) > _SAME * strengths[0] * strengths[1]


def _differs_in_shadows_only(under: Floats, over: Floats, maps: Sequence[IntensityMap]) -> bool:
    """Whether nearly all pixels (N×3 of either frame) of under are within a few levels of what over predicts."""
    off = np.zeros(len(under), np.float32)
    for channel, mapping in enumerate(maps):
        u, o = under[:, channel], over[:, channel]
        difference = u - mapping.backward(o)
        # Where over is clipped, the prediction is a lower bound.
        np.maximum(off, np.where(o < WHITE, np.abs(difference), -difference), out=off, casting="same_kind")
    return bool((off < _RAISED).mean() > _RAISED_SHARE)


def _detail(picture: Floats) -> Floats:
    import cv2

    mean = picture.mean(-1)
    return np.asarray(cv2.blur(mean, (_FINE, _FINE)) - cv2.blur(mean, (_COARSE, _COARSE)))


def is_static(under: Array, over: Array, factor: int, threads: int) -> bool:
    """Quick test whether two frames (H×W×3, both uint8 or both uint16) agree wherever they can be compared.

    The search for ghosts in bytes and on a part of the rows, at a small part of its cost: the `HIGH` tolerance is wider
    than what bytes round away. It demands less than the search, so that it is False whenever that would find a ghost,
    and also if the frames cannot be compared. ``factor`` is the reduction; an incomplete last row or column of cells is
    ignored.
    """
    import cv2

    with ThreadPoolExecutor(threads) as pool:
        small_under, small_over = pool.map(lambda frame: _in_bytes(frame, factor), (under, over))
        maps = maps_from_bins(cv2.LUT(small_under, _ROOTS_OF_BYTES), small_over, pool)
        if maps is None:
            return False
        found = _byte_disagreement(small_under, small_over, maps, pool)
    return _uncertain_pixels(found, small_over, maps) <= _FEW


def _in_bytes(frame: Array, factor: int) -> Bytes:
    """A reduced frame, averaged over the middle row of each cell."""
    import cv2

    if factor > 1:
        rows, columns = frame.shape[0] // factor, frame.shape[1] // factor
        middle = frame[factor // 2 : rows * factor : factor, : columns * factor]
        frame = np.empty((rows, columns, 3), frame.dtype)
        for row in range(0, rows, _STRIP):  # New memory for all rows at once would cost more than the means.
            means = cv2.blur(middle[row : row + _STRIP], (factor, 1), anchor=(0, 0))
            size = columns, means.shape[0]  # Every factor-th of the means: faster than INTER_AREA.
            frame[row : row + _STRIP] = cv2.resize(means, size, interpolation=cv2.INTER_NEAREST)
    if frame.dtype == np.uint8:
        return frame
    return np.asarray(cv2.convertScaleAbs(frame, alpha=255 / full_scale(frame.dtype)))


def _byte_disagreement(under: Bytes, over: Bytes, maps: Sequence[IntensityMap], pool: Executor) -> Bytes:
    """`disagreement` in bytes, band by band."""
    import cv2

    tables = [_byte_bounds(mapping) for mapping in maps]
    unders, overs = cv2.split(under), cv2.split(over)
    found = np.empty(over.shape[:2], np.uint8)

    def compare(top: int) -> None:
        around = slice(max(0, top - _HALO), top + _BAND + _HALO)
        inside = slice(top - around.start, top - around.start + _BAND)
        channels = []
        for u, o, bounds in zip(unders, overs, tables, strict=True):
            least, most, margin = (cv2.LUT(u[around], table) for table in bounds)
            channels.append(largest_over_scales(least, most, margin, o[around], _VISIBLE))
        found[top : top + _BAND] = np.maximum.reduce(channels)[inside]

    list(pool.map(compare, range(0, over.shape[0], _BAND)))
    return found


def _byte_bounds(mapping: IntensityMap) -> tuple[Bytes, Bytes, Bytes]:
    """For each value of under, the least and the largest value of over, and the margin for noise."""
    rounded = HIGH.rounded
    least = np.where(_VALUES > BLACK, mapping.forward(_VALUES - rounded), 0)
    most = mapping.forward(np.maximum(_VALUES, BLACK) + rounded)
    margin = HIGH.sigmas * np.interp(np.sqrt(_VALUES), ROOTS, mapping.spread)
    return _table(least), _table(most), _table(margin)


def _table(values: Doubles) -> Bytes:
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _uncertain_pixels(found: Bytes, over: Bytes, maps: Sequence[IntensityMap]) -> int:
    """The number of pixels that disagree by nearly as much as is certain."""
    stops = median_stops(maps)
    candidates = np.flatnonzero(found > int(255 * _UNCERTAIN * certain_threshold(np.zeros(1, np.float32), stops)[0]))
    by = found.ravel()[candidates] / np.float32(255)
    brightest = over.reshape(-1, 3)[candidates].mean(-1) / np.float32(255) + by
    return int((by > _UNCERTAIN * certain_threshold(brightest, stops)).sum())
