"""A context model in whole numbers, run as its C runs it, number for number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.export.int8.composing import composed
from lightfuse.export.int8.filtering import Filtering
from lightfuse.export.int8.model import PART_BITS, TOP, Int8Model, Whole
from lightfuse.export.int8.planes import cell_sums, neighbourhoods

_STRIP = 64  # rows of the picture in hand at once


def fuse_counting(model: Int8Model, first: NDArray[Any], second: NDArray[Any]) -> NDArray[Any]:
    """Fuse two pictures, H×W×3 of uint8 or uint16, in either order, to one of the same kind."""
    size = model.config.thumbnail_size(*first.shape[:2])
    small = [_thumbnail(picture, *size) for picture in (first, second)]
    pictures = [first, second]
    if _comes_after(first, second, *(int(one.sum()) for one in small)):
        small.reverse()
        pictures.reverse()
    strength = _strength(*small)
    grid = _Counting(model).context(np.concatenate(small) - (TOP + 1) // 2)
    fused = np.empty_like(first)
    for row in range(0, len(first), _STRIP):
        under, over = (_to_fifteen_bits(picture[row : row + _STRIP]) for picture in pictures)
        context = _enlarged(grid, first.shape[0], first.shape[1], slice(row, row + _STRIP))
        strip = composed(model, under, over, _sums(model, np.concatenate([under, over]), context), strength)
        fused[row : row + _STRIP] = _from_fifteen_bits(strip, first.dtype)
    return fused


class _Counting(Filtering):
    """FilteringNet in numbers of 16 bits."""

    def __init__(self, model: Int8Model) -> None:
        super().__init__(model.config)
        self._model = model

    def depthwise(self, name: str, x: Whole, stride: int) -> Whole:
        layer = self._model.spreads[name]
        sums = np.einsum("chwk,ck->chw", neighbourhoods(x, stride), layer.weights)
        return fitted(shifted(sums, layer.shifts[:, None, None]))

    def pointwise(self, name: str, x: Whole, *, relu: bool) -> Whole:
        layer = self._model.mixes[name]
        sums = np.tensordot(layer.weights, x, 1) + layer.biases[:, None, None]
        if relu:
            sums = np.maximum(sums, 0)
        return fitted(shifted(sums * layer.multipliers[:, None, None], layer.shifts[:, None, None]))

    def summary(self, means: Whole, maxima: Whole) -> Whole:
        layer = self._model.mixes["summary"]
        sums = layer.weights @ np.concatenate([means, maxima]) + layer.biases
        return fitted(shifted(sums * layer.multipliers, layer.shifts))

    def added(self, x: Whole, y: Whole) -> Whole:
        return fitted(x + y)

    def divided(self, total: Whole, by: int) -> Whole:
        mean: Whole = (total + by // 2) // by
        return mean


def shifted(sums: Whole, by: Whole | int) -> Whole:
    """Sums divided by 2^by, halves upwards."""
    by = np.asarray(by)
    halved: Whole = (sums + ((1 << by) >> 1)) >> by
    return halved


def fitted(x: Whole) -> Whole:
    """Held to 16 bits."""
    return np.clip(x, -TOP - 1, TOP)


def _to_fifteen_bits(picture: NDArray[Any]) -> Whole:
    """H×W×3 to 3×H×W of 0 to `TOP`."""
    wide = picture.astype(np.int64) * (257 if picture.dtype == np.uint8 else 1)
    return wide.transpose(2, 0, 1) >> 1


def _from_fifteen_bits(planes: Whole, dtype: np.dtype[Any]) -> NDArray[Any]:
    levels = shifted(planes * 65282, 23) if dtype == np.uint8 else (planes << 1) | (planes >> 14)
    return levels.transpose(1, 2, 0).astype(dtype)


def _thumbnail(picture: NDArray[Any], rows: int, columns: int) -> Whole:
    """Means over cells, 3×rows×columns of 0 to `TOP`."""
    sums, pixels = cell_sums(picture, rows, columns)
    if picture.dtype == np.uint16:
        return ((sums + pixels // 2) // pixels) >> 1
    mean = (sums * 128 + pixels // 2) // pixels
    return mean + (mean >> 8)


def _comes_after(first: NDArray[Any], second: NDArray[Any], brightness: int, other: int) -> bool:
    """Whether the first picture is the brighter; of two alike, the one with the larger byte where they first differ."""
    if brightness != other:
        return brightness > other
    ours, theirs = (np.frombuffer(np.ascontiguousarray(picture).tobytes(), np.uint8) for picture in (first, second))
    place = int(np.argmax(ours != theirs))
    return bool(ours[place] > theirs[place])


def _strength(under: Whole, over: Whole) -> int:
    """How much of a bracket the pair is, 0 to `TOP`: see `ContextModel.context`."""
    mean = int(np.abs(over - under).sum()) // under.size
    return min(max((mean - 983) * TOP // 2949, 0), TOP)


def _enlarged(grid: Whole, height: int, width: int, rows: slice) -> Whole:
    """The context of some rows of pixels: between rows of cells to whole numbers, between columns with `PART_BITS`."""
    y, next_y, part_y = _between(height, grid.shape[1])
    x, next_x, part_x = _between(width, grid.shape[2])
    upper, lower = grid[:, y[rows]], grid[:, next_y[rows]]
    mixed = upper + shifted((lower - upper) * part_y[rows, None], PART_BITS)
    left, right = mixed[:, :, x], mixed[:, :, next_x]
    return np.asarray((left << PART_BITS) + (right - left) * part_x, np.int64)


def _between(side: int, cells: int) -> tuple[Whole, Whole, Whole]:
    """For each pixel of a side the cell before it, the one after, and how far between it is (half-pixel centres)."""
    at = np.maximum((2 * np.arange(side) + 1) * cells - side, 0)
    cell = np.minimum(at // (2 * side), cells - 1)
    return cell, np.minimum(cell + 1, cells - 1), ((at - cell * 2 * side) << PART_BITS) // (2 * side)


def _sums(model: Int8Model, x: Whole, context: Whole) -> Whole:
    """CombiningNet: the last layer's sums, outputs×H×W."""
    into = context >> model.context_shifts[:, None, None]
    first, last = into[: model.config.hidden[0]], into[model.config.hidden[0] :]
    for i, layer in enumerate(model.layers):
        sums = np.tensordot(layer.weights, x, 1) + layer.biases[:, None, None]
        if i == len(model.layers) - 1:
            return sums + last
        sums = sums + first if i == 0 else sums
        x = np.minimum(shifted(np.maximum(sums, 0), layer.shifts[:, None, None]), TOP)
    raise AssertionError("a model has two layers at least")
