"""Contact sheets: captioned pictures in rows, such as the comparison of a bracket with its fused picture."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError
from lightfuse.images.pixels import to_depth

Pixels = NDArray[np.uint8]  # an RGB picture, H×W×3
Array = NDArray[Any]

_BACKGROUND, _BRIGHT, _DIM = 30, (240, 240, 240), (170, 170, 170)
_GAP = 14
_LINE_SPACING = 1.5
_LETTER = 0.55  # OpenCV's font scale: capitals about 12 pixels high
# Of the comparison sheet:
_SHEET_WIDTH = 2400
_NARROWEST_COLUMN = 240  # room for labels below small pictures
_TALLEST = 1.5  # the largest height of a picture, in column widths
_ROW_GAP = 16
_LARGE_LETTER = 0.95
_WIDE_COLUMN = 500  # pixels; from here on letters are large


@dataclass(frozen=True)
class Cell:
    """A picture with a title and, below it, words, which wrap at spaces between them, never inside."""

    picture: Pixels
    title: str
    words: tuple[str, ...] = ()


def shrink(picture: Array, width: int, height: int) -> Array:
    """The picture (uint8, uint16 or float32) area-averaged into width × height, its shape kept; never enlarged."""
    import cv2

    scale = min(1.0, width / picture.shape[1], height / picture.shape[0])
    size = tuple(max(1, round(side * scale)) for side in picture.shape[1::-1])
    shrunk: Array = cv2.resize(picture, size, interpolation=cv2.INTER_AREA) if scale < 1 else picture
    return shrunk


def row_of(cells: Sequence[Cell], width: int, letter: float = _LETTER) -> Pixels:
    """Cells side by side, each in a column of ``width``, captions below the pictures."""
    space = max(cell.picture.shape[0] for cell in cells)
    columns = []
    for cell in cells:
        title = _lines(cell.title.split(" "), " ", width, _BRIGHT, letter)
        words = _lines(cell.words, "   ", width, _DIM, letter)
        columns.append(stack([_padded(cell.picture, space + 6, width), title, words]))
    return side_by_side(columns, gap=_GAP)


def rows_of(cells: Sequence[Cell], columns: int, width: int, letter: float = _LETTER) -> list[Pixels]:
    """Rows of so many cells each, as `row_of` draws them."""
    return [row_of(cells[first : first + columns], width, letter) for first in range(0, len(cells), columns)]


def heading(text: str, width: int, letter: float = 1.4 * _LETTER) -> Pixels:
    """A heading in large letters, wrapped to the width."""
    return _lines(text.split(" "), " ", width, _BRIGHT, letter)


def framed(picture: Pixels) -> Pixels:
    """The picture with a margin on every side."""
    return np.pad(picture, ((_GAP, _GAP), (_GAP, _GAP), (0, 0)), constant_values=_BACKGROUND)


def colour_bar(colours: Pixels, low: str, high: str) -> Pixels:
    """Colours (N×3, from lowest to highest) as a bar of N by 14 pixels between the values at its ends."""
    first, last = (_lines([text], "", 10_000, _DIM, _LETTER) for text in (low, high))
    room = max(first.shape[0], last.shape[0]) - 14
    bar = np.pad(
        np.repeat(colours[None], 14, axis=0),
        ((room // 2, room - room // 2), (0, 0), (0, 0)),
        constant_values=_BACKGROUND,
    )
    return side_by_side([first, bar, last], gap=_GAP)


def stack(parts: Sequence[Pixels], gap: int = 0) -> Pixels:
    """Parts below each other, left-aligned, ``gap`` pixels apart."""
    width = max(part.shape[1] for part in parts)
    return np.vstack([_padded(part, part.shape[0] + gap, width) for part in parts])[: -gap or None]


def side_by_side(parts: Sequence[Pixels], gap: int = 0) -> Pixels:
    """Parts side by side, top-aligned, ``gap`` pixels apart."""
    height = max(part.shape[0] for part in parts)
    return np.hstack([_padded(part, height, part.shape[1] + gap) for part in parts])[:, : -gap or None]


def comparison_sheet(
    frames: Sequence[Array],
    fused: Array,
    labels: Sequence[str],
    *,
    fused_label: str = "fused",
    width: int = _SHEET_WIDTH,
) -> Pixels:
    """Lay a bracket's frames, in the order given, and the fused picture last, in a grid of equal columns.

    Pictures are RGB, H×W×3, uint8, uint16 or float32 in [0, 1], of any size each, and shrunk to their column, never
    enlarged; labels wrap at spaces. A pair makes one row of three, more frames as many columns as rows, or one more.
    The sheet is RGB, uint8, at most ``width`` pixels wide, in the colours the pictures have: write it with the base
    exposure's ICC profile. Raises PictureError where there is no frame, or not one label for each.
    """
    if not frames or len(labels) != len(frames):
        raise PictureError(f"a comparison needs frames and a label for each; {len(frames)} and {len(labels)} given")
    columns = 3 if len(frames) == 2 else math.ceil(math.sqrt(len(frames) + 1))
    widest = max(1, (width - (columns + 1) * _GAP) // columns)
    cells = []
    for picture, label in zip([*frames, fused], [*labels, fused_label], strict=True):
        shrunk = shrink(picture, widest, round(_TALLEST * widest))
        cells.append(Cell(np.ascontiguousarray(to_depth(shrunk, 8)), label))
    column = min(widest, max(_NARROWEST_COLUMN, *(cell.picture.shape[1] for cell in cells)))
    letter = _LARGE_LETTER if column >= _WIDE_COLUMN else _LETTER
    return framed(stack(rows_of(cells, columns, column, letter), gap=_ROW_GAP))


def _lines(words: Sequence[str], between: str, width: int, colour: tuple[int, int, int], letter: float) -> Pixels:
    """Words wrapped to the width; a word wider than that is cut off."""
    import cv2

    lines: list[str] = []
    for word in map(drawable, filter(None, words)):
        longer = f"{lines[-1]}{between}{word}" if lines else word
        if lines and _extent(longer, letter)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    drawn: list[Pixels] = []
    for text in lines:
        across, above, below = _extent(text, letter)
        line = np.full((round(_LINE_SPACING * (above + below)), min(across + 2, width), 3), _BACKGROUND, np.uint8)
        cv2.putText(line, text, (0, above + 2), cv2.FONT_HERSHEY_SIMPLEX, letter, colour, _stroke(letter), cv2.LINE_AA)
        drawn.append(line)
    return stack(drawn) if drawn else np.empty((0, 1, 3), np.uint8)


def _extent(text: str, letter: float) -> tuple[int, int, int]:
    """Width of a text in pixels, and how far letters reach above and below the line they stand on."""
    import cv2

    (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, letter, _stroke(letter))
    (_, above), below = cv2.getTextSize("Ag", cv2.FONT_HERSHEY_SIMPLEX, letter, _stroke(letter))
    return width, above, below


def _stroke(letter: float) -> int:
    """Pixels a letter's lines are wide."""
    return max(1, round(1.6 * letter))


def drawable(text: str) -> str:
    """The text in characters that OpenCV can draw: before version 5 only ASCII, never those of broken file names."""
    import cv2

    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    if int(cv2.__version__.split(".")[0]) >= 5:
        return text
    return text.replace("Δ", "d").replace("°", " deg").encode("ascii", "replace").decode()


def _padded(part: Pixels, height: int, width: int) -> Pixels:
    room = ((0, height - part.shape[0]), (0, width - part.shape[1]), (0, 0))
    return np.pad(part, room, constant_values=_BACKGROUND)
