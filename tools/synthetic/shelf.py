"""The bookshelf: wooden boards, books with titles on coloured spines, darkness between them."""

import numpy as np
from numpy.typing import NDArray

from tools.synthetic.canvas import Box, Canvas, Patch, Plane, ramp
from tools.synthetic.noise import grid_fractal
from tools.synthetic.style import Style

_SHELF = Box(1.02, 0.17, 1.40, 0.725)
_BOARD = 0.012
_ROWS = 5
_WOOD = (0.21, 0.11, 0.055)
_SPINES = (
    (0.36, 0.035, 0.03), (0.04, 0.11, 0.26), (0.05, 0.17, 0.09), (0.62, 0.50, 0.26), (0.55, 0.52, 0.46),
    (0.42, 0.16, 0.035), (0.10, 0.04, 0.14), (0.03, 0.03, 0.035), (0.10, 0.28, 0.32), (0.60, 0.33, 0.05),
    (0.30, 0.22, 0.14), (0.22, 0.03, 0.08),
)  # fmt: skip
_TITLES = (
    "LIGHT AND SHADOW", "EXPOSURE", "ON COLOUR", "THE WINDOW", "OPTICS", "A ROOM AT NOON", "SKIES", "SILVER HALIDE",
    "THE ZONE SYSTEM", "GARDENS", "FIELD NOTES", "GRAIN", "DUSK", "ATLAS OF CLOUDS", "LENSES", "FAR HILLS",
)  # fmt: skip


def paint_shelf(canvas: Canvas, style: Style) -> None:
    """Paint the whole shelf against the back wall."""
    rng = np.random.default_rng((style.seed, 84))
    beside, cover = canvas.rectangle(Box(_SHELF.u0, _SHELF.v0, _SHELF.u1 + 0.04, _SHELF.v1))
    beside.shadow(0.5 * cover * np.exp(-np.maximum(beside.u - _SHELF.u1, 0) / 0.015)[None, :])
    _paint_wood(canvas, _SHELF, style, 0.55)
    inner = _SHELF.inset(_BOARD)
    pitch = (inner.height + _BOARD) / _ROWS
    for row in range(_ROWS):
        top = inner.v0 + row * pitch
        bay = Box(inner.u0, top, inner.u1, top + pitch - _BOARD)
        patch, cover = canvas.rectangle(bay)
        patch.reflect((0.030, 0.018, 0.010), cover)
        _paint_books(canvas, bay, rng)
        _paint_bay_shadow(canvas, bay, row)
    for side in (Box(_SHELF.u0, _SHELF.v0, inner.u0, _SHELF.v1), Box(inner.u1, _SHELF.v0, _SHELF.u1, _SHELF.v1)):
        _paint_wood(canvas, side, style, 1.0)
    _paint_wood(canvas, Box(_SHELF.u0 - 0.008, _SHELF.v0 - 0.012, _SHELF.u1 + 0.008, _SHELF.v0 + 0.006), style, 1.5)


def _paint_wood(canvas: Canvas, box: Box, style: Style, tone: float) -> None:
    patch, cover = canvas.rectangle(box)
    if patch.light.size == 0:
        return
    grain = grid_fractal(patch.u, patch.v, (0.09, 0.006), patch.pixel, 8400 + style.seed, octaves=4)
    patch.reflect(np.asarray(_WOOD, np.float32) * (tone * (1 + 0.25 * grain))[..., None], cover)


def _paint_books(canvas: Canvas, bay: Box, rng: np.random.Generator) -> None:
    """Fill a bay with books from the left; a gap is left now and then."""
    left = bay.u0 + 0.004
    end = bay.u1 - rng.uniform(0.004, 0.06)
    while True:
        width, height = rng.uniform(0.013, 0.030), bay.height * rng.uniform(0.66, 0.93)
        spine, title, style = rng.integers(len(_SPINES)), rng.integers(len(_TITLES)), rng.integers(4)
        if left + width > end:
            return
        book = Box(left, bay.v1 - height, left + width - 0.0012, bay.v1)
        _paint_book(canvas, book, np.asarray(_SPINES[spine], np.float32), _TITLES[title], int(style))
        left += width + (rng.uniform(0.015, 0.04) if rng.random() < 0.06 else 0)


def _paint_book(canvas: Canvas, book: Box, colour: NDArray[np.float32], title: str, style: int) -> None:
    patch, cover = canvas.rectangle(book)
    if patch.light.size == 0:
        return
    across = (patch.u - book.u0) / np.float32(book.width)
    rounded = (1.05 - 1.5 * (across - 0.42) ** 2)[None, :, None] * np.ones((patch.v.size, 1, 1), np.float32)
    patch.reflect(colour * rounded, cover)
    pale = float(colour.sum()) > 0.9
    ink = np.array([0.06, 0.04, 0.03] if pale else [0.72, 0.58, 0.28] if style % 2 else [0.78, 0.75, 0.68], np.float32)
    bands = ((0.07, 0.085), (0.915, 0.93)) if style < 2 else ((0.12, 0.17), (0.86, 0.88))
    for low, high in bands:
        stripe, cover = canvas.rectangle(
            Box(book.u0, book.v0 + low * book.height, book.u1, book.v0 + high * book.height)
        )
        stripe.reflect(ink * 0.8, cover)
    label = Box(
        book.u0 + 0.22 * book.width,
        book.v0 + 0.20 * book.height,
        book.u1 - 0.22 * book.width,
        book.v0 + 0.84 * book.height,
    )
    patch, cover = _text(canvas, label, title)
    patch.reflect(ink, cover)


def _text(canvas: Canvas, box: Box, words: str) -> tuple[Patch, Plane]:
    """``words`` written from top to bottom to fill ``box``: the pixels and the share of each that is ink."""
    import cv2

    patch = canvas.patch(box)
    height, width = patch.light.shape[:2]
    if height == 0 or width == 0:
        return patch, np.zeros((height, width), np.float32)
    size, base = cv2.getTextSize(words, cv2.FONT_HERSHEY_DUPLEX, 1.2, 2)
    page = np.zeros((size[1] + base + 4, size[0] + 8), np.uint8)
    cv2.putText(page, words, (4, size[1] + 2), cv2.FONT_HERSHEY_DUPLEX, 1.2, 255, 2, cv2.LINE_AA)
    page = cv2.rotate(page, cv2.ROTATE_90_CLOCKWISE)
    # Letters are never stretched to more than 1.3 times their width: short titles leave room below.
    down = min(box.height, 1.3 * box.width * page.shape[0] / page.shape[1])
    fine = 4
    scale = canvas.view.scale * fine
    across_map = np.array([[box.width * scale / page.shape[1], 0, 0], [0, down * scale / page.shape[0], 0]])
    across_map[:, 2] = (np.array([box.u0 - patch.u[0], box.v0 - patch.v[0]]) * canvas.view.scale + 0.5) * fine
    shape = (max(1, round(page.shape[1] * across_map[0, 0])), max(1, round(page.shape[0] * across_map[1, 1])))
    small = cv2.resize(page, shape, interpolation=cv2.INTER_AREA)
    sheet = np.zeros((height * fine, width * fine), np.uint8)
    x, y = max(0, round(across_map[0, 2])), max(0, round(across_map[1, 2]))
    part = small[: max(0, sheet.shape[0] - y), : max(0, sheet.shape[1] - x)]
    sheet[y : y + part.shape[0], x : x + part.shape[1]] = part
    cover = cv2.resize(sheet, (width, height), interpolation=cv2.INTER_AREA)
    return patch, cover.astype(np.float32) / 255


def _paint_bay_shadow(canvas: Canvas, bay: Box, row: int) -> None:
    """The board above shades the books under it, and each bay is darker than the one over it."""
    patch, cover = canvas.rectangle(bay)
    u, v = patch.grid()
    lid = 0.75 * (1 - ramp(v + 0 * u, bay.v0, bay.v0 + 0.035))
    # The window is at the left: the left side board shades the books beside it.
    board = 0.45 * np.exp(-np.maximum(u - bay.u0, 0) / 0.02)
    patch.shadow(cover * (1 - (1 - lid) * (1 - board) * np.float32(0.95 - 0.08 * row)))
