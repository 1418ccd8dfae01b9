"""Replacing a frame's pixels, within the regions' boxes only, tile by tile."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from lightfuse.deghost.prediction import MARGIN
from lightfuse.deghost.regions import Mask, Region
from lightfuse.deghost.working import Array, Floats, full_scale

Predictor = Callable[[Array, Floats, Floats | None], Floats]
"""Takes a tile of the speaking frame, the same of the silent one in [0, 1], and a filling; gives what to show."""

_TILE = 384


class Patch(NamedTuple):
    """A region, and what to fill its holes with (the size of its box), if it has any."""

    region: Region
    fill: Floats | None


class _Tile(NamedTuple):
    patch: Patch
    rows: slice
    columns: slice


def replace(
    silent: Array, speaking: Array, patches: Sequence[Patch], predict: Predictor, factor: int, mask: Mask, threads: int
) -> Array:
    """A copy of ``silent`` that shows in ``patches`` what ``speaking`` shows, by ``predict``.

    Pixels where a region's soft mask is 0 stay bit for bit; ``mask`` (uint8 H×W) is raised to it elsewhere. Regions are
    in pixels ``factor`` times as large.
    """
    changed = silent.copy()

    def change(tile: _Tile) -> None:
        soft = _enlarged(tile.patch.region.soft, tile.patch.region, tile.rows, tile.columns, factor)
        touched = soft > 0
        if not touched.any():
            return
        mixed = _mixed(silent, speaking, tile, soft, predict, factor)
        changed[tile.rows, tile.columns][touched] = mixed[touched]
        part = mask[tile.rows, tile.columns]
        np.maximum(part, np.round(soft * 255).astype(np.uint8), out=part)

    # One region after the other: the boxes of two may overlap, the tiles of one do not.
    with ThreadPoolExecutor(threads) as pool:
        for patch in patches:
            for _ in pool.map(change, _tiles(patch, factor, silent.shape)):
                pass
    return changed


def _mixed(silent: Array, speaking: Array, tile: _Tile, soft: Floats, predict: Predictor, factor: int) -> Array:
    """The tile as ``silent`` and the prediction mixed by ``soft``."""
    near = _widened(tile.rows, silent.shape[0]), _widened(tile.columns, silent.shape[1])
    inside = tuple(
        slice(part.start - wide.start, part.stop - wide.start)
        for part, wide in zip((tile.rows, tile.columns), near, strict=True)
    )
    own = silent[near].astype(np.float32) / np.float32(full_scale(silent.dtype))
    region, fill = tile.patch
    backdrop = None if fill is None else _enlarged(fill, region, *near, factor)
    predicted = predict(speaking[near], own, backdrop)[inside]
    here = own[inside]
    mixed = np.asarray(here + (predicted - here) * soft[..., None], np.float32)
    return _stored(mixed, silent.dtype)


def _tiles(patch: Patch, factor: int, shape: Sequence[int]) -> Iterator[_Tile]:
    region = patch.region
    top, bottom = region.rows.start * factor, min(region.rows.stop * factor, shape[0])
    left, right = region.columns.start * factor, min(region.columns.stop * factor, shape[1])
    for row in range(top, bottom, _TILE):
        for column in range(left, right, _TILE):
            yield _Tile(patch, slice(row, min(row + _TILE, bottom)), slice(column, min(column + _TILE, right)))


def _enlarged(small: Floats, region: Region, rows: slice, columns: slice, factor: int) -> Floats:
    """A tile at full size of what is known in a region's box at reduced size, interpolated."""
    import cv2

    left = (columns.start + 0.5) / factor - 0.5 - region.columns.start
    top = (rows.start + 0.5) / factor - 0.5 - region.rows.start
    matrix = np.array([[1 / factor, 0, left], [0, 1 / factor, top]])
    size = (columns.stop - columns.start, rows.stop - rows.start)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(small, matrix, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _widened(part: slice, length: int) -> slice:
    return slice(max(0, part.start - MARGIN), min(length, part.stop + MARGIN))


def _stored(values: Floats, dtype: np.dtype[np.generic]) -> Array:
    if dtype == np.float32:
        return np.clip(values, 0, 1)
    return np.asarray(np.round(np.clip(values, 0, 1) * np.float32(full_scale(dtype))), dtype)
