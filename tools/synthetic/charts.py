"""A board leaning on the wall under the window with things to measure: colour patches, a grey strip, a star."""

from typing import NamedTuple

import numpy as np

from lightfuse.colorspace import srgb_to_linear
from tools.synthetic.canvas import Box, Canvas, Light, View

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

_BOARD = Box(0.335, 0.588, 0.705, 0.800)
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
    fall, _ = canvas.rectangle(Box(_BOARD.u0 - 0.05, _BOARD.v0 - 0.02, _BOARD.u1 + 0.06, _BOARD.v1 + 0.04))
    u, v = fall.grid()
    out_u = np.maximum(np.maximum(_BOARD.u0 - u, u - _BOARD.u1 - 0.006), 0)
    out_v = np.maximum(np.maximum(_BOARD.v0 + 0.02 - v, v - _BOARD.v1 - 0.004), 0)
    fall.shadow(0.60 * np.exp(-np.hypot(out_u, out_v) / 0.010).astype(np.float32))
    board, cover = canvas.rectangle(_BOARD)
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
