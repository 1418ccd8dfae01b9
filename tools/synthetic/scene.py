"""A room with a bright window, as linear light of more than 13 stops, and what moves in it: the truth of a sample."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.synthetic.canvas import Box, Canvas, Light, Plane, View, mix, ramp, tinted
from tools.synthetic.furniture import paint_board, paint_lamp, paint_pictures, paint_shelf
from tools.synthetic.room import Style, light_room, paint_floor, paint_walls
from tools.synthetic.window import paint_curtains, paint_frame, paint_outdoors, paint_plant

_FINE_ENOUGH = 300.0
_MOST_PIXELS = 500_000
_VEIL = 3e-4  # light scattered by the air of the room: the deepest shadow


@dataclass(frozen=True)
class Scene:
    """A room by day; ``seed`` varies the weather, the colours, the window and the books, 0 is the best known.

    Light is relative luminance in linear sRGB primaries: 1.0 is what an exposure of 0 EV renders as white.
    The sky stays under 7.2, so -3 EV holds it; the deepest shadow, at the lower right, is 0.0003: more than
    13 stops less.
    """

    seed: int = 0

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"a scene's seed is an integer of at least 0, not {self.seed}")

    def render(self, width: int, height: int, *, margin: int = 0) -> Light:
        """The scene's light, float32 (height + 2·margin)×(width + 2·margin)×3, deterministic, all values ≥ 0.

        Every shape of picture shows the 3:2 heart of the scene whole; wide or tall ones see more around it. A picture
        of twice the size, area-averaged, is nearly the same as the picture. Raises ValueError for a size below 1.
        """
        if width < 1 or height < 1 or margin < 0:
            raise ValueError(f"a scene cannot be rendered at {width}×{height} with a margin of {margin}")
        view = View.of(width, height, margin)
        factor = _finer(view)
        light = self._paint(view.enlarged(factor))
        return light if factor == 1 else _averaged(light, factor)

    def _paint(self, view: View) -> Light:
        """The painter's order: the room, then what stands farther from the eye before what stands nearer."""
        canvas, style = Canvas(view), Style.of(self.seed)
        light_room(canvas, style)
        paint_walls(canvas, style)
        paint_outdoors(canvas, style)
        paint_frame(canvas, style)
        paint_plant(canvas, style)
        paint_floor(canvas, style)
        paint_curtains(canvas, style)
        paint_pictures(canvas, style)
        paint_shelf(canvas, style)
        paint_lamp(canvas, style)
        canvas.light += np.float32(_VEIL)
        paint_board(canvas)
        return np.maximum(canvas.light, 0)


def _finer(view: View) -> int:
    """How many times finer a small picture is painted before it is averaged, so that thin things don't alias."""
    wanted = int(np.ceil(_FINE_ENOUGH / view.scale))
    affordable = int((_MOST_PIXELS / (view.width * view.height)) ** 0.5)
    return max(1, min(wanted, max(2, affordable)))


def _averaged(light: Light, factor: int) -> Light:
    height, width = light.shape[0] // factor, light.shape[1] // factor
    blocks = light.reshape(height, factor, width, factor, 3)
    return np.asarray(blocks.mean((1, 3), dtype=np.float32))


# ---- Something that moves while the bracket is taken: a ball rolling over the rug, with its exact mask ---------------

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
