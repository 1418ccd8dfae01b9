"""The comparison sheet: a bracket's exposures and the fused picture, side by side with their names."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError
from lightfuse.images.pixels import to_uint8
from lightfuse.sheets import Cell, Pixels, column_width, framed, row_of, shrink, stack

Array = NDArray[Any]

_WIDTH = 2400
_NARROWEST_COLUMN = 240  # so that names have room below small pictures
_TALLEST = 1.5  # a picture's height at most, in columns' widths
_ROW_GAP = 16
_LETTER, _SMALL_LETTER = 0.95, 0.55
_WIDE_COLUMN = 500  # from which letters are large


def comparison_sheet(
    frames: Sequence[Array], fused: Array, labels: Sequence[str], *, fused_label: str = "fused", width: int = _WIDTH
) -> Pixels:
    """Lay a bracket's frames, in the order given, and the fused picture last, in a grid of equal columns.

    A pair makes one row of three; more frames as many columns as rows, or one more. Pictures are shrunk to their
    column, never enlarged, and the sheet is no wider than it needs to be.

    Args:
        frames: RGB, H×W×3, uint8, uint16 or float32 in [0, 1], of any size each.
        fused: as the frames.
        labels: a line for each frame; long ones wrap at spaces.
        fused_label: the line below the fused picture.
        width: of the sheet in pixels, at most.

    Returns:
        RGB, uint8, in the colours the pictures have: write it with the base exposure's ICC profile.

    Raises:
        PictureError: there is no frame, or not one label for each.
    """
    if not frames or len(labels) != len(frames):
        raise PictureError(f"a comparison needs frames and a label for each; {len(frames)} and {len(labels)} given")
    pictures, names = [*frames, fused], [*labels, fused_label]
    columns = 3 if len(pictures) == 3 else math.ceil(math.sqrt(len(pictures)))
    widest = max(1, column_width(width, columns))
    shown = [_small(picture, widest) for picture in pictures]
    column = min(widest, max(_NARROWEST_COLUMN, *(picture.shape[1] for picture in shown)))
    letter = _LETTER if column >= _WIDE_COLUMN else _SMALL_LETTER
    cells = [Cell(picture, name) for picture, name in zip(shown, names, strict=True)]
    rows = [row_of(cells[first : first + columns], column, letter) for first in range(0, len(cells), columns)]
    return framed(stack(rows, gap=_ROW_GAP))


def _small(picture: Array, width: int) -> Pixels:
    shrunk: Array = shrink(picture, width, round(_TALLEST * width))
    return np.ascontiguousarray(to_uint8(shrunk))
