"""Blending: one frame's pixels replaced, in the regions of motion, by a prediction from the other frame.

The prediction is the intensity mapping at full size; amplified noise is filtered, and what the source does not show is
continued from its surroundings. Only the regions' boxes are read and written, tile by tile.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale
from lightfuse.deghost.mapping import BLACK, GRID, WHITE, Array, Doubles, Floats, IntensityMap
from lightfuse.deghost.motion import Mask, Region

_MARGIN = 8  # pixels around a tile that filtering reads
_TILE = 384
_RAMP = 0.04
_CONSISTENT = 3 / 255
_AGREES = 0.06
_LUMA_RADIUS, _CHROMA_RADIUS = 2, 6
_NOISE_BINS = 32
_CONTRAST, _GREY, _DARKEST_MEAN = 1.6, 0.02, np.float32(1 / 255)
"""A tone curve raises deviations from grey, relative to the mean, by up to this factor; rounding adds this much."""

Predictor = Callable[[Array, Floats, Floats, Floats | None], Floats]
"""From a tile of the source, as it is and in [0, 1], the same of the target in [0, 1] and a filling, the prediction."""


class Patch(NamedTuple):
    """A region, and what to fill its holes with (the size of its box), if it has any."""

    region: Region
    fill: Floats | None


class _Tile(NamedTuple):
    patch: Patch
    rows: slice
    columns: slice


def replace(
    target: Array, source: Array, patches: Sequence[Patch], predict: Predictor, factor: int, mask: Mask, threads: int
) -> Array:
    """A copy of ``target`` that shows in ``patches`` the prediction from ``source``.

    Pixels where every soft mask is 0 are copied exactly; ``mask`` (uint8 H×W) is raised to the soft masks. One pixel of
    a region is ``factor`` pixels wide and high.
    """
    changed = target.copy()

    def change(tile: _Tile) -> None:
        soft = _enlarged(tile.patch.region.soft, tile.patch.region, tile.rows, tile.columns, factor)
        touched = soft > 0
        if not touched.any():
            return
        mixed = _mixed(target, source, tile, soft, predict, factor)
        changed[tile.rows, tile.columns][touched] = mixed[touched]
        part = mask[tile.rows, tile.columns]
        np.maximum(part, np.round(soft * 255).astype(np.uint8), out=part)

    # One region after the other: the boxes of two may overlap, the tiles of one do not.
    with ThreadPoolExecutor(threads) as pool:
        for patch in patches:
            for _ in pool.map(change, _tiles(patch, factor, target.shape)):
                pass
    return changed


def _mixed(target: Array, source: Array, tile: _Tile, soft: Floats, predict: Predictor, factor: int) -> Array:
    """The target's tile and its prediction mixed by ``soft``."""
    near = _widened(tile.rows, target.shape[0]), _widened(tile.columns, target.shape[1])
    inside = tuple(
        slice(part.start - wide.start, part.stop - wide.start)
        for part, wide in zip((tile.rows, tile.columns), near, strict=True)
    )
    own = target[near].astype(np.float32) / np.float32(full_scale(target.dtype))
    region, fill = tile.patch
    backdrop = None if fill is None else _enlarged(fill, region, *near, factor)
    shown = source[near].astype(np.float32) / np.float32(full_scale(source.dtype))
    predicted = _bounded_colour(predict(source[near], shown, own, backdrop), shown, own)[inside]
    here = own[inside]
    mixed = np.asarray(here + (predicted - here) * soft[..., None], np.float32)
    return _stored(mixed, target.dtype)


def _bounded_colour(predicted: Floats, source: Floats, own: Floats) -> Floats:
    """A prediction whose channels, relative to their mean, deviate from grey no further than in one of the frames.

    So it has no hue that neither frame has, and hardly more chroma. All are H×W×3 in [0, 1].
    """
    mean = predicted.mean(-1, keepdims=True)
    deviations = [frame / np.maximum(frame.mean(-1, keepdims=True), _DARKEST_MEAN) - 1 for frame in (source, own)]
    least = np.minimum(np.minimum(*deviations), 0) * np.float32(_CONTRAST) - np.float32(_GREY)
    most = np.maximum(np.maximum(*deviations), 0) * np.float32(_CONTRAST) + np.float32(_GREY)
    return np.asarray(np.clip(predicted, mean * (1 + least), mean * (1 + most)), np.float32)


def _tiles(patch: Patch, factor: int, shape: Sequence[int]) -> Iterator[_Tile]:
    region = patch.region
    top, bottom = region.rows.start * factor, min(region.rows.stop * factor, shape[0])
    left, right = region.columns.start * factor, min(region.columns.stop * factor, shape[1])
    for row in range(top, bottom, _TILE):
        for column in range(left, right, _TILE):
            yield _Tile(patch, slice(row, min(row + _TILE, bottom)), slice(column, min(column + _TILE, right)))


def _enlarged(small: Floats, region: Region, rows: slice, columns: slice, factor: int) -> Floats:
    """A tile at full size, interpolated from an array of the size of a region's box."""
    import cv2

    left = (columns.start + 0.5) / factor - 0.5 - region.columns.start
    top = (rows.start + 0.5) / factor - 0.5 - region.rows.start
    matrix = np.array([[1 / factor, 0, left], [0, 1 / factor, top]])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(small, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _widened(part: slice, length: int) -> slice:
    return slice(max(0, part.start - _MARGIN), min(length, part.stop + _MARGIN))


def _stored(values: Floats, dtype: np.dtype[np.generic]) -> Array:
    if dtype == np.float32:
        return np.clip(values, 0, 1)
    return np.asarray(np.round(np.clip(values, 0, 1) * np.float32(full_scale(dtype))), dtype)


def _as_tables(tables: Sequence[Doubles], grid: Doubles, dtype: np.dtype[Any]) -> Floats:
    """Lookup tables for every value of ``dtype`` (65,536 for float), N×3, of functions given on a grid of values."""
    steps = np.linspace(0, 1, 256 if dtype == np.uint8 else 65536)
    return np.stack([np.interp(steps, grid, table) for table in tables], -1).astype(np.float32)


def _looked_up(tables: Floats, picture: Array) -> Floats:
    """``tables`` (from `_as_tables`) at a picture's values, H×W×3."""
    import cv2

    if picture.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(picture), tables[None]), np.float32)
    places = picture
    if picture.dtype == np.float32:
        places = (np.clip(picture, 0, 1) * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    return np.stack([tables[:, channel][places[..., channel]] for channel in range(3)], -1)


class OverFromUnder:
    """Predicts over from under; as the mapping amplifies under's noise, it is filtered."""

    def __init__(self, maps: Sequence[IntensityMap], under: Array) -> None:
        noise = _noise_by_value(under)
        darkest = [float(mapping.forward(np.array(2 * BLACK))) for mapping in maps]
        likely = [np.maximum(m.over, min(m.black, most)) for m, most in zip(maps, darkest, strict=True)]
        self._mapped = _as_tables(likely, GRID, under.dtype)
        slopes = [mapping.slope(GRID) * np.interp(GRID, *noise) for mapping in maps]
        self._variance = _as_tables(slopes, GRID, under.dtype) ** 2
        self._darkest = np.array(darkest, np.float32)

    def __call__(self, source: Array, value: Floats, own: Floats, fill: Floats | None) -> Floats:
        """The prediction of over, H×W×3: ``source`` is a tile of under, ``value`` in [0, 1], ``own`` that of over."""
        mapped = _denoised(_looked_up(self._mapped, source), _looked_up(self._variance, source))
        # Where under is black it is an upper bound only: over's own shadows may stay.
        black = np.clip(2 - value / np.float32(BLACK), 0, 1)
        dark = np.clip((self._darkest - own) / np.float32(_CONSISTENT) + 1, 0, 1).min(-1, keepdims=True)
        return np.asarray(mapped + (own - mapped) * (black * dark), np.float32)


class UnderFromOver:
    """Predicts under from over; where over is clipped, under's own values stay as far as they are bright enough."""

    def __init__(self, maps: Sequence[IntensityMap], over: Array) -> None:
        steps = np.linspace(0, 1, 1024)
        self._mapped = _as_tables([mapping.backward(steps) for mapping in maps], steps, over.dtype)
        self._whitest = np.array([mapping.backward(np.array(WHITE)) for mapping in maps], np.float32)

    def __call__(self, source: Array, value: Floats, own: Floats, fill: Floats | None) -> Floats:
        """The prediction of under, H×W×3: ``source`` is a tile of over, ``value`` in [0, 1], ``own`` that of under.

        ``fill`` is used where over is clipped and under is darker than that, so that it cannot show the same moment.
        """
        white = np.clip((value - np.float32(WHITE - _RAMP)) / np.float32(_RAMP), 0, 1)
        bright = np.maximum(own, self._whitest)
        if fill is not None:
            fits = np.clip((own - self._whitest) / np.float32(_CONSISTENT) + 1, 0, 1).min(-1, keepdims=True)
            bright = bright * fits + np.maximum(fill, self._whitest) * (1 - fits)
        mapped = _looked_up(self._mapped, source)
        # Where only some channels of over are clipped, under's own values in these count only if its others agree with
        # over; else they are another object's, or over is veiled by flare, and would give the mixture a false colour.
        apart = (np.abs(own - mapped) * (1 - white)).max(-1, keepdims=True)
        agrees = np.clip(2 - apart / np.float32(_AGREES), 0, 1)
        bright = self._whitest + (bright - self._whitest) * agrees
        return np.asarray(mapped + (bright - mapped) * white, np.float32)


def _denoised(picture: Floats, variance: Floats) -> Floats:
    """The local Wiener filter (Lee, PAMI 1980) for a known noise variance: small windows for luma, large for chroma."""
    import cv2

    luma = picture.mean(-1)
    chroma = picture - luma[..., None]
    total = variance.sum(-1)
    clean = _wiener(luma, cv2.blur(total / 9, (5, 5)), _LUMA_RADIUS)
    noise = variance / 3 + total[..., None] / 9
    return clean[..., None] + _wiener(chroma, cv2.blur(noise, (5, 5)), _CHROMA_RADIUS)


def _wiener(plane: Floats, noise: Floats, radius: int) -> Floats:
    import cv2

    side = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(plane, side)
    seen = cv2.blur(plane * plane, side) - mean * mean
    keep = np.maximum(seen - noise, 0) / np.maximum(seen, np.float32(1e-9))
    keep = np.where(seen > 1e-9, keep, np.float32(1))
    return np.asarray(mean + keep * (plane - mean))


def _noise_by_value(picture: Array) -> tuple[Doubles, Doubles]:
    """Values and the standard deviation of noise at each, from the flattest quarter of some rows' pixels.

    A quarter of normal deviations lies within 0.319 sigma; the mean of four neighbours adds a quarter of the variance.
    """
    scale = full_scale(picture.dtype)
    rows = np.unique(np.linspace(1, max(1, picture.shape[0] - 2), 160).astype(np.int64))
    if min(picture.shape[:2]) < 3:
        return np.array([0.0, 1.0]), np.full(2, 1 / 255)
    above, here, below = (picture[rows + step].astype(np.float32) / np.float32(scale) for step in (-1, 0, 1))
    near = (above[:, 1:-1] + below[:, 1:-1] + here[:, :-2] + here[:, 2:]) / 4
    off = np.abs(here[:, 1:-1] - near).ravel()
    bins = (np.sqrt(np.clip(near.ravel(), 0, 1)) * (_NOISE_BINS - 1) + 0.5).astype(np.int64)
    floor = 0.29 / 255 if picture.dtype == np.uint8 else 1e-5
    order = np.argsort(bins, kind="stable")
    edges = np.searchsorted(bins[order], np.arange(_NOISE_BINS + 1))
    sigmas, values = [], []
    for level in range(_NOISE_BINS):
        inside = off[order[edges[level] : edges[level + 1]]]
        if inside.size >= 64:
            values.append((level / (_NOISE_BINS - 1)) ** 2)
            sigmas.append(max(floor, float(np.quantile(inside, 0.25)) / 0.319 / 1.118))
    if not values:
        return np.array([0.0, 1.0]), np.full(2, max(floor, 1 / 255))
    return np.array(values), np.array(sigmas)


def fill_for(region: Region, under: Floats, over: Floats, maps: Sequence[IntensityMap]) -> Floats | None:
    """A filling of under where the source over is clipped and under is too dark to show the same moment.

    From reduced frames (H×W×3 in [0, 1]), the size of the region's box; None if there is no such place, or nothing
    clipped beside it to continue.
    """
    box = (region.rows, region.columns)
    whitest = np.array([mapping.backward(np.array(WHITE)) for mapping in maps], np.float32)
    clipped = np.asarray((over[box] >= WHITE).all(-1))
    bright = (under[box] >= whitest).all(-1)
    known = clipped & bright
    hole = clipped & ~bright & (region.soft > 0)
    return push_pull(under[box], known) if hole.any() and known.any() else None


def push_pull(picture: Floats, known: NDArray[np.bool_]) -> Floats:
    """``picture`` (H×W×3) where it is ``known`` (H×W), else a smooth continuation of it.

    Averages of the known pixels are pushed down a pyramid until all is known, then pulled up into the gaps (Gortler and
    others, The Lumigraph, SIGGRAPH 1996).
    """
    weight = known.astype(np.float32)[..., None]
    return _pull(picture * weight, weight)


def _pull(weighted: Floats, weight: Floats) -> Floats:
    """``weighted`` is the picture times ``weight`` (H×W×1 in [0, 1]); the rest comes from coarser scales."""
    import cv2

    mean = weighted / np.maximum(weight, np.float32(1e-6))
    height, width = weight.shape[:2]
    if weight.min() >= 1 or max(height, width) < 2:
        return np.asarray(mean)
    thin = cv2.pyrDown(weight)[..., None]
    # A cell that is half known counts as known.
    known = np.minimum(2 * thin, 1)
    coarse = _pull(cv2.pyrDown(weighted) / np.maximum(thin, np.float32(1e-6)) * known, known)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(smooth + (mean - smooth) * weight, np.float32)
