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
