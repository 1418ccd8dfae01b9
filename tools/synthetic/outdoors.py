"""What the window shows: a sky with clouds and the glow of the sun, distant hills, trees."""

import numpy as np

from tools.synthetic.canvas import Canvas, Light, Patch, Plane, mix, ramp, tinted
from tools.synthetic.noise import grid_fractal
from tools.synthetic.style import Style

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
