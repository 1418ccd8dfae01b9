"""The intensity mapping of a pair: which value of over corresponds to a value of under, channel by channel.

Estimated from the comparagram, the joint histogram of the two frames (Mann, Comparametric Equations, IEEE TIP 2000;
Grossberg and Nayar, Determining the Camera Response from Images, PAMI 2003), of reduced frames. Moving objects scatter
the comparagram, so a value is weighted by how closely its partners agree, and the mapping is smooth in stops: moving
objects, a minority, cannot bend it.
"""

import math
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale, linear_to_srgb, srgb_to_linear

Array = NDArray[Any]
Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Bytes = NDArray[np.uint8]

_REDUCED_PIXELS = 1_000_000  # ghosts worth removing are visible at this size
_ROWS = 8

WHITE = 0.98
"""A value from here up may be clipped: it is a lower bound."""
BLACK = 1.5 / 255
"""A value of under up to here is black: it is an upper bound."""

_LEVELS = 256
_FEWEST, _FEWEST_ROWS = 16, 6
_LEAST_SHARED = 0.01
_KNOTS = 40
_SMOOTHNESS, _FLATNESS = 0.3, 1e-3
_ROBUST_STOPS = 0.15
_ROUNDS = 6
_TABLE = 4096
_SPREAD_FLOOR, _SPREAD_CAP = 0.004, 0.05
_FAR = 128  # half levels; a larger distance from the mapping is beyond the cap


@dataclass(frozen=True)
class IntensityMap:
    """One channel's mapping on the grid u = (i / 255)², finer in the shadows, i = 0 … 255; all values in [0, 1].

    ``over[i]`` is the value of over for u: monotonic, 1 where over is clipped. ``spread[i]`` is the standard deviation
    of over about it among static pixels: noise of both frames, rounding, residual misalignment. ``black`` is the median
    of over where under is black.
    """

    over: Doubles
    spread: Doubles
    black: float

    def forward(self, under: Doubles | Floats) -> Doubles:
        """Values of over for values of under."""
        return np.interp(np.sqrt(np.maximum(under, 0)), ROOTS, self.over)

    def backward(self, over: Doubles | Floats) -> Doubles:
        """Values of under for values of over; for white, the least of them."""
        rising = np.maximum.accumulate(self.over + np.arange(_LEVELS) * 1e-7)
        return np.interp(np.minimum(over, WHITE), rising, GRID)

    @property
    def stops(self) -> float:
        """How many stops over was exposed longer, measured at half its range."""
        middle = float(np.interp(0.5, self.over + np.arange(_LEVELS) * 1e-7, GRID))
        dark, bright = srgb_to_linear(np.array([max(middle, 1e-4), 0.5]))
        return float(np.log2(bright / dark))

    def slope(self, under: Doubles | Floats) -> Doubles:
        """The derivative of over by under: by how much under's noise is amplified."""
        return np.interp(np.sqrt(np.maximum(under, 0)), ROOTS, np.gradient(self.over, GRID))


ROOTS: Doubles = np.arange(_LEVELS) / (_LEVELS - 1)
"""Square roots of the grid's values."""
GRID: Doubles = ROOTS**2
_HATS: Doubles = np.maximum(1 - np.abs(ROOTS[:, None] * (_KNOTS - 1) - np.arange(_KNOTS)[None]), 0)


def reduction_factor(height: int, width: int) -> int:
    """The integer by which both sides of a picture are divided to look for ghosts, at least 1."""
    return max(1, math.ceil(math.sqrt(height * width / _REDUCED_PIXELS)))


def reduced(picture: Array, factor: int) -> Floats:
    """``picture`` (H×W×3, uint8, uint16 or float32) as float32 in [0, 1], ceil(H / factor)×ceil(W / factor)×3.

    Averaging in float keeps what eight bits would round away: in the shadows one level of under is many of over's. The
    picture is read strip by strip, so that no full-size float copy of it is made.
    """
    import cv2

    height, width = picture.shape[:2]
    scale = np.float32(1 / full_scale(picture.dtype))
    if factor == 1:
        return np.asarray(picture.astype(np.float32) * scale)
    small = np.empty((-(-height // factor), -(-width // factor), 3), np.float32)
    for row in range(0, small.shape[0], _ROWS):
        part = small[row : row + _ROWS]
        strip = picture[row * factor : (row + _ROWS) * factor].astype(np.float32)
        part[:] = cv2.resize(strip, part.shape[1::-1], interpolation=cv2.INTER_AREA)
    small *= scale
    return small


def estimate_maps(under: Floats, over: Floats) -> tuple[IntensityMap, ...] | None:
    """The mappings of red, green and blue, from two reduced frames (H×W×3 in [0, 1]).

    None if a channel has too few pixels that are unclipped in both frames: they cannot be compared.
    """
    rows = np.round(np.sqrt(np.clip(under, 0, 1)) * (_LEVELS - 1)).astype(np.uint8)
    columns = np.round(np.clip(over, 0, 1) * (_LEVELS - 1)).astype(np.uint8)
    return maps_from_bins(rows, columns)


def maps_from_bins(rows: Bytes, columns: Bytes, pool: Executor | None = None) -> tuple[IntensityMap, ...] | None:
    """The mappings, as `estimate_maps`, of frames whose values are given as bins of the two axes of a comparagram.

    ``rows``: 255 times the square root of under's values; ``columns``: 255 times over's; H×W×3. ``pool`` runs
    the channels in parallel.
    """
    import cv2

    def map_of(channel: int) -> IntensityMap | None:
        size, limits = [_LEVELS, _LEVELS], [0, _LEVELS, 0, _LEVELS]
        comparagram = cv2.calcHist([rows, columns], [channel, channel + 3], None, size, limits)
        return _map_of(np.asarray(comparagram, np.float64))

    found = list(map(map_of, range(3)) if pool is None else pool.map(map_of, range(3)))
    maps = tuple(mapping for mapping in found if mapping is not None)
    return maps if len(maps) == len(found) else None


def median_stops(maps: Sequence[IntensityMap]) -> float:
    """How many stops over was exposed longer, by the middle one of three channels."""
    return sorted(mapping.stops for mapping in maps)[len(maps) // 2]


def lookup(table: Doubles, values: Floats) -> Floats:
    """``table`` (an array of a mapping, on its grid) interpolated at ``values`` (any shape, in [0, 1])."""
    fine = np.interp(np.arange(_TABLE) / (_TABLE - 1), ROOTS, table).astype(np.float32)
    places = np.sqrt(np.clip(values, 0, 1)) * np.float32(_TABLE - 1) + np.float32(0.5)
    return np.asarray(fine[places.astype(np.uint16)])


def _map_of(comparagram: Doubles) -> IntensityMap | None:
    counts = comparagram.sum(1)
    quarter, median, three_quarters = (_quantile(comparagram, part) for part in (0.25, 0.5, 0.75))
    usable = (counts >= _FEWEST) & (GRID > BLACK) & (GRID < WHITE) & (median < WHITE) & (median > BLACK)
    if usable.sum() < _FEWEST_ROWS or counts[usable].sum() < _LEAST_SHARED * counts.sum():
        return None
    light = srgb_to_linear(np.maximum(GRID, BLACK))
    stops = np.log2(np.maximum(srgb_to_linear(median), 1e-6) / light)
    scatter = np.log2(np.maximum(srgb_to_linear(three_quarters), 1e-6) / np.maximum(srgb_to_linear(quarter), 1e-6))
    weights = np.where(usable, np.minimum(counts, np.quantile(counts[usable], 0.5) * 4) / (scatter**2 + 0.05**2), 0.0)
    curve = _smooth(stops, weights / weights.max())
    over = np.maximum.accumulate(np.clip(linear_to_srgb(srgb_to_linear(GRID) * np.exp2(curve)), 0, 1))
    black = float(_quantile(comparagram[GRID <= BLACK].sum(0, keepdims=True), 0.5)[0])
    return IntensityMap(over, _spread(comparagram, over), black)


def _smooth(stops: Doubles, prior_weights: Doubles) -> Doubles:
    """The smoothest curve near ``stops`` (penalised splines; Whittaker 1923), re-weighted against outliers (Tukey)."""
    bend, rise = np.diff(np.eye(_KNOTS), 2, axis=0), np.diff(np.eye(_KNOTS), 1, axis=0)
    strength = prior_weights.sum() / _KNOTS
    penalty = strength * (_SMOOTHNESS * bend.T @ bend + _FLATNESS * rise.T @ rise) + 1e-9 * np.eye(_KNOTS)
    weights = prior_weights
    for _ in range(_ROUNDS):
        weighted = _HATS * weights[:, None]
        curve = _HATS @ np.linalg.solve(penalty + weighted.T @ _HATS, weighted.T @ stops)
        residual = np.abs(stops - curve)
        scale = max(_ROBUST_STOPS, 4 * _weighted_median(residual, prior_weights))
        weights = prior_weights * np.maximum(1 - (residual / scale) ** 2, 1e-4) ** 2
    return np.asarray(curve)


def _spread(comparagram: Doubles, over: Doubles) -> Doubles:
    """Robust standard deviation (1.48 × the median distance) of each row about the mapping, pooled over near rows."""
    distance = np.abs(np.arange(_LEVELS)[None] - over[:, None] * (_LEVELS - 1))
    bins = np.minimum(np.round(distance * 2), _FAR - 1).astype(np.int64)
    flat = (np.arange(_LEVELS)[:, None] * _FAR + bins).ravel()
    histogram = np.bincount(flat, comparagram.ravel(), _FAR * _LEVELS).reshape(_LEVELS, _FAR)
    total: Doubles = np.cumsum(histogram, 0)
    near = 6
    upper = total[np.minimum(np.arange(_LEVELS) + near, _LEVELS - 1)]
    lower = np.vstack([np.zeros((near + 1, _FAR)), total])[:_LEVELS]
    spread = 1.48 * _quantile(upper - lower, 0.5) * (_FAR - 1) / (2 * (_LEVELS - 1))
    most = _SPREAD_CAP + np.gradient(over, GRID) / 255
    return np.clip(spread, _SPREAD_FLOOR, most)


def _quantile(histogram: Doubles, part: float) -> Doubles:
    """Where ``part`` of each row's counts lie below, as a fraction of the columns' range; 0 for an empty row."""
    below = np.cumsum(histogram, 1)
    aim = part * below[:, -1:]
    place = np.minimum((below < aim).sum(1), histogram.shape[1] - 1)
    rows = np.arange(len(histogram))
    inside = np.where(place > 0, below[rows, place - 1], 0.0)
    share = (aim[:, 0] - inside) / np.maximum(histogram[rows, place], 1e-9)
    found = (place + np.clip(share, 0, 1) - 0.5) / (histogram.shape[1] - 1)
    return np.where(below[:, -1] > 0, np.clip(found, 0, 1), 0.0)


def _weighted_median(values: Doubles, weights: Doubles) -> float:
    order = np.argsort(values)
    below = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(below, below[-1] / 2)])
