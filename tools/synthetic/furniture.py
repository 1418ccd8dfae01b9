"""The lamp on its table, and the pictures on the wall."""

import numpy as np

from tools.synthetic.canvas import Box, Canvas, Light, Patch, Point, mix, ramp
from tools.synthetic.noise import grid_fractal
from tools.synthetic.room import LAMP
from tools.synthetic.style import FLOOR_LINE, Style

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
