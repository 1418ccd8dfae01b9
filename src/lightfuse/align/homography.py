"""Homographies of a hand-held camera, and their Gauss-Newton refinement on two local-contrast images.

The refinement is inverse compositional image alignment (Baker & Matthews, IJCV 2004, section 3.2) with robust weights,
which are small where the images disagree (moving objects), and a prior on the shake of a hand-held camera, which keeps
the parameters small where there is little texture.
"""

from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Matrix = NDArray[np.floating[Any]]

# The eight parameters of a homography W(p) = 1 + Σ p·G: translation in x and y, rotation, zoom, stretch, shear,
# perspective in x and y. In centred coordinates, whose unit is half the long side, a parameter p moves the edge of the
# picture by about p.
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
PARAMETERS = len(_GENERATORS)

# Standard deviations of the parameters between two hand-held frames: free translation and rotation, a little
# perspective and zoom (focus breathing), hardly any stretch and shear.
_HAND_SHAKE = np.array([0.06, 0.06, 0.04, 0.01, 0.001, 0.001, 0.008, 0.008])
_PLAUSIBLE = np.array([0.25, 0.25, 0.18, 0.06, 0.025, 0.025, 0.08, 0.08])  # the largest plausible parameters

_TILES = 12  # along the long side
_MOST_POINTS = 48_000
_ITERATIONS = 15
_CONVERGED = 0.003  # pixels at the corners
_BORDER = 3
_COLUMNS = 512
_CORRELATED = 16.0  # points lie densely on the same smoothed edges: about this many are worth one independent one
_LEAST_SIGMA = 0.02
_MEDIAN_STEP = 4  # every fourth point is enough for a median


@dataclass(frozen=True)
class Prior:
    """A Gaussian prior on a homography (centred coordinates): its mean and its parameters' inverse covariance."""

    warp: Matrix
    information: Matrix


@dataclass(frozen=True)
class Points:
    """Salient pixels of the base: coordinates, values, Jacobian (N×8), and the tile in which each lies.

    Tiles are numbered row by row; ``odd`` is True on the black squares when they are coloured as a chessboard.
    """

    x: Array
    y: Array
    values: Array
    jacobian: Array
    tiles: Array
    odd: Array

    def only(self, chosen: Array) -> "Points":
        """The points selected by a mask."""
        return Points(*(getattr(self, field.name)[chosen] for field in fields(self)))


@dataclass(frozen=True)
class Estimate:
    """An estimated homography in centred coordinates, with the inverse covariance of its parameters."""

    warp: Matrix
    information: Matrix


def hand_shake_prior() -> Prior:
    """The prior of a frame of which nothing is known but that the camera was hand-held."""
    return Prior(np.eye(3), np.diag(1 / np.square(_HAND_SHAKE)))


def normaliser(width: int, height: int) -> Matrix:
    """The matrix from pixels to centred coordinates, whose unit is half the long side."""
    half = max(width, height) / 2
    return np.array([[1 / half, 0, -(width - 1) / 2 / half], [0, 1 / half, -(height - 1) / 2 / half], [0, 0, 1.0]])


def to_unit(warp: Matrix, width: int, height: int) -> Matrix:
    """A homography of pixels in centred coordinates."""
    change = normaliser(width, height)
    return np.asarray(change @ warp @ np.linalg.inv(change))


def to_pixels(warp: Matrix, width: int, height: int) -> Matrix:
    """A homography of centred coordinates in pixels: the inverse of `to_unit`; H[2, 2] is 1."""
    change = normaliser(width, height)
    pixels = np.linalg.inv(change) @ warp @ change
    return np.asarray(pixels / pixels[2, 2])


def from_parameters(parameters: Matrix) -> Matrix:
    """The homography with the given eight parameters, in centred coordinates."""
    return np.asarray(np.eye(3) + np.tensordot(parameters, _GENERATORS, 1))


def parameters_of(warp: Matrix) -> Matrix:
    """The eight parameters of a homography in centred coordinates: the inverse of `from_parameters`."""
    m = warp / warp[2, 2]
    rotation, zoom = (m[1, 0] - m[0, 1]) / 2, (m[0, 0] + m[1, 1]) / 2 - 1
    stretch, shear = (m[0, 0] - m[1, 1]) / 2, (m[0, 1] + m[1, 0]) / 2
    return np.array([*m[:2, 2], rotation, zoom, stretch, shear, *m[2, :2]])


def jacobian(gradient_x: Array, gradient_y: Array, u: Array, v: Array) -> Array:
    """Derivatives of an image by the eight parameters: N×8 float32, from its gradient at the centred points (u, v)."""
    radial = gradient_x * u + gradient_y * v
    rotation, stretch = gradient_y * u - gradient_x * v, gradient_x * u - gradient_y * v
    shear = gradient_x * v + gradient_y * u
    columns = (gradient_x, gradient_y, rotation, radial, stretch, shear, -u * radial, -v * radial)
    return np.stack(columns, axis=1).astype(np.float32)


def apply(warp: Matrix, points: Array) -> Matrix:
    """Points (N×2) mapped by a homography."""
    mapped = points @ warp[:, :2].T + warp[:, 2]
    return np.asarray(mapped[:, :2] / mapped[:, 2:])


def corners(width: int, height: int) -> Matrix:
    """Centres of the four corner pixels, clockwise from the upper left: 4×2."""
    x, y = width - 1.0, height - 1.0
    return np.array([[0, 0], [x, 0], [x, y], [0, y]])


def corner_distances(first: Matrix, second: Matrix, width: int, height: int) -> Matrix:
    """Distances in pixels between where two homographies map each of the four corners."""
    at = corners(width, height)
    return np.asarray(np.linalg.norm(apply(first, at) - apply(second, at), axis=1))


def is_plausible(warp: Matrix, width: int, height: int) -> bool:
    """Whether a homography of pixels may be the shake of a hand-held camera between two frames."""
    if not np.all(np.isfinite(warp)):
        return False
    return bool(np.all(np.abs(parameters_of(to_unit(warp, width, height))) <= _PLAUSIBLE))


def salient_points(base: Array) -> Points:
    """The pixels of a local-contrast image (H×W) with the largest gradients, in every tile, so all parts count."""
    height, width = base.shape
    tile = max(8, -(-max(width, height) // _TILES))
    rows, columns = max(1, height // tile), max(1, width // tile)
    right, down = np.zeros_like(base), np.zeros_like(base)
    right[:, 1:-1] = (base[:, 2:] - base[:, :-2]) * np.float32(0.5)
    down[1:-1] = (base[2:] - base[:-2]) * np.float32(0.5)
    steepness = right * right + down * down
    for edge in (np.s_[:_BORDER], np.s_[-_BORDER:], np.s_[:, :_BORDER], np.s_[:, -_BORDER:]):
        steepness[edge] = 0
    # The last tile of a row or column takes what is left over.
    tops, lefts = [*range(0, rows * tile, tile), height], [*range(0, columns * tile, tile), width]
    each = max(16, min(_MOST_POINTS, base.size // 4) // (rows * columns))
    chosen = []
    for top, bottom in pairwise(tops):
        for left, end in pairwise(lefts):
            part = steepness[top:bottom, left:end].ravel()
            best = np.argpartition(part, -each)[-each:] if part.size > each else np.arange(part.size)
            chosen.append((best // (end - left) + top) * width + best % (end - left) + left)
    flat = np.sort(np.concatenate(chosen))
    flat = flat[steepness.ravel()[flat] > 0]
    y, x = np.divmod(flat, width)
    unit = normaliser(width, height)
    u, v = x * unit[0, 0] + unit[0, 2], y * unit[1, 1] + unit[1, 2]
    slope = jacobian(right.ravel()[flat] / unit[0, 0], down.ravel()[flat] / unit[1, 1], u, v)
    row, column = np.minimum(y // tile, rows - 1), np.minimum(x // tile, columns - 1)
    return Points(x, y, base.ravel()[flat], slope, row * columns + column, (row + column) % 2 == 1)


def refine(points: Points, frame: Array, start: Matrix, prior: Prior, iterations: int = _ITERATIONS) -> Estimate:
    """Refine ``start`` (centred coordinates, base to frame) until ``frame`` (H×W) matches the points' values best."""
    height, width = frame.shape
    from_prior = np.linalg.inv(prior.warp)
    at_corners = np.column_stack([corners(width, height), np.ones(4)]) @ normaliser(width, height).T
    half = max(width, height) / 2
    warp, information = start, prior.information
    for _ in range(iterations):
        sampled, inside = sample(frame, points, warp)
        residuals = np.where(inside, sampled - points.values, 0)
        sigma = _robust_sigma(residuals[inside])
        weights = inside / np.square(1 + np.square(residuals / (2 * sigma)))
        weighted = points.jacobian * weights[:, None].astype(np.float32)
        precision = 1 / (_CORRELATED * sigma**2)
        information = prior.information + precision * (weighted.T @ points.jacobian).astype(np.float64)
        from_mean = parameters_of(warp @ from_prior)
        gradient = precision * (weighted.T @ residuals).astype(np.float64) + prior.information @ from_mean
        step = from_parameters(np.linalg.solve(information, gradient))
        warp = warp @ np.linalg.inv(step)
        warp /= warp[2, 2]
        moved = at_corners @ step.T
        if np.abs(moved[:, :2] / moved[:, 2:] - at_corners[:, :2]).max() * half < _CONVERGED:
            break
    return Estimate(warp, information)


def _robust_sigma(residuals: Array) -> float:
    """Standard deviation of the residuals without outliers, from the median of their absolute values."""
    if not residuals.size:
        return 1.0
    return max(_LEAST_SIGMA, 1.4826 * float(np.median(np.abs(residuals[::_MEDIAN_STEP]))))


def sample(frame: Array, points: Points, warp: Matrix) -> tuple[Array, Array]:
    """An image's values at the points mapped by a homography (centred coordinates), and a mask of those inside it."""
    import cv2

    if not points.x.size:
        return points.values, np.zeros(0, np.bool_)
    height, width = frame.shape
    h = to_pixels(warp, width, height)
    divisor = points.x * h[2, 0] + points.y * h[2, 1] + h[2, 2]
    x = ((points.x * h[0, 0] + points.y * h[0, 1] + h[0, 2]) / divisor).astype(np.float32)
    y = ((points.x * h[1, 0] + points.y * h[1, 1] + h[1, 2]) / divisor).astype(np.float32)
    inside = (x >= _BORDER) & (y >= _BORDER) & (x <= width - 1 - _BORDER) & (y <= height - 1 - _BORDER)
    # OpenCV's remap takes images less than 32,768 pixels wide: fold the list of points into rows.
    padding = -x.size % _COLUMNS
    map_x, map_y = (np.pad(a, (0, padding)).reshape(-1, _COLUMNS) for a in (x, y))
    values: Array = cv2.remap(frame, map_x, map_y, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return values.ravel()[: x.size], inside
