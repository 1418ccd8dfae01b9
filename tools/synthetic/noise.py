"""Procedural noise on an endless lattice in scene coordinates: the same texture at every size of picture."""

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]

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
