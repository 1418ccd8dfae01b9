"""The room: what differs from scene to scene, how light falls in, its walls and floor, the rug, the sun on them."""

from typing import NamedTuple

import numpy as np

from tools.synthetic.canvas import (
    Box,
    Canvas,
    Light,
    Plane,
    box_distance,
    grid_fractal,
    lattice,
    mix,
    point_noise,
    ramp,
    tinted,
)

# ---- What differs from one sample scene to the next: light, colours and places, all drawn from the seed --------------

Colour = tuple[float, float, float]

FLOOR_LINE = 0.72
"""v where the back wall meets the floor."""
CORNER = 1.455
"""u where the back wall meets the right side wall: the dark corner."""


class _Weather(NamedTuple):
    zenith: Colour
    horizon: Colour
    cloud: Colour
    glow: Colour
    cover: float
    level: float


class _Decor(NamedTuple):
    wall: Colour
    floor: Colour
    rug: tuple[Colour, Colour, Colour]
    curtain: Colour


_WEATHERS = (
    _Weather((0.62, 1.55, 3.9), (3.3, 4.3, 5.4), (6.0, 5.9, 5.7), (3.2, 2.7, 1.7), 0.10, 1.0),
    _Weather((1.0, 1.6, 3.2), (5.6, 4.2, 3.0), (6.2, 4.9, 3.9), (4.5, 2.6, 1.0), 0.05, 0.8),
    _Weather((2.2, 2.7, 3.5), (4.2, 4.5, 4.9), (5.2, 5.3, 5.4), (1.6, 1.5, 1.3), -0.15, 0.9),
    _Weather((0.40, 1.2, 3.3), (2.8, 4.1, 5.2), (6.3, 6.2, 6.0), (2.6, 2.3, 1.8), 0.25, 1.15),
)
_DECORS = (
    _Decor((0.66, 0.60, 0.50), (0.36, 0.19, 0.085),
           ((0.30, 0.050, 0.038), (0.60, 0.49, 0.33), (0.035, 0.055, 0.11)), (0.80, 0.76, 0.68)),
    _Decor((0.42, 0.52, 0.46), (0.42, 0.27, 0.14),
           ((0.05, 0.16, 0.19), (0.66, 0.60, 0.47), (0.50, 0.20, 0.05)), (0.82, 0.80, 0.74)),
    _Decor((0.36, 0.44, 0.58), (0.24, 0.13, 0.065),
           ((0.50, 0.30, 0.06), (0.60, 0.56, 0.48), (0.10, 0.04, 0.03)), (0.76, 0.74, 0.72)),
    _Decor((0.70, 0.48, 0.38), (0.30, 0.17, 0.08),
           ((0.06, 0.14, 0.07), (0.64, 0.55, 0.40), (0.34, 0.10, 0.06)), (0.84, 0.78, 0.70)),
)  # fmt: skip


class Style(NamedTuple):
    """All the choices a seed makes; light in the scene's unit, reflectances linear sRGB."""

    seed: int
    weather: _Weather
    decor: _Decor
    window: Box
    sun: tuple[float, float]
    lamp: float

    @classmethod
    def of(cls, seed: int) -> "Style":
        """The style of a seed; seed 0 is a blue day in a cream room."""
        rng = np.random.default_rng(seed)
        shift, narrower, lower = rng.uniform(-0.02, 0.02), rng.uniform(0, 0.04), rng.uniform(-0.02, 0.02)
        window = Box(0.17 + shift, 0.085 + lower, 0.75 + shift - narrower, 0.535)
        return cls(
            seed=seed,
            weather=_WEATHERS[seed % len(_WEATHERS)],
            decor=_DECORS[(seed + seed // len(_DECORS)) % len(_DECORS)],
            window=window,
            sun=(window.u0 + window.width * rng.uniform(0.62, 0.8), window.v0 + 0.02),
            lamp=float(rng.uniform(0.8, 1.3)),
        )


# ---- The room --------------------------------------------------------------------------------------------------------

LAMP = (0.872, 0.455)
"""Where the bulb of the lamp is."""

_DAYLIGHT, _SUNLIGHT, _LAMPLIGHT = (0.94, 1.0, 1.07), (1.25, 1.02, 0.72), (1.0, 0.60, 0.25)
_EYE = (0.75, 0.42)  # vanishing point
_DEPTH = 1.2  # distance of the back wall from the eye, in scene units
_CEILING = -0.16
_PLANK = 0.062
_RUG = (-0.42, 0.66, 0.36, 1.02)


def light_room(canvas: Canvas, style: Style) -> None:
    """Fill the canvas's illuminance: skylight fading away from the window, the warm lamp, darkness in the corner."""
    patch = canvas.whole()
    u, v = patch.grid()
    far = box_distance(u, v, style.window)
    skylight = 0.15 * np.exp(-far / 0.09) + 0.12 / (1 + (far / 0.30) ** 2) + 0.010
    nook = 1 - 0.86 * np.exp(-np.abs(u - CORNER) / 0.10) * ramp(v, -0.1, 0.75)
    nook = (
        nook
        * (1 - 0.35 * np.exp(-np.abs(v - FLOOR_LINE) / 0.04) * (u < CORNER))
        * (1 - 0.72 * ramp(u + 0.3 * v, 1.15, 1.80))
    )
    reach = np.hypot(u - LAMP[0], v - LAMP[1])
    cone = 0.35 + 0.65 * ramp(np.abs(v - LAMP[1]) - 0.55 * np.abs(u - LAMP[0]), -0.02, 0.06)
    lamp = 0.36 * style.lamp * cone / (1 + (reach / 0.065) ** 2) * (1 - 0.9 * ramp(u, 1.0, 1.5))
    canvas.illuminance[:] = tinted(_DAYLIGHT, skylight * nook * style.weather.level)
    canvas.illuminance += tinted(_LAMPLIGHT, lamp)


def paint_walls(canvas: Canvas, style: Style) -> None:
    """Paint the plastered back wall, the side wall right of the corner, the ceiling and the skirting board."""
    patch = canvas.whole()
    u, v = patch.grid()
    everywhere = np.ones(patch.light.shape[:2], np.float32)
    relief = grid_fractal(patch.u, patch.v, (0.045, 0.045), patch.pixel, 8000 + style.seed, octaves=5, gain=0.55)
    lit = grid_fractal(
        patch.u + 0.002, patch.v + 0.001, (0.045, 0.045), patch.pixel, 8000 + style.seed, octaves=5, gain=0.55
    )
    plaster = 1 + 0.03 * relief + 0.16 * (relief - lit)
    patch.reflect(tinted(style.decor.wall, plaster), everywhere)
    side = patch.inside(CORNER - u + 0 * v)
    patch.shadow(side * (0.42 - 0.25 * ramp(u, CORNER, CORNER + 0.5)))
    slope = (_CEILING - _EYE[1]) / (CORNER - _EYE[0])
    edge = np.where(u > CORNER, _EYE[1] + (u - _EYE[0]) * np.float32(slope), np.float32(_CEILING))
    ceiling = patch.inside((v - edge).astype(np.float32))
    patch.reflect((0.78, 0.77, 0.74), ceiling)
    patch.shadow(0.45 * np.exp(-np.abs(v - edge) / 0.02).astype(np.float32))
    board, cover = canvas.rectangle(Box(-99, FLOOR_LINE - 0.032, CORNER, FLOOR_LINE))
    height = ramp(board.v, FLOOR_LINE - 0.032, FLOOR_LINE - 0.024)[:, None, None]
    board.reflect(np.array([0.74, 0.72, 0.67], np.float32) * (1.15 - 0.35 * height), cover)


def paint_floor(canvas: Canvas, style: Style) -> None:
    """Paint the planks and the rug in perspective, with the window's sunlight lying on them."""
    patch = canvas.patch(Box(-99, FLOOR_LINE - 0.002, 99, 99))
    if patch.light.size == 0:
        return
    u, v = patch.grid()
    nearness = np.maximum(v - _EYE[1], 0.05) / np.float32(FLOOR_LINE - _EYE[1])
    x = ((u - _EYE[0]) / nearness).astype(np.float32)
    y = (_DEPTH / nearness + 0 * u).astype(np.float32)
    footprint = (patch.pixel / nearness).astype(np.float32)
    # Towards the sides the planks turn level: a pixel's height spans more of x than its width.
    albedo = _planks(x, y, footprint * np.hypot(np.float32(1), x / np.float32(FLOOR_LINE - _EYE[1])), style)
    rug, on_rug = _rug(x, y, footprint, style)
    albedo = mix(albedo, rug, on_rug)
    sheen = (1 - on_rug) * 0.55 * np.exp(-((x + 0.30) ** 2) / 0.06) * ramp(y, 0.55, 1.2)
    skylight = 0.115 * np.exp(-((x + 0.25) ** 2) / 0.25) * ramp(y, 0.1, 1.1) + 0.022
    corner = 1 - 0.86 * ramp(x, 0.30, 0.70)
    light = tinted(_DAYLIGHT, skylight * corner * style.weather.level)
    light += tinted(_LAMPLIGHT, 0.055 * style.lamp * np.exp(-((x - 0.12) ** 2 + (y - 1.2) ** 2) / 0.02))
    light += tinted(_SUNLIGHT, _sunlight(x, y, style))
    shine = tinted(_DAYLIGHT, sheen * 0.035 * style.weather.level)
    slope = np.float32((FLOOR_LINE - _EYE[1]) / (CORNER - _EYE[0]))
    line = np.where(u > CORNER, _EYE[1] + (u - _EYE[0]) * slope, np.float32(FLOOR_LINE))
    occlusion = 1 - 0.6 * np.exp(-np.maximum(v - line, 0) / 0.012)
    colour = tinted(albedo * light + shine, occlusion)
    patch.emit(colour, patch.inside((line - v).astype(np.float32)))
    patch.illuminance[:] = light


def _planks(x: Plane, y: Plane, footprint: Plane, style: Style) -> Light:
    seed = 8100 + style.seed
    row = np.floor(x / _PLANK).astype(np.int64)
    offset = lattice(row, np.zeros_like(row), seed)
    length = y / 0.42 + offset * 3
    piece = np.floor(length).astype(np.int64)
    tone = lattice(row, piece, seed + 1)
    grain = np.zeros_like(x)
    for frequency, height in ((70.0, 0.5), (170.0, 0.35), (420.0, 0.25)):
        visible: Plane = np.clip(1 / (frequency * footprint) - 0.7, 0, 1)
        fibres = point_noise(x * frequency + tone * 50, y * np.float32(frequency / 14) + tone * 9, seed + 2)
        grain += visible * np.float32(height) * fibres
    gap = np.minimum(np.abs(x / _PLANK - np.round(x / _PLANK)) * _PLANK, np.abs(length - np.round(length)) * 0.42 * 0.7)
    seam = np.clip((0.0011 - gap) / footprint + 0.5, 0, 1) * np.minimum(1, 0.0022 / footprint)
    shade = (1 + 0.22 * tone + 0.30 * grain) * (1 - 0.75 * seam)
    warm = mix(style.decor.floor, np.asarray(style.decor.floor) * (1.15, 0.95, 0.75), 0.5 + 0.5 * tone)
    return tinted(warm, shade)


def _rug(x: Plane, y: Plane, footprint: Plane, style: Style) -> tuple[Light, Plane]:
    """The rug's colours and where it lies: bands around a field of diamonds, woven of threads."""
    x0, y0, x1, y1 = _RUG
    base, pale, dark = style.decor.rug
    # Depth is foreshortened: a pixel spans more of y than of x.
    deep = footprint * y / np.float32(0.3)
    edge = np.minimum(np.minimum(x - x0, x1 - x), np.minimum(y - y0, y1 - y) * 0.8)

    def band(low: float, high: float) -> Plane:
        inner: Plane = np.clip((edge - low) / footprint + 0.5, 0, 1)
        outer: Plane = np.clip((high - edge) / footprint + 0.5, 0, 1)
        return inner * outer

    across, along = (x - x0) / np.float32(0.13), (y - y0) / np.float32(0.12)
    diamond = np.abs(across - np.round(across)) + np.abs(along - np.round(along))
    softness = np.maximum(deep / 0.12, 0.01)
    field = mix(base, dark, np.clip((0.22 - diamond) / softness + 0.5, 0, 1))
    ring = np.clip((0.07 - np.abs(diamond - 0.36)) / softness + 0.5, 0, 1)
    field = mix(field, pale, ring * 0.9)
    between = np.abs(across - np.floor(across) - 0.5) + np.abs(along - np.floor(along) - 0.5)
    field = mix(field, dark, np.clip((0.13 - between) / softness + 0.5, 0, 1) * 0.8)
    field = mix(field, pale, np.clip((0.05 - between) / softness + 0.5, 0, 1))
    teeth = np.abs(((x + y) / 0.013) % 2 - 1)
    border = mix(pale, dark, np.clip((teeth - 0.5) / np.maximum(deep / 0.013, 0.05) + 0.5, 0, 1))
    colour = mix(field, pale, band(0.052, 0.058))
    colour = mix(colour, border, band(0.022, 0.052))
    colour = mix(colour, base, band(0.006, 0.022))
    colour = mix(colour, dark, band(-1.0, 0.006))
    thread = np.clip(1 / (330 * deep) - 0.6, 0, 1) * point_noise(x * 330, y * 330, 8200 + style.seed)
    tuft = np.clip(1 / (60 * deep) - 0.6, 0, 1) * point_noise(x * 60, y * 60, 8201 + style.seed)
    on = np.clip(edge / footprint + 0.5, 0, 1)
    return tinted(colour, 1 + 0.20 * thread + 0.10 * tuft), on


def _sunlight(x: Plane, y: Plane, style: Style) -> Plane:
    """Sunlight through the window's panes: slanted bright shapes on the floor."""
    lean = x + 0.40 * (_DEPTH - y) - np.float32(0.12)
    panes = np.zeros_like(x)
    left, right = style.window.u0 - _EYE[0] + 0.06, style.window.u1 - _EYE[0] - 0.10
    middle = (left + right) / 2
    blur = 0.008
    for a, b in ((left, middle - 0.012), (middle + 0.012, right)):
        for near, far in ((0.74, 0.865), (0.885, 1.03)):
            wide = ramp(lean, a - blur, a + blur) * (1 - ramp(lean, b - blur, b + blur))
            panes += wide * ramp(y, near - blur, near + blur) * (1 - ramp(y, far - blur, far + blur))
    return panes * np.float32(1.15 * style.weather.level)
