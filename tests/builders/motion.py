"""Pairs and brackets for the tests of deghosting: a room in which a disc may have moved, with the truth."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tools.synthetic import Camera, Scene

WIDTH, HEIGHT = 360, 240
HERE, THERE = (110, 165), (230, 170)


@dataclass(frozen=True)
class Moved:
    """A pair in which a disc moved, what each frame would show with the other's moment, and where the disc is."""

    under: NDArray
    over: NDArray
    under_then: NDArray
    over_then: NDArray
    spoilt: NDArray


@cache
def room(seed: int = 0) -> NDArray:
    return Scene(seed).render(WIDTH, HEIGHT)


def with_disc(light: NDArray, place: tuple[int, int], level: float, radius: int = 22) -> tuple[NDArray, NDArray]:
    """``light`` with a striped disc of light ``level`` at ``place`` (x, y), and where it is."""
    y, x = np.mgrid[: light.shape[0], : light.shape[1]]
    inside = np.hypot(x - place[0], y - place[1]) <= radius
    stripes = np.where((x - place[0]) // 6 % 2 == 0, level, level / 2)[..., None] * np.array([1.0, 0.7, 0.5])
    return np.where(inside[..., None], stripes, light).astype(np.float32), inside


def moved(level: float, evs: tuple[float, float] = (-2.0, 2.0), bits: int = 8, places=(HERE, THERE)) -> Moved:
    (first, at_first), (last, at_last) = (with_disc(room(), place, level) for place in places)
    camera = Camera()
    under, over_then = (camera.photograph(first, ev, bits=bits, seed=i) for i, ev in enumerate(evs))
    under_then, over = (camera.photograph(last, ev, bits=bits, seed=i) for i, ev in enumerate(evs))
    return Moved(under, over, under_then, over_then, at_first | at_last)


def rms(one: NDArray, other: NDArray, where: NDArray) -> float:
    """Root mean square difference of two frames of one dtype, in 8-bit levels."""
    scale = 255 / (1.0 if one.dtype == np.float32 else np.iinfo(one.dtype).max)
    return float(np.sqrt(np.mean(((one[where].astype(np.float64) - other[where]) * scale) ** 2)))
