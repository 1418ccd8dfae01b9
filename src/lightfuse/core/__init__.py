"""The compiled core: everything that touches every pixel."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.core._core import (
    ContextModel,
    Ghosts,
    PaperModel,
    align_frames,
    fill_border,
    instruction_sets,
    measure,
    reduce,
    warp,
)

__all__ = [
    "ContextModel",
    "Ghosts",
    "PaperModel",
    "align_frames",
    "area_means",
    "fill_border",
    "instruction_sets",
    "is_packed",
    "measure",
    "packed",
    "reduce",
    "warp",
]


def is_packed(picture: NDArray[Any]) -> bool:
    """Whether pixels lie side by side in the rows of a picture, H×W×3, as the core reads them."""
    return picture.strides[1:] == (3 * picture.itemsize, picture.itemsize) and picture.flags.aligned


def packed(picture: NDArray[Any]) -> NDArray[Any]:
    """The picture itself where it `is_packed`, else a copy."""
    return picture if is_packed(picture) else np.ascontiguousarray(picture)


def area_means(picture: NDArray[Any], side: int) -> NDArray[np.float32]:
    """A picture, H×W×3, shrunk to a longer side of at most ``side`` pixels: means over equal areas, in its own units.

    Of a large picture about four rows and four columns are read for each of the result.
    """
    step = max(1, max(picture.shape[:2]) // (4 * side))
    rows, columns = (-(-extent // step) for extent in picture.shape[:2])
    scale = min(1.0, side / max(rows, columns))
    small = np.empty((max(1, round(rows * scale)), max(1, round(columns * scale)), 3), np.float32)
    reduce(packed(picture), step, small)
    return small
