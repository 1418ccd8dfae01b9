"""The window: sky with clouds and sun, hills and trees behind it; its frame, the curtains and a plant before it."""

import numpy as np

from tools.synthetic.canvas import Box, Canvas, Light, Patch, Plane, Point, grid_fractal, mix, ramp, tinted
from tools.synthetic.room import FLOOR_LINE, Style

# ---- What the window shows: a sky with clouds and the glow of the sun, distant hills, trees --------------------------

SKY_LIMIT = 7.2
"""No light outdoors is brighter: an exposure of -3 EV (1/8) holds all of it."""

_HILLS = (
    # height of the ridge in the window (0 top, 1 bottom), its roughness, colour, haze
    (0.66, 0.050, (0.30, 0.46, 0.40), 0.72),
    (0.73, 0.060, (0.34, 0.50, 0.22), 0.42),
    (0.82, 0.045, (0.50, 0.62, 0.16), 0.12),
)


def paint_outdoors(canvas: Canvas, style: Style) -> None:
    """Paint the view over the whole opening of the window."""
    patch, cover = canvas.rectangle(style.window)
    if patch.light.size == 0:
        return
    view = _sky(patch, style)
    for layer, (ridge, rough, colour, haze) in enumerate(_HILLS):
        _hill(view, patch, style, layer, ridge, rough, mix(colour, style.weather.horizon, haze) * style.weather.level)
    _trees(view, patch, style)
    patch.emit(_limited(view), cover)


def _sky(patch: Patch, style: Style) -> Light:
    u, v = patch.grid()
    window, weather = style.window, style.weather
    height = (v - window.v0) / np.float32(window.height) + 0 * u
    sky = mix(weather.zenith, weather.horizon, ramp(height, -0.1, 0.75))
    distance = np.hypot(u - style.sun[0], v - style.sun[1])
    glow = 0.9 * np.exp(-distance / 0.045) + 0.55 * np.exp(-distance / 0.16)
    density, towards_sun = _clouds(patch, style, 0.0), _clouds(patch, style, 0.012)
    sunlit = np.clip(0.60 + 0.55 * (density - towards_sun) + 0.30 * (1 - density), 0, 1.1)
    cloud = mix(np.asarray(weather.zenith) * 0.45 + np.asarray(weather.cloud) * 0.35, weather.cloud, sunlit)
    sky = mix(sky, cloud, ramp(density, 0.0, 0.55) * 0.96)
    return sky + tinted(weather.glow, glow)


def _clouds(patch: Patch, style: Style, step: float) -> Plane:
    """How thick the clouds are, seen ``step`` scene units nearer to the sun (up and right)."""
    u, v = patch.u + np.float32(step), patch.v - np.float32(step)
    noise = grid_fractal(u, v, (0.19, 0.085), patch.pixel, 7000 + style.seed, octaves=7, gain=0.53)
    height = ((v - style.window.v0) / np.float32(style.window.height))[:, None]
    # Most cloud lies in a belt over the hills, some high up.
    belt = 0.38 * np.exp(-(((height - 0.48) / 0.17) ** 2)) + 0.10 * np.exp(-(((height - 0.08) / 0.10) ** 2))
    thick: Plane = noise * 0.75 + belt - np.float32(0.26 + style.weather.cover)
    return thick


def _hill(view: Light, patch: Patch, style: Style, layer: int, ridge: float, rough: float, colour: Light) -> None:
    u, v = patch.grid()
    window = style.window
    seed = 7100 + 10 * layer + style.seed
    line = grid_fractal(patch.u, np.zeros(1, np.float32), (0.22, 1.0), patch.pixel, seed, octaves=3 + 2 * layer)
    top = window.v0 + window.height * (ridge + rough * line)
    texture = grid_fractal(patch.u, patch.v, (0.03, 0.012), patch.pixel, seed + 1, octaves=4, gain=0.7)
    fields = ramp(grid_fractal(patch.u, patch.v, (0.16, 0.03), patch.pixel, seed + 2, octaves=2), -0.1, 0.2)
    shade = (1 + 0.22 * texture) * (0.75 + 0.45 * fields)
    cover = patch.inside(top - v + 0 * u)
    view += tinted(tinted(colour, np.clip(shade, 0.25, 2)) - view, cover)


def _trees(view: Light, patch: Patch, style: Style) -> None:
    """Trees at both sides and bushes along the bottom: leaves are islands of noise, lit from the sun's side."""
    u, v = patch.grid()
    window = style.window
    x, y = (u - window.u0) / np.float32(window.width), (v - window.v0) / np.float32(window.height)
    rng = np.random.default_rng((style.seed, 71))
    crown = np.full(view.shape[:2], -9, np.float32)
    blobs = [(x0, 0.99 + rng.uniform(-0.03, 0.05), 0.10) for x0 in np.linspace(0.02, 0.98, 9).tolist()]
    blobs += [(0.93 + rng.uniform(-0.09, 0.09), rng.uniform(0.42, 0.9), rng.uniform(0.08, 0.15)) for _ in range(12)]
    blobs += [(0.06 + rng.uniform(-0.06, 0.05), rng.uniform(0.66, 0.95), rng.uniform(0.06, 0.11)) for _ in range(7)]
    for x0, y0, radius in blobs:
        crown = np.maximum(crown, 1 - np.hypot((x - x0), (y - y0) * 0.8) / np.float32(radius))
    leaves = grid_fractal(patch.u, patch.v, (0.014, 0.011), patch.pixel, 7200 + style.seed, octaves=4, gain=0.8)
    lit = grid_fractal(
        patch.u + 0.0018, patch.v - 0.0018, (0.014, 0.011), patch.pixel, 7200 + style.seed, octaves=4, gain=0.8
    )
    cover = ramp(crown + 0.42 * leaves, -0.10, 0.12)
    deep = ramp(crown, 0.0, 0.9)
    shade = np.clip(0.52 + 0.45 * (leaves - lit) + 0.16 * leaves - 0.30 * deep, 0, 1)
    colour = mix((0.030, 0.085, 0.022), (0.52, 0.92, 0.17), shade**1.6) * style.weather.level
    view += tinted(colour - view, cover)


def _limited(view: Light) -> Light:
    """The view with its brightest parts bent softly under `SKY_LIMIT`, hue kept."""
    peak = view.max(-1, keepdims=True)
    limited: Light = view / (1 + (peak / np.float32(SKY_LIMIT)) ** 6) ** np.float32(1 / 6)
    return limited


# ---- What stands in the window: its frame and sill, the curtains, a plant whose leaves cut the sky -------------------

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
