"""A synthetic room with a bright window, as linear light of more than 13 stops: the truth behind every sample."""

from dataclasses import dataclass

import numpy as np

from tools.synthetic.canvas import Canvas, Light, View
from tools.synthetic.charts import paint_board
from tools.synthetic.furniture import paint_lamp, paint_pictures
from tools.synthetic.outdoors import paint_outdoors
from tools.synthetic.room import light_room, paint_floor, paint_walls
from tools.synthetic.shelf import paint_shelf
from tools.synthetic.style import Style
from tools.synthetic.window import paint_curtains, paint_frame, paint_plant

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
