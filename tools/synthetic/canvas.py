"""Shapes painted in linear light with soft, photographic edges, and procedural noise to paint them with."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Light = NDArray[np.float32]
Plane = NDArray[np.float32]
Point = tuple[float, float]

FRAME_WIDTH, FRAME_HEIGHT = 1.5, 1.0
"""The part of the scene every picture shows whole, in scene units; a picture of another shape sees more around it."""

_SUPERSAMPLING = 4


class Box(NamedTuple):
    """A rectangle in scene coordinates: u to the right, v down."""

    u0: float
    v0: float
    u1: float
    v1: float

    @property
    def width(self) -> float:
        """Its extent along u."""
        return self.u1 - self.u0

    @property
    def height(self) -> float:
        """Its extent along v."""
        return self.v1 - self.v0

    def inset(self, du: float, dv: float | None = None) -> "Box":
        """The box made smaller by ``du`` on the left and right, and by ``dv`` (else ``du``) above and below."""
        dv = du if dv is None else dv
        return Box(self.u0 + du, self.v0 + dv, self.u1 - du, self.v1 - dv)


class View(NamedTuple):
    """Which part of the scene a picture of ``width``×``height`` pixels shows: ``scale`` is pixels a scene unit."""

    width: int
    height: int
    scale: float
    left: float
    top: float

    @classmethod
    def of(cls, width: int, height: int, margin: int = 0) -> "View":
        """The view of a picture, with ``margin`` more pixels of the scene on each side."""
        scale = min(width / FRAME_WIDTH, height / FRAME_HEIGHT)
        left = (FRAME_WIDTH - width / scale) / 2 - margin / scale
        # A tall picture sees more floor than ceiling.
        top = 0.35 * (FRAME_HEIGHT - height / scale) - margin / scale
        return cls(width + 2 * margin, height + 2 * margin, scale, left, top)

    def enlarged(self, factor: int) -> "View":
        """The same part of the scene on ``factor`` times the pixels, each way."""
        return View(self.width * factor, self.height * factor, self.scale * factor, self.left, self.top)


@dataclass
class Patch:
    """A rectangle of a canvas's pixels: views of its light and illuminance, and where they lie."""

    light: Light
    illuminance: Light
    u: Plane
    v: Plane
    scale: float
    rows: slice
    columns: slice

    @property
    def pixel(self) -> float:
        """The side of a pixel in scene units."""
        return 1 / self.scale

    def grid(self) -> tuple[Plane, Plane]:
        """``u`` as a row (1, W) and ``v`` as a column (H, 1): they broadcast to the patch."""
        return self.u[None, :], self.v[:, None]

    def inside(self, distance: ArrayLike) -> Plane:
        """Coverage in [0, 1] of the pixels by a shape given by its signed distance (scene units, negative inside)."""
        cover: Plane = np.clip(0.5 - np.asarray(distance, np.float32) * np.float32(self.scale), 0, 1)
        return cover

    def emit(self, colour: ArrayLike, cover: Plane) -> None:
        """Lay light of ``colour``, (3,) or (H, W, 3), over the patch where ``cover`` (H, W) says so."""
        paint = np.asarray(colour, np.float32)
        for channel in range(3):
            plane = self.light[..., channel]
            plane += (paint[..., channel] - plane) * cover

    def reflect(self, albedo: ArrayLike, cover: Plane) -> None:
        """Lay a matt surface of ``albedo`` over the patch: it returns its share of the illuminance there."""
        paint = np.asarray(albedo, np.float32)
        for channel in range(3):
            plane = self.light[..., channel]
            plane += (paint[..., channel] * self.illuminance[..., channel] - plane) * cover

    def shadow(self, strength: ArrayLike) -> None:
        """Darken by ``strength`` (H, W): 0 leaves the light alone, 1 takes it all."""
        rest = 1 - np.asarray(strength, np.float32)
        for channel in range(3):
            self.light[..., channel] *= rest


@dataclass
class Canvas:
    """The picture being painted: its light, and the light falling on each point (both H×W×3 float32, linear)."""

    view: View
    light: Light = field(init=False)
    illuminance: Light = field(init=False)

    def __post_init__(self) -> None:
        self.light = np.zeros((self.view.height, self.view.width, 3), np.float32)
        self.illuminance = np.zeros_like(self.light)

    def whole(self) -> Patch:
        """All pixels."""
        return self._patch(0, 0, self.view.width, self.view.height)

    def patch(self, box: Box) -> Patch:
        """The pixels that ``box`` touches: none (arrays of size 0) where the box is out of the picture."""
        scale, left, top = self.view.scale, self.view.left, self.view.top
        x0 = int(np.clip(np.floor((box.u0 - left) * scale), 0, self.view.width))
        x1 = int(np.clip(np.ceil((box.u1 - left) * scale), x0, self.view.width))
        y0 = int(np.clip(np.floor((box.v0 - top) * scale), 0, self.view.height))
        y1 = int(np.clip(np.ceil((box.v1 - top) * scale), y0, self.view.height))
        return self._patch(x0, y0, x1, y1)

    def rectangle(self, box: Box) -> tuple[Patch, Plane]:
        """The pixels of ``box`` and the exact share of each that it covers."""
        patch = self.patch(box)
        # In pixels and double precision, so that a pixel wholly inside is covered by exactly 1.
        scale, left, top = self.view.scale, self.view.left, self.view.top
        x, y = np.arange(patch.columns.start, patch.columns.stop), np.arange(patch.rows.start, patch.rows.stop)
        across = np.minimum(x + 1, (box.u1 - left) * scale) - np.maximum(x, (box.u0 - left) * scale)
        down = np.minimum(y + 1, (box.v1 - top) * scale) - np.maximum(y, (box.v0 - top) * scale)
        cover = np.clip(down, 0, 1)[:, None] * np.clip(across, 0, 1)[None, :]
        return patch, cover.astype(np.float32)

    def polygons(self, shapes: Iterable[Sequence[Point]]) -> tuple[Patch, Plane]:
        """The pixels of the union of polygons and the share of each that it covers, from 4×4 samples a pixel."""
        import cv2

        corners = [np.asarray(shape, np.float64) for shape in shapes]
        low, high = np.min([c.min(0) for c in corners], 0), np.max([c.max(0) for c in corners], 0)
        patch = self.patch(Box(low[0], low[1], high[0], high[1]))
        if patch.light.size == 0:
            return patch, np.zeros(patch.light.shape[:2], np.float32)
        height, width = patch.light.shape[:2]
        fine = np.zeros((height * _SUPERSAMPLING, width * _SUPERSAMPLING), np.uint8)
        origin = np.array([patch.u[0], patch.v[0]]) - patch.pixel / 2
        for shape in corners:
            samples = (shape - origin) * (self.view.scale * _SUPERSAMPLING) - 0.5
            cv2.fillPoly(fine, [np.round(samples * 16).astype(np.int32)], 255, shift=4)
        cover = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
        return patch, cover.astype(np.float32) / 255

    def _patch(self, x0: int, y0: int, x1: int, y1: int) -> Patch:
        view = self.view
        u = (view.left + (np.arange(x0, x1) + 0.5) / view.scale).astype(np.float32)
        v = (view.top + (np.arange(y0, y1) + 0.5) / view.scale).astype(np.float32)
        rows, columns = slice(y0, y1), slice(x0, x1)
        return Patch(self.light[rows, columns], self.illuminance[rows, columns], u, v, view.scale, rows, columns)


def mix(a: ArrayLike, b: ArrayLike, part: ArrayLike) -> Light:
    """``a`` where ``part`` is 0, ``b`` where it is 1; a plane (H, W) as ``part`` mixes two colours to (H, W, 3)."""
    first, second, share = np.asarray(a, np.float32), np.asarray(b, np.float32), np.asarray(part, np.float32)
    if share.ndim < 2:
        return first + (second - first) * share
    mixed = np.empty((*share.shape, 3), np.float32)
    for channel in range(3):
        low = first[..., channel]
        mixed[..., channel] = low + (second[..., channel] - low) * share
    return mixed


def tinted(colour: ArrayLike, strength: ArrayLike) -> Light:
    """``colour``, (3,) or (H, W, 3), times ``strength`` (H, W), as (H, W, 3)."""
    paint, plane = np.asarray(colour, np.float32), np.asarray(strength, np.float32)
    light = np.empty((*plane.shape, 3), np.float32)
    for channel in range(3):
        np.multiply(plane, paint[..., channel], out=light[..., channel])
    return light


def ramp(values: Plane, low: float, high: float) -> Plane:
    """0 below ``low``, 1 above ``high``, smoothstep between."""
    t: Plane = np.clip((values - np.float32(low)) / np.float32(high - low), 0, 1)
    return t * t * (3 - 2 * t)


def box_distance(u: Plane, v: Plane, box: Box) -> Plane:
    """How far each point lies outside ``box`` (0 inside)."""
    du = np.maximum(np.maximum(box.u0 - u, u - box.u1), 0)
    dv = np.maximum(np.maximum(box.v0 - v, v - box.v1), 0)
    distance: Plane = np.hypot(du, dv)
    return distance


# ---- Noise on an endless lattice in scene coordinates: the same texture at every size of picture ---------------------

_WORD = 0xFFFFFFFF


def lattice(columns: NDArray[np.int64], rows: NDArray[np.int64], seed: int) -> Plane:
    """Random values in [-1, 1], one for each integer point; the arrays broadcast against each other.

    An integer hash (multiply, xor, shift), so that any point of the endless lattice is known without storing it.
    """
    mixed = (columns.astype(np.uint32) * np.uint32(0x8DA6B343)) ^ (rows.astype(np.uint32) * np.uint32(0xD8163841))
    mixed ^= np.uint32(((seed + 1) * 0xCB1AB31F) & _WORD)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        mixed ^= mixed >> np.uint32(shift)
        mixed *= np.uint32(factor)
    mixed ^= mixed >> np.uint32(16)
    return mixed.astype(np.float32) / np.float32(2**31) - 1


def grid_noise(u: Plane, v: Plane, wavelength: tuple[float, float], pixel: float, seed: int) -> Plane:
    """Smooth noise of standard deviation about 0.5 on the grid of columns ``u`` (W,) and rows ``v`` (H,).

    A random lattice of spacing ``wavelength`` (along u, along v), interpolated by cubic B-splines averaged over
    the footprint of a pixel (side ``pixel``): two matrix products. Detail finer than a pixel averages out.
    """
    across, columns = _spline_weights(u, wavelength[0], pixel)
    down, rows = _spline_weights(v, wavelength[1], pixel)
    noise = down @ lattice(columns[None, :], rows[:, None], seed) @ across.T
    return np.asarray(2 * noise, np.float32)


def grid_fractal(
    u: Plane, v: Plane, wavelength: tuple[float, float], pixel: float, seed: int, *, octaves: int, gain: float = 0.5
) -> Plane:
    """Sum of ``octaves`` of `grid_noise`, each of half the wavelength and ``gain`` times the height of the last."""
    total = np.zeros((v.size, u.size), np.float32)
    for octave in range(octaves):
        part = (wavelength[0] / 2**octave, wavelength[1] / 2**octave)
        if min(part) < pixel / 3:
            break
        total += np.float32(gain**octave) * grid_noise(u, v, part, pixel, seed + 101 * octave)
    return total


def point_noise(x: Plane, y: Plane, seed: int) -> Plane:
    """Smooth noise in [-1, 1] at any points: a lattice of spacing 1, smoothstep between its values."""
    left, top = np.floor(x), np.floor(y)
    right_part, low_part = _smooth(x - left), _smooth(y - top)
    i, j = left.astype(np.int64), top.astype(np.int64)
    upper = _mix(lattice(i, j, seed), lattice(i + 1, j, seed), right_part)
    lower = _mix(lattice(i, j + 1, seed), lattice(i + 1, j + 1, seed), right_part)
    return _mix(upper, lower, low_part)


def _spline_weights(points: Plane, spacing: float, pixel: float) -> tuple[Plane, NDArray[np.int64]]:
    """The cubic B-spline weights (N, K) of ``points`` on the lattice, and the K lattice indices they refer to."""
    positions = points.astype(np.float64) / spacing
    half = pixel / spacing / 2
    first = int(np.floor(positions.min() - half)) - 1
    last = int(np.floor(positions.max() + half)) + 2
    weights = np.zeros((points.size, last - first + 1))
    samples = max(2, min(16, int(np.ceil(4 * half))))
    index = np.arange(points.size)
    for sample in range(samples):
        at = positions + half * (2 * (sample + 0.5) / samples - 1)
        cell = np.floor(at).astype(np.int64)
        f = at - cell
        taps = ((1 - f) ** 3, 3 * f**3 - 6 * f**2 + 4, -3 * f**3 + 3 * f**2 + 3 * f + 1, f**3)
        for tap, weight in enumerate(taps):
            weights[index, cell - 1 + tap - first] += weight / (6 * samples)
    return weights.astype(np.float32), np.arange(first, last + 1)


def _smooth(t: Plane) -> Plane:
    return t * t * (3 - 2 * t)


def _mix(a: Plane, b: Plane, part: Plane) -> Plane:
    return a + (b - a) * part
