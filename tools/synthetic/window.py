"""What stands in the window: its frame and sill, the curtains, and a plant whose thin leaves cut the bright sky."""

import numpy as np

from tools.synthetic.canvas import Box, Canvas, Point, mix, ramp
from tools.synthetic.noise import grid_fractal
from tools.synthetic.style import FLOOR_LINE, Style

_WOOD = (0.70, 0.68, 0.63)


def paint_frame(canvas: Canvas, style: Style) -> None:
    """The wooden frame with its bars, lit at the edges by the day outside, and the sill."""
    window = style.window
    middle = (window.u0 + window.u1) / 2
    third = window.v0 + 0.30 * window.height
    bars = [
        Box(window.u0 - 0.022, window.v0 - 0.022, window.u0 + 0.012, window.v1),
        Box(window.u1 - 0.012, window.v0 - 0.022, window.u1 + 0.022, window.v1),
        Box(window.u0 - 0.022, window.v0 - 0.026, window.u1 + 0.022, window.v0 + 0.012),
        Box(middle - 0.009, window.v0, middle + 0.009, window.v1),
        Box(window.u0, third - 0.006, window.u1, third + 0.006),
    ]
    for bar in bars:
        patch, cover = canvas.rectangle(bar)
        u, v = patch.grid()
        rim = np.minimum(np.minimum(u - bar.u0, bar.u1 - u), np.minimum(v - bar.v0, bar.v1 - v))
        bevel = 0.50 + 0.40 * ramp(rim, 0.0, 0.004)
        patch.reflect(np.asarray(_WOOD, np.float32) * bevel[..., None], cover)
    sill = Box(window.u0 - 0.05, window.v1 - 0.006, window.u1 + 0.05, window.v1 + 0.022)
    patch, cover = canvas.rectangle(sill)
    depth = ramp(patch.v, sill.v0, sill.v0 + 0.015)[:, None]
    glow = mix((0.95, 0.97, 1.0), (0.16, 0.15, 0.14), depth + 0 * patch.u[None, :]) * style.weather.level
    patch.emit(glow, cover)
    under, _ = canvas.rectangle(Box(sill.u0, sill.v1, sill.u1, sill.v1 + 0.05))
    fade = np.exp(-(under.v - sill.v1) / 0.014)[:, None] * np.ones_like(under.u)[None, :]
    under.shadow(0.55 * fade)


def paint_curtains(canvas: Canvas, style: Style) -> None:
    """Linen curtains at both sides, glowing where the window is behind them, on an iron rod."""
    window = style.window
    rod = window.v0 - 0.042
    for left, right, gathered in ((window.u0 - 0.10, window.u0 + 0.055, -1), (window.u1 - 0.055, window.u1 + 0.10, 1)):
        patch, _ = canvas.rectangle(Box(left - 0.03, rod, right + 0.03, FLOOR_LINE - 0.006))
        if patch.light.size == 0:
            continue
        u, v = patch.grid()
        drop = (v - rod) / np.float32(FLOOR_LINE - rod)
        sway = 0.010 * np.sin(5.0 * drop + gathered) + 0.02 * gathered * drop**2
        x = u - sway
        phase = (x - left) * 210 + 1.3 * np.sin((x - left) * 63 + 2 * drop) + 0.8 * np.sin(drop * 4 + gathered)
        fold = 0.5 + 0.5 * np.sin(phase)
        linen = 1 + 0.05 * grid_fractal(patch.u, patch.v, (0.004, 0.004), patch.pixel, 8300 + style.seed, octaves=2)
        behind = ramp(x, window.u0 - 0.015, window.u0 + 0.02) * (1 - ramp(x, window.u1 - 0.02, window.u1 + 0.015))
        behind = behind * (1 - ramp(v + 0 * u, window.v1 - 0.03, window.v1 + 0.03))
        through = behind * (0.50 + 0.95 * fold**1.5) * style.weather.level
        cloth = np.asarray(style.decor.curtain, np.float32)
        light = (
            cloth
            * np.array([1.06, 1.0, 0.88], np.float32)
            * (patch.illuminance * (0.55 + 0.60 * fold)[..., None] + (through * linen)[..., None])
        )
        cover = patch.inside(np.maximum(left - x, x - right) + 0 * v)
        patch.emit(light * linen[..., None], cover)
    patch, cover = canvas.rectangle(Box(window.u0 - 0.15, rod - 0.008, window.u1 + 0.15, rod))
    patch.reflect((0.07, 0.06, 0.055), cover)
    for end in (window.u0 - 0.15, window.u1 + 0.15):
        knob = canvas.patch(Box(end - 0.02, rod - 0.02, end + 0.02, rod + 0.015))
        u, v = knob.grid()
        knob.reflect((0.09, 0.075, 0.06), knob.inside(np.hypot(u - end, v - rod + 0.004) - np.float32(0.011)))


def paint_plant(canvas: Canvas, style: Style) -> None:
    """A potted plant on the sill: long arching leaves, and a few thin bare stems."""
    rng = np.random.default_rng((style.seed, 83))
    window = style.window
    foot = (window.u0 + 0.34 * window.width, window.v1 - 0.062)
    for _ in range(5):
        tip = (foot[0] + rng.uniform(-0.07, 0.07), foot[1] - rng.uniform(0.24, 0.33))
        patch, cover = canvas.polygons([_leaf(foot, tip, rng.uniform(-0.02, 0.02), 0.0009)])
        patch.emit((0.030, 0.028, 0.014), cover)
    for order in range(30):
        angle = rng.uniform(-1.45, 1.45)
        reach = rng.uniform(0.11, 0.25) * (1 - 0.25 * abs(angle))
        tip = (foot[0] + reach * np.sin(angle), foot[1] - reach * np.cos(angle) + 0.05 * abs(angle))
        arch = -0.05 * np.sign(angle) * abs(angle) * rng.uniform(0.5, 1.2)
        width = rng.uniform(0.0045, 0.0085)
        green = mix((0.018, 0.050, 0.012), (0.22, 0.42, 0.05), (order / 30) ** 2 * rng.uniform(0.3, 1.0))
        patch, cover = canvas.polygons([_leaf(foot, tip, arch, width)])
        patch.emit(green * style.weather.level, cover)
        patch, cover = canvas.polygons([_leaf(foot, tip, arch, width * 0.14)])
        patch.emit(green * 1.7 * style.weather.level, cover)
    _paint_pot(canvas, (foot[0], window.v1 - 0.004), style)


def _paint_pot(canvas: Canvas, foot: Point, style: Style) -> None:
    x, y = foot
    for shape in (
        [(x - 0.043, y - 0.058), (x + 0.043, y - 0.058), (x + 0.031, y), (x - 0.031, y)],
        [(x - 0.048, y - 0.068), (x + 0.048, y - 0.068), (x + 0.046, y - 0.052), (x - 0.046, y - 0.052)],
    ):
        patch, cover = canvas.polygons([shape])
        round_ = (patch.u[None, :] - x) / np.float32(0.048) + 0 * patch.v[:, None]
        # The day behind it catches both edges; its front faces the room.
        shade = 0.10 + 0.9 * np.abs(round_) ** 5 + 0.05 * round_
        patch.emit(np.array([0.46, 0.17, 0.075], np.float32) * shade[..., None] * style.weather.level, cover)


def _leaf(foot: Point, tip: Point, arch: float, width: float) -> list[Point]:
    """The outline of a leaf along a quadratic Bézier curve from ``foot`` to ``tip``, bent upwards by ``arch``."""
    middle = ((foot[0] + tip[0]) / 2 - arch * 0.4, (foot[1] + tip[1]) / 2 - abs(arch))
    t = np.linspace(0, 1, 25)
    along = np.outer((1 - t) ** 2, foot) + np.outer(2 * t * (1 - t), middle) + np.outer(t**2, tip)
    direction = np.gradient(along, axis=0)
    normal = np.stack([-direction[:, 1], direction[:, 0]], 1) / np.hypot(*direction.T)[:, None]
    half = (width * np.sin(np.pi * np.clip(0.06 + 0.94 * t, 0, 1)) ** 0.7)[:, None]
    outline = np.concatenate([along + normal * half, (along - normal * half)[::-1]])
    return [(float(u), float(v)) for u, v in outline]
