"""The quick way out: whether a pair is so plainly still that nothing need be looked at closely.

Most pairs are. The same search as for ghosts, in bytes and from a part of the rows, at a small part of the cost: what a
ghost must exceed at least (`STRICT`) is more than bytes round away. It asks for less than the search itself, so that
whatever that would find leaves a doubt here.
"""

from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor

import numpy as np

from lightfuse.deghost.disagreement import STRICT, largest_over_scales
from lightfuse.deghost.mapping import BLACK, ROOTS, Bytes, Doubles, IntensityMap, maps_from_steps
from lightfuse.deghost.regions import certain_from
from lightfuse.deghost.working import Array, full_scale

_DOUBT = 0.8  # of what is certain
_FEW = 5  # pixels; the search itself asks for one more, in one place
_VISIBLE = round(STRICT.visible * 255)
_BAND, _HALO = 256, 16  # rows; multiples of four: the smaller scales of a band are those of the picture

_VALUES = np.arange(256) / 255
_ROOTS_OF_BYTES = np.round(np.sqrt(_VALUES) * 255).astype(np.uint8)


def plainly_still(under: Array, over: Array, factor: int, threads: int) -> bool:
    """Whether two frames (H×W×3, both uint8 or both uint16) agree wherever they can be compared.

    ``factor``: by how much both sides are reduced to look for ghosts; a last row or column that fills no whole cell is
    not looked at. False if there is a doubt, or if the frames cannot be compared.
    """
    import cv2

    with ThreadPoolExecutor(threads) as pool:
        small_under, small_over = pool.map(lambda frame: _in_bytes(frame, factor), (under, over))
        maps = maps_from_steps(cv2.LUT(small_under, _ROOTS_OF_BYTES), small_over, pool)
        if maps is None:
            return False
        apart = _disagreement(small_under, small_over, maps, pool)
    return _pixels_in_doubt(apart, small_over, maps) <= _FEW


def _in_bytes(frame: Array, factor: int) -> Bytes:
    """A reduced frame, averaged over the middle row of each cell."""
    import cv2

    if factor > 1:
        rows, columns = frame.shape[0] // factor, frame.shape[1] // factor
        middle = frame[factor // 2 : rows * factor : factor, : columns * factor]
        means = cv2.blur(middle, (factor, 1), anchor=(0, 0))  # Of which every factor-th: sooner had than by INTER_AREA.
        frame = np.asarray(cv2.resize(means, (columns, rows), interpolation=cv2.INTER_NEAREST))
    if frame.dtype == np.uint8:
        return frame
    return np.asarray(cv2.convertScaleAbs(frame, alpha=255 / full_scale(frame.dtype)))


def _disagreement(under: Bytes, over: Bytes, maps: Sequence[IntensityMap], pool: Executor) -> Bytes:
    """`disagreement` in bytes, band by band."""
    import cv2

    tables = [_expected(mapping) for mapping in maps]
    unders, overs = cv2.split(under), cv2.split(over)
    found = np.empty(over.shape[:2], np.uint8)

    def look(top: int) -> None:
        around = slice(max(0, top - _HALO), top + _BAND + _HALO)
        inside = slice(top - around.start, top - around.start + _BAND)
        channels = []
        for u, o, expected in zip(unders, overs, tables, strict=True):
            least, most, margin = (cv2.LUT(u[around], table) for table in expected)
            channels.append(largest_over_scales(least, most, margin, o[around], _VISIBLE))
        found[top : top + _BAND] = np.maximum.reduce(channels)[inside]

    list(pool.map(look, range(0, over.shape[0], _BAND)))
    return found


def _expected(mapping: IntensityMap) -> tuple[Bytes, Bytes, Bytes]:
    """For each value of under, the least and the most that over should show, and the margin for noise."""
    rounded = STRICT.rounded
    least = np.where(_VALUES > BLACK, mapping.forward(_VALUES - rounded), 0)
    most = mapping.forward(np.maximum(_VALUES, BLACK) + rounded)
    margin = STRICT.sigmas * np.interp(np.sqrt(_VALUES), ROOTS, mapping.spread)
    return _table(least), _table(most), _table(margin)


def _table(values: Doubles) -> Bytes:
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _pixels_in_doubt(apart: Bytes, over: Bytes, maps: Sequence[IntensityMap]) -> int:
    """How many pixels disagree by nearly as much as is certain."""
    stops = float(np.median([mapping.stops for mapping in maps]))
    candidates = np.flatnonzero(apart > int(255 * _DOUBT * certain_from(np.zeros(1, np.float32), stops)[0]))
    by = apart.ravel()[candidates] / np.float32(255)
    brightest = over.reshape(-1, 3)[candidates].mean(-1) / np.float32(255) + by
    return int((by > _DOUBT * certain_from(brightest, stops)).sum())
