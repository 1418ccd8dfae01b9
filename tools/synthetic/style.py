"""What differs from one sample scene to the next: light, colours and places, all drawn from the seed."""

from typing import NamedTuple

import numpy as np

from tools.synthetic.canvas import Box

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
