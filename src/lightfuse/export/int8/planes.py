"""What FilteringNet does to planes besides multiplying: cells, neighbours, halving, doubling. For any numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Planes = NDArray[Any]


def cell_edges(side: int, cells: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and past-the-last pixel of each of ``cells`` cells along a side; neighbours may share a pixel."""
    i = np.arange(cells)
    return i * side // cells, -(-(i + 1) * side // cells)


def cell_sums(picture: Planes, rows: int, columns: int) -> tuple[Planes, NDArray[np.int64]]:
    """Sums of an H×W×3 picture over rows×columns cells, as int64 3×rows×columns, and how many pixels each cell has."""
    height, width = picture.shape[:2]
    running = np.zeros((height + 1, width + 1, 3), np.int64)
    running[1:, 1:] = picture.astype(np.int64).cumsum(axis=0).cumsum(axis=1)
    (top, bottom), (left, right) = cell_edges(height, rows), cell_edges(width, columns)
    below, above = running[bottom], running[top]
    sums = below[:, right] - below[:, left] - above[:, right] + above[:, left]
    return sums.transpose(2, 0, 1), np.outer(bottom - top, right - left)


def neighbourhoods(x: Planes, stride: int) -> Planes:
    """The 3×3 values around every ``stride``-th cell, edges repeated: C×H×W to C×H/stride×W/stride×9."""
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(1, 2))[:, ::stride, ::stride]
    return windows.reshape(*windows.shape[:3], 9)


def sums_of_four(x: Planes) -> Planes:
    """C×H×W to the sums of its squares of 2×2, C×H/2×W/2."""
    return x[:, ::2, ::2] + x[:, ::2, 1::2] + x[:, 1::2, ::2] + x[:, 1::2, 1::2]


def sixteenfold_doubled(x: Planes) -> Planes:
    """Twice as large by bilinear interpolation (half-pixel centres, edges repeated), times 16."""
    return _fourfold_doubled(_fourfold_doubled(x, 1), 2)


def _fourfold_doubled(x: Planes, axis: int) -> Planes:
    ends = [(0, 0)] * x.ndim
    ends[axis] = (1, 1)
    padded = np.pad(x, ends, mode="edge")
    before, after = (np.take(padded, np.arange(first, first + x.shape[axis]), axis) for first in (0, 2))
    shape = list(x.shape)
    shape[axis] *= 2
    return np.stack([3 * x + before, 3 * x + after], axis + 1).reshape(shape)
