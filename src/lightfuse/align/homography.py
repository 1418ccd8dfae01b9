"""Homographies of a hand-held camera: eight small movements, corners, and what a hand can do."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Matrix = NDArray[np.floating[Any]]

# The basis of the small movements W(p) = 1 + Σ p·G: right, down, turn, zoom, stretch, shear, tilt right, tilt down.
# Coordinates are centred, with half the picture's long side as unit, so that a movement of p moves the edge by about p.
_GENERATORS: Matrix = np.array(
    [
        [[0, 0, 1], [0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 1], [0, 0, 0]],
        [[0, -1, 0], [1, 0, 0], [0, 0, 0]],
        [[1, 0, 0], [0, 1, 0], [0, 0, 0]],
        [[1, 0, 0], [0, -1, 0], [0, 0, 0]],
        [[0, 1, 0], [1, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [1, 0, 0]],
        [[0, 0, 0], [0, 0, 0], [0, 1, 0]],
    ],
    np.float64,
)
MOVEMENTS = len(_GENERATORS)

# What a hand does between two frames (standard deviations, in the units above): it shifts and turns freely, tilts
# and zooms (focus breathes) a little, and hardly ever stretches or shears.
HAND = np.array([0.06, 0.06, 0.04, 0.01, 0.001, 0.001, 0.008, 0.008])
# What no hand does between two frames of a bracket.
_FARTHEST = np.array([0.25, 0.25, 0.18, 0.06, 0.025, 0.025, 0.08, 0.08])


def normaliser(width: int, height: int) -> Matrix:
    """Pixels of a picture to centred coordinates whose unit is half the long side."""
    half = max(width, height) / 2
    return np.array([[1 / half, 0, -(width - 1) / 2 / half], [0, 1 / half, -(height - 1) / 2 / half], [0, 0, 1.0]])


def small_warp(movements: Matrix) -> Matrix:
    """The homography of eight small movements, in centred coordinates."""
    return np.asarray(np.eye(3) + np.tensordot(movements, _GENERATORS, 1))


def movements_of(warp: Matrix) -> Matrix:
    """The eight movements of a homography in centred coordinates: the inverse of `small_warp`."""
    m = warp / warp[2, 2]
    return np.array(
        [
            m[0, 2],
            m[1, 2],
            (m[1, 0] - m[0, 1]) / 2,
            (m[0, 0] + m[1, 1]) / 2 - 1,
            (m[0, 0] - m[1, 1]) / 2,
            (m[0, 1] + m[1, 0]) / 2,
            m[2, 0],
            m[2, 1],
        ]
    )


def jacobian(gradient_x: Array, gradient_y: Array, u: Array, v: Array) -> Array:
    """How a picture changes with the eight movements: N×8 float32, from its gradient per unit at centred (u, v)."""
    along = gradient_x * u + gradient_y * v
    columns = (
        gradient_x,
        gradient_y,
        gradient_y * u - gradient_x * v,
        along,
        gradient_x * u - gradient_y * v,
        gradient_x * v + gradient_y * u,
        -u * along,
        -v * along,
    )
    return np.stack(columns, axis=1).astype(np.float32)


def apply(warp: Matrix, points: Array) -> Matrix:
    """Points (N×2) carried by a homography."""
    moved = points @ warp[:, :2].T + warp[:, 2]
    return np.asarray(moved[:, :2] / moved[:, 2:])


def corners(width: int, height: int) -> Matrix:
    """Centres of the four corner pixels, clockwise from the upper left: 4×2."""
    x, y = width - 1.0, height - 1.0
    return np.array([[0, 0], [x, 0], [x, y], [0, y]])


def corner_distances(first: Matrix, second: Matrix, width: int, height: int) -> Matrix:
    """How far apart two homographies carry each of the four corners, in pixels."""
    at = corners(width, height)
    return np.asarray(np.linalg.norm(apply(first, at) - apply(second, at), axis=1))


def is_plausible(warp: Matrix, width: int, height: int) -> bool:
    """Whether a hand may have moved the camera so between two frames."""
    if not np.all(np.isfinite(warp)):
        return False
    return bool(np.all(np.abs(movements_of(to_unit(warp, width, height))) <= _FARTHEST))


def to_unit(warp: Matrix, width: int, height: int) -> Matrix:
    """A homography of pixels in centred coordinates."""
    change = normaliser(width, height)
    return np.asarray(change @ warp @ np.linalg.inv(change))


def to_pixels(warp: Matrix, width: int, height: int) -> Matrix:
    """A homography of centred coordinates in pixels: the inverse of `to_unit`; H[2, 2] is 1."""
    change = normaliser(width, height)
    pixels = np.linalg.inv(change) @ warp @ change
    return np.asarray(pixels / pixels[2, 2])
