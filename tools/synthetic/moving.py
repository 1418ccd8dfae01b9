"""Something that moves while the bracket is taken: a ball rolling over the rug, with its exact mask."""

import numpy as np
from numpy.typing import NDArray

from tools.synthetic.canvas import Box, Canvas, Light, Plane, View, mix, ramp, tinted

Mask = NDArray[np.bool_]

_RADIUS = 0.078
_START, _END, _GROUND = 0.98, 0.56, 0.955
_WHITE = (0.80, 0.77, 0.70)
_COLOURS = ((0.72, 0.10, 0.05), _WHITE, (0.04, 0.22, 0.50), _WHITE, (0.80, 0.50, 0.05), _WHITE)
_ILLUMINANCE = 0.15


def moving_object(light: Light, t: float, *, margin: int = 0) -> tuple[Light, Mask]:
    """``light`` with a beach ball at time ``t`` in [0, 1] of its way from right to left, and its mask (H, W).

    ``light`` is what `Scene.render` made with the same ``margin``; it is not changed. The mask is True exactly where
    the result may differ from it: on the ball and its shadow. Raises ValueError for a time outside [0, 1].
    """
    if not 0 <= t <= 1:
        raise ValueError(f"the ball rolls from t = 0 to t = 1: there is no t = {t}")
    canvas = Canvas(View.of(light.shape[1] - 2 * margin, light.shape[0] - 2 * margin, margin))
    canvas.light[:] = light
    x, y = _START + (_END - _START) * float(t), _GROUND - _RADIUS
    patch = canvas.patch(Box(x - 1.5 * _RADIUS, y - 1.1 * _RADIUS, x + 1.5 * _RADIUS, _GROUND + 0.03))
    u, v = patch.grid()
    shadow = np.clip(1 - ((u - x - 0.012) / (1.25 * _RADIUS)) ** 2 - ((v - _GROUND + 0.006) / 0.022) ** 2, 0, 1)
    patch.shadow(0.75 * shadow**0.8)
    across, down = (u - x) / np.float32(_RADIUS), (v - y) / np.float32(_RADIUS)
    cover = patch.inside((np.hypot(across, down) - 1) * np.float32(_RADIUS))
    patch.emit(_ball(across, down, turned=(_END - _START) * float(t) / _RADIUS, radius=_RADIUS * patch.scale), cover)
    mask = np.zeros(light.shape[:2], np.bool_)
    mask[patch.rows, patch.columns] = (shadow > 0) | (cover > 0)
    return canvas.light, mask


def _ball(across: Plane, down: Plane, turned: float, radius: float) -> Light:
    """The light of a striped ball of ``radius`` pixels, lit from up and left; its disc is of radius 1 in its points."""
    outwards = np.sqrt(np.clip(1 - across**2 - down**2, 0, 1))
    # The ball's axis leans towards the eye, so that its pole and all six gores show.
    pole_u, pole_v = 0.35, -0.35
    angle = np.arctan2(down - pole_v * outwards, across - pole_u * outwards) - turned
    cap = np.hypot(across - pole_u * outwards, down - pole_v * outwards)
    place = angle * (6 / (2 * np.pi)) % 6
    gore, into = np.floor(place).astype(np.int64), place % 1
    colours = np.array(_COLOURS, np.float32)
    pixels = cap * np.float32(2 * np.pi / 6 * radius)  # the width of a gore
    albedo = mix(colours[gore % 6], colours[(gore + 1) % 6], np.clip(0.5 - (1 - into) * pixels, 0, 1))
    albedo = mix(albedo, colours[(gore - 1) % 6], np.clip(0.5 - into * pixels, 0, 1))
    albedo = mix(albedo, _WHITE, 1 - ramp(cap, 0.13, 0.15))
    shade = 0.30 + 0.85 * np.clip(-0.62 * across - 0.62 * down + 0.48 * outwards, 0, 1)
    shade *= 1 - 0.45 * ramp(down + 0 * across, 0.3, 1.0)
    gloss = 0.9 * np.exp(-((across + 0.42) ** 2 + (down + 0.45) ** 2) / 0.012)
    return tinted(tinted(albedo, shade) + np.asarray(gloss, np.float32)[..., None], np.full_like(gloss, _ILLUMINANCE))
