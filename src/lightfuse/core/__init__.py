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
    thumbnail,
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
    "thumbnail",
    "warp",
]


def is_packed(picture: NDArray[Any]) -> bool:
    """Whether pixels lie side by side in the rows of a picture, H×W×3, as the core reads them."""
    return picture.strides[1:] == (3 * picture.itemsize, picture.itemsize) and picture.flags.aligned


def packed(picture: NDArray[Any]) -> NDArray[Any]:
    """The picture itself where it `is_packed`, else a copy."""
    return picture if is_packed(picture) else np.ascontiguousarray(picture)


def area_means(picture: NDArray[Any], side: int) -> NDArray[np.float32]:
    """A picture, H×W×3, shrunk to a longer side of at most ``side`` pixels: means over equal areas, in [0, 1].

    Of a large picture eight rows or more are read for each of the result.
    """
    scale = min(1.0, side / max(picture.shape[:2]))
    rows, columns = (max(1, round(extent * scale)) for extent in picture.shape[:2])
    planes = np.empty((3, rows, columns), np.uint16)
    thumbnail(packed(picture), planes)
    return planes.transpose(1, 2, 0).astype(np.float32, order="C") / np.float32(65535)
