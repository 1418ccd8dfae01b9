"""The intensity mapping of a pair: which value of over a value of under stands for, channel by channel.

Estimated from the comparagram, the joint histogram of the two frames (Mann, Comparametric Equations, IEEE TIP 2000;
Grossberg and Nayar, Determining the Camera Response from Images, PAMI 2003). Where things move the comparagram is
scattered, so a value's vote counts by how closely its partners agree, and the mapping is smooth in stops: what moves,
a minority, cannot bend it.
"""

from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightfuse.deghost.working import Floats

Doubles = NDArray[np.float64]
Bytes = NDArray[np.uint8]

WHITE = 0.98
"""A value from here up may be clipped: it says "at least"."""
BLACK = 1.5 / 255
"""A value of under up to here is black: it says "at most"."""

_LEVELS = 256
_FEWEST, _FEWEST_ROWS = 16, 6
_LEAST_SHARED = 0.01
_KNOTS = 40
_SMOOTHNESS, _FLATNESS = 0.3, 1e-3
_ROBUST_STOPS = 0.15
_ROUNDS = 6
_TABLE = 4096
_SPREAD_FLOOR, _SPREAD_CAP = 0.004, 0.05
_FAR = 128  # half levels; what lies farther off the mapping is beyond the cap


@dataclass(frozen=True)
class IntensityMap:
    """One channel's mapping on the grid u = (i / 255)², finer in the dark, i = 0 … 255; all values in [0, 1].

    ``over[i]`` is what u stands for in over: rising, 1 where over is clipped. ``spread[i]`` is the standard deviation
    of over about it among pixels where nothing moves: noise of both frames, rounding, residual misalignment.
    ``black`` is the median of what over shows where under is black.
    """

    over: Doubles
    spread: Doubles
    black: float

    @property
    def under(self) -> Doubles:
        """The grid: values of under."""
        return GRID

    def forward(self, under: Doubles | Floats) -> Doubles:
        """Values of over that stand for values of under."""
        return np.interp(np.sqrt(np.maximum(under, 0)), ROOTS, self.over)

    def backward(self, over: Doubles | Floats) -> Doubles:
        """Values of under that stand for values of over; for white, the least of them."""
        rising = np.maximum.accumulate(self.over + np.arange(_LEVELS) * 1e-7)
        return np.interp(np.minimum(over, WHITE), rising, GRID)

    @property
    def stops(self) -> float:
        """How many stops more light over got, read where it is half bright."""
        middle = float(np.interp(0.5, self.over + np.arange(_LEVELS) * 1e-7, GRID))
        dark, bright = _linear(np.array([max(middle, 1e-4), 0.5]))
        return float(np.log2(bright / dark))

    def slope(self, under: Doubles | Floats) -> Doubles:
        """How many levels of over one level of under is worth: what its noise is multiplied by."""
        return np.interp(np.sqrt(np.maximum(under, 0)), ROOTS, np.gradient(self.over, GRID))


ROOTS: Doubles = np.arange(_LEVELS) / (_LEVELS - 1)
"""Square roots of the grid's values."""
GRID: Doubles = ROOTS**2
_HATS: Doubles = np.maximum(1 - np.abs(ROOTS[:, None] * (_KNOTS - 1) - np.arange(_KNOTS)[None]), 0)


def estimate_maps(under: Floats, over: Floats) -> tuple[IntensityMap, ...] | None:
    """The mappings of red, green and blue, from two reduced frames (H×W×3 in [0, 1]).

    None where a channel has too few pixels that both frames show unclipped: they cannot be compared.
    """
    rows = np.round(np.sqrt(np.clip(under, 0, 1)) * (_LEVELS - 1)).astype(np.uint8)
    columns = np.round(np.clip(over, 0, 1) * (_LEVELS - 1)).astype(np.uint8)
    return maps_from_steps(rows, columns)


def maps_from_steps(rows: Bytes, columns: Bytes, pool: Executor | None = None) -> tuple[IntensityMap, ...] | None:
    """The mappings, as `estimate_maps`, of frames whose values are given as steps of the two axes of a comparagram.

    ``rows``: 255 times the square root of under's values; ``columns``: 255 times over's; H×W×3. ``pool`` takes the
    channels side by side.
    """
    import cv2

    def map_of(channel: int) -> IntensityMap | None:
        size, limits = [_LEVELS, _LEVELS], [0, _LEVELS, 0, _LEVELS]
        comparagram = cv2.calcHist([rows, columns], [channel, channel + 3], None, size, limits)
        return _map_of(np.asarray(comparagram, np.float64))

    found = list(map(map_of, range(3)) if pool is None else pool.map(map_of, range(3)))
    maps = tuple(mapping for mapping in found if mapping is not None)
    return maps if len(maps) == len(found) else None


def lookup(table: Doubles, values: Floats) -> Floats:
    """``table`` (a mapping's row, on its grid) read at ``values`` (any shape, in [0, 1]), interpolated."""
    fine = np.interp(np.arange(_TABLE) / (_TABLE - 1), ROOTS, table).astype(np.float32)
    places = np.sqrt(np.clip(values, 0, 1)) * np.float32(_TABLE - 1) + np.float32(0.5)
    return np.asarray(fine[places.astype(np.uint16)])


def _map_of(comparagram: Doubles) -> IntensityMap | None:
    counts = comparagram.sum(1)
    quarter, median, three_quarters = (_quantile(comparagram, part) for part in (0.25, 0.5, 0.75))
    told = (counts >= _FEWEST) & (GRID > BLACK) & (GRID < WHITE) & (median < WHITE) & (median > BLACK)
    if told.sum() < _FEWEST_ROWS or counts[told].sum() < _LEAST_SHARED * counts.sum():
        return None
    here = _linear(np.maximum(GRID, BLACK))
    stops = np.log2(np.maximum(_linear(median), 1e-6) / here)
    scatter = np.log2(np.maximum(_linear(three_quarters), 1e-6) / np.maximum(_linear(quarter), 1e-6))
    votes = np.where(told, np.minimum(counts, np.median(counts[told]) * 4) / (scatter**2 + 0.05**2), 0.0)
    curve = _smooth(stops, votes / votes.max())
    over = np.maximum.accumulate(np.clip(_encoded(_linear(GRID) * np.exp2(curve)), 0, 1))
    black = float(_quantile(comparagram[GRID <= BLACK].sum(0, keepdims=True), 0.5)[0])
    return IntensityMap(over, _spread(comparagram, over), black)


def _smooth(stops: Doubles, votes: Doubles) -> Doubles:
    """The smoothest curve near ``stops`` (penalised splines; Whittaker 1923), re-weighted against outliers (Tukey)."""
    bend, rise = np.diff(np.eye(_KNOTS), 2, axis=0), np.diff(np.eye(_KNOTS), 1, axis=0)
    trust = votes.sum() / _KNOTS
    penalty = trust * (_SMOOTHNESS * bend.T @ bend + _FLATNESS * rise.T @ rise) + 1e-9 * np.eye(_KNOTS)
    weights = votes
    for _ in range(_ROUNDS):
        weighted = _HATS * weights[:, None]
        curve = _HATS @ np.linalg.solve(penalty + weighted.T @ _HATS, weighted.T @ stops)
        residual = np.abs(stops - curve)
        scale = max(_ROBUST_STOPS, 4 * _weighted_median(residual, votes))
        weights = votes * np.maximum(1 - (residual / scale) ** 2, 1e-4) ** 2
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


def _linear(code: Doubles) -> Doubles:
    """SRGB values to light (IEC 61966-2-1): close enough to any camera's curve for stops to be nearly even."""
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def _encoded(light: Doubles) -> Doubles:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 1e-9) ** (1 / 2.4) - 0.055)
