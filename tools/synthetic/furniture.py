"""What stands in the room: the lamp on its table, pictures on the wall, the bookshelf, a board of charts."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import srgb_to_linear
from tools.synthetic.canvas import Box, Canvas, Light, Patch, Plane, Point, View, grid_fractal, mix, ramp
from tools.synthetic.room import FLOOR_LINE, LAMP, Style

# ---- The lamp on its table, and the pictures on the wall -------------------------------------------------------------

_TABLE_TOP = 0.605
_PICTURE = Box(0.800, 0.135, 0.965, 0.335)


def paint_lamp(canvas: Canvas, style: Style) -> None:
    """A table lamp with a glowing shade and a ceramic foot, on a small round table."""
    u, v = LAMP
    _paint_table(canvas, u)
    x = u
    patch, cover = canvas.polygons([_vase(x, 0.556, _TABLE_TOP)])
    patch.reflect(np.array([0.10, 0.20, 0.22], np.float32) * _round(patch, x, 0.034)[..., None] * 1.6, cover)
    patch, cover = canvas.rectangle(Box(x - 0.004, 0.51, x + 0.004, 0.562))
    patch.reflect((0.30, 0.22, 0.10), cover)
    shade = [(x - 0.040, v - 0.062), (x + 0.040, v - 0.062), (x + 0.068, v + 0.060), (x - 0.068, v + 0.060)]
    patch, cover = canvas.polygons([shade])
    grid_u, grid_v = patch.grid()
    glow = 0.28 + 0.85 * np.exp(-((grid_v - v - 0.008) ** 2) / 0.0016 - (grid_u - x) ** 2 / 0.0030)
    pleat = 1 + 0.05 * np.sin((grid_u - x) / (0.055 + 0.22 * (grid_v - v)) * 60)
    light = mix((0.95, 0.42, 0.11), (1.30, 0.95, 0.50), np.clip(glow, 0, 1)) * (glow * pleat)[..., None]
    patch.emit(light * 1.5 * style.lamp, cover)
    for edge in (v - 0.062, v + 0.057):
        half = 0.040 + (edge - v + 0.062) * 0.23
        rim, cover = canvas.rectangle(Box(x - half, edge, x + half, edge + 0.003))
        rim.light *= (1 - 0.45 * cover)[..., None]


def paint_pictures(canvas: Canvas, style: Style) -> None:
    """A framed landscape between window and shelf, and another far to the left, for panoramas."""
    for shift in (0.0, -1.15):
        box = Box(_PICTURE.u0 + shift, _PICTURE.v0, _PICTURE.u1 + shift, _PICTURE.v1)
        fall, cover = canvas.rectangle(Box(box.u0, box.v0 + 0.01, box.u1 + 0.016, box.v1 + 0.018))
        fall.shadow(0.40 * cover)
        frame, cover = canvas.rectangle(box)
        if frame.light.size == 0:
            continue
        grain = grid_fractal(frame.u, frame.v, (0.02, 0.02), frame.pixel, 8500, octaves=3)
        frame.reflect(np.array([0.13, 0.075, 0.035], np.float32) * (1 + 0.2 * grain)[..., None], cover)
        gilt, cover = canvas.rectangle(box.inset(0.009))
        gilt.reflect((0.52, 0.36, 0.13), cover)
        mat, cover = canvas.rectangle(box.inset(0.0115))
        mat.reflect((0.80, 0.78, 0.73), cover)
        painting, cover = canvas.rectangle(box.inset(0.028, 0.032))
        painting.reflect(_painting(painting, box.inset(0.028, 0.032), style), cover)


def _paint_table(canvas: Canvas, x: float) -> None:
    wood = np.array([0.17, 0.085, 0.04], np.float32)
    for leg in (-0.055, 0.052):
        patch, cover = canvas.polygons(
            [
                [
                    (x + leg, _TABLE_TOP),
                    (x + leg + 0.008, _TABLE_TOP),
                    (x + leg * 1.25 + 0.006, 0.775),
                    (x + leg * 1.25, 0.775),
                ]
            ]
        )
        patch.emit(wood * 0.10, cover)
    patch, cover = canvas.rectangle(Box(x - 0.085, _TABLE_TOP, x + 0.085, _TABLE_TOP + 0.012))
    patch.reflect(wood * 2.2, cover)
    patch, cover = canvas.rectangle(Box(x - 0.070, _TABLE_TOP + 0.012, x + 0.070, _TABLE_TOP + 0.035))
    patch.reflect(wood * 0.7, cover)
    floor = canvas.patch(Box(x - 0.13, FLOOR_LINE, x + 0.13, 0.82))
    u, v = floor.grid()
    floor.shadow(0.6 * np.exp(-(((u - x) / 0.075) ** 2) - ((v - 0.772) / 0.018) ** 2))


def _vase(x: float, top: float, bottom: float) -> list[Point]:
    """The outline of a round-bellied vase standing on ``bottom``."""
    t = np.linspace(0, 1, 41)
    half = 0.011 + 0.008 * t + 0.021 * np.sin(np.pi * t**0.9) ** 0.75
    right = [(x + h, at) for h, at in zip(half.tolist(), (top + (bottom - top) * t).tolist(), strict=True)]
    return right + [(2 * x - u, at) for u, at in reversed(right)]


def _round(patch: Patch, x: float, half: float) -> Light:
    """Shading of an upright round body lit from the left, with a highlight."""
    across = np.clip((patch.u - x) / np.float32(half), -1, 1)
    shade = (
        0.25
        + 0.7 * np.sqrt(np.clip(1 - (across * 0.8 + 0.25) ** 2, 0, 1))
        + 1.2 * np.exp(-((across + 0.5) ** 2) / 0.02)
    )
    rows: Light = np.ones((patch.v.size, 1), np.float32) * shade[None, :].astype(np.float32)
    return rows


def _painting(patch: Patch, box: Box, style: Style) -> Light:
    """A small landscape in oil: evening sky, a lake, hills, brush strokes."""
    u, v = patch.grid()
    y = (v - box.v0) / np.float32(box.height) + 0 * u
    strokes = grid_fractal(patch.u, patch.v, (0.03, 0.006), patch.pixel, 8510 + style.seed, octaves=4, gain=0.6)
    colour = mix((0.10, 0.20, 0.42), (0.90, 0.48, 0.18), ramp(y + 0.06 * strokes, 0.02, 0.52))
    for level, tint in ((0.46, (0.20, 0.16, 0.30)), (0.55, (0.08, 0.10, 0.16))):
        ridge = level + 0.09 * grid_fractal(
            patch.u, np.zeros(1, np.float32), (0.05, 1), patch.pixel, int(level * 900) + style.seed, octaves=4
        )
        colour = mix(colour, tint, ramp(y - ridge, -0.01, 0.01))
    lake = mix((0.62, 0.36, 0.20), (0.05, 0.10, 0.18), ramp(y + 0.10 * strokes, 0.64, 0.95))
    colour = mix(colour, lake, ramp(y, 0.635, 0.645))
    return colour * (1 + 0.18 * strokes)[..., None]


# ---- The bookshelf: wooden boards, books with titles on coloured spines, darkness between them -----------------------

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


# ---- A board under the window with things to measure: colour patches, a grey strip, a star ---------------------------

CHART_ILLUMINANCE = 0.12
"""The neutral, even light on the board: a surface of reflectance r shows as light ``r * CHART_ILLUMINANCE``."""

_NOMINAL_SRGB = (
    (115, 82, 68), (194, 150, 130), (98, 122, 157), (87, 108, 67), (133, 128, 177), (103, 189, 170),
    (214, 126, 44), (80, 91, 166), (193, 90, 99), (94, 60, 108), (157, 188, 64), (224, 163, 46),
    (56, 61, 150), (70, 148, 73), (175, 54, 60), (231, 199, 31), (187, 86, 149), (8, 133, 161),
    (243, 243, 242), (200, 200, 200), (160, 160, 160), (122, 122, 121), (85, 85, 85), (52, 52, 52),
)  # fmt: skip


CHART_REFLECTANCES: Light = srgb_to_linear(np.array(_NOMINAL_SRGB, np.float64) / 255).astype(np.float32)
"""(24, 3): linear sRGB reflectances of the patches, row by row: the nominal values of the common 24-patch chart."""

STRIP_STOPS = 6.0
"""The grey strip falls evenly in log2 from reflectance 0.9 at its left end to this many stops less at its right."""

_CHART_BOARD = Box(0.335, 0.588, 0.705, 0.800)
_CHART = Box(0.347, 0.600, 0.551, 0.736)
_STRIP = Box(0.347, 0.750, 0.693, 0.786)
_STAR_CENTRE, _STAR_RADIUS, _STAR_SPOKES = (0.625, 0.668), 0.064, 36


class ChartPatch(NamedTuple):
    """One colour patch in a picture: ``rows`` and ``columns`` lie wholly inside it, ``light`` is its linear RGB."""

    rows: slice
    columns: slice
    light: Light


def paint_board(canvas: Canvas) -> None:
    """Paint the board and what is printed on it, and its shadow."""
    fall, _ = canvas.rectangle(
        Box(_CHART_BOARD.u0 - 0.05, _CHART_BOARD.v0 - 0.02, _CHART_BOARD.u1 + 0.06, _CHART_BOARD.v1 + 0.04)
    )
    u, v = fall.grid()
    out_u = np.maximum(np.maximum(_CHART_BOARD.u0 - u, u - _CHART_BOARD.u1 - 0.006), 0)
    out_v = np.maximum(np.maximum(_CHART_BOARD.v0 + 0.02 - v, v - _CHART_BOARD.v1 - 0.004), 0)
    fall.shadow(0.60 * np.exp(-np.hypot(out_u, out_v) / 0.010).astype(np.float32))
    board, cover = canvas.rectangle(_CHART_BOARD)
    board.emit(np.full(3, 0.80 * CHART_ILLUMINANCE), cover)
    chart, cover = canvas.rectangle(_CHART)
    chart.emit(np.full(3, 0.035 * CHART_ILLUMINANCE), cover)
    for box, reflectance in zip(_patch_boxes(), CHART_REFLECTANCES, strict=True):
        patch, cover = canvas.rectangle(box)
        patch.emit(reflectance * CHART_ILLUMINANCE, cover)
    _paint_strip(canvas)
    _paint_star(canvas)


def chart_patches(width: int, height: int, margin: int = 0) -> list[ChartPatch]:
    """Where the 24 patches lie in a picture of ``width``×``height``, and their exact light.

    Patches too small to hold a whole pixel are left out, so a tiny picture has none.
    """
    view = View.of(width, height, margin)
    found = []
    for box, reflectance in zip(_patch_boxes(), CHART_REFLECTANCES, strict=True):
        x0, x1 = np.ceil((box.u0 - view.left) * view.scale) + 1, np.floor((box.u1 - view.left) * view.scale) - 1
        y0, y1 = np.ceil((box.v0 - view.top) * view.scale) + 1, np.floor((box.v1 - view.top) * view.scale) - 1
        if x1 > x0 and y1 > y0:
            found.append(ChartPatch(slice(int(y0), int(y1)), slice(int(x0), int(x1)), reflectance * CHART_ILLUMINANCE))
    return found


def _patch_boxes() -> list[Box]:
    du, dv, gap = _CHART.width / 6, _CHART.height / 4, 0.0022
    return [
        Box(
            _CHART.u0 + column * du, _CHART.v0 + row * dv, _CHART.u0 + (column + 1) * du, _CHART.v0 + (row + 1) * dv
        ).inset(gap)
        for row in range(4)
        for column in range(6)
    ]


def _paint_strip(canvas: Canvas) -> None:
    patch, cover = canvas.rectangle(_STRIP)
    along = np.clip((patch.u - _STRIP.u0) / np.float32(_STRIP.width), 0, 1)
    grey = 0.9 * CHART_ILLUMINANCE * np.exp2(-STRIP_STOPS * along)
    patch.emit(np.broadcast_to(grey[None, :, None], patch.light.shape), cover)


def _paint_star(canvas: Canvas) -> None:
    """A Siemens star: black and white sectors meeting in the middle, where no lens resolves them."""
    x, y = _STAR_CENTRE
    patch = canvas.patch(Box(x - 0.075, y - 0.075, x + 0.075, y + 0.075))
    u, v = patch.grid()
    radius, angle = np.hypot(u - x, v - y), np.arctan2(v - y, u - x)
    # Distance to the edge of a sector, in pixels; sectors thinner than a pixel blend to grey.
    white = np.clip(0.5 + np.sin(_STAR_SPOKES * angle) * radius * np.float32(patch.scale / _STAR_SPOKES), 0, 1)
    grey = CHART_ILLUMINANCE * (0.03 + 0.85 * white)
    patch.emit(np.repeat(grey[..., None], 3, -1), patch.inside((radius - _STAR_RADIUS).astype(np.float32)))
