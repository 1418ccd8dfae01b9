"""Gauss-Newton refinement of a homography on two local-contrast pictures, to a small part of a pixel.

Inverse compositional image alignment (Baker & Matthews, IJCV 2004, section 3.2), with weights that fall where the
pictures disagree (a thing that moved) and a prior on what hands do, so that little texture means little freedom.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.align.homography import (
    HAND,
    Matrix,
    corners,
    jacobian,
    movements_of,
    normaliser,
    small_warp,
    to_pixels,
)

Array = NDArray[Any]

_TILES = 12  # along the long side
_MOST_POINTS = 48_000
_ITERATIONS = 15
_STILL = 0.003  # pixels at the corners
_BORDER = 3
_COLUMNS = 512
# Points lie thick on the same smoothed edges: about this many tell as much as one.
_ALIKE = 16.0
_LEAST_SPREAD = 0.02
_COUNTED = 4  # every fourth point is enough for a median


@dataclass(frozen=True)
class Prior:
    """What is believed of a warp (centred coordinates) beforehand: where it is, and how firmly (inverse covariance)."""

    warp: Matrix
    information: Matrix


@dataclass(frozen=True)
class Points:
    """The pixels of the base that tell most of a movement: places, values, Jacobian, and the tile each lies in.

    Tiles are numbered row by row; ``odd`` is True on the dark squares when they are seen as a chessboard.
    """

    x: Array
    y: Array
    values: Array
    jacobian: Array
    tiles: Array
    odd: Array


@dataclass(frozen=True)
class Refined:
    """A warp in centred coordinates, with the inverse covariance of its eight movements."""

    warp: Matrix
    information: Matrix


def telling_points(base: Array) -> Points:
    """The steepest pixels of each tile of a local-contrast picture, so that every part of the picture has its say."""
    height, width = base.shape
    tile = max(8, -(-max(width, height) // _TILES))
    rows, columns = max(1, height // tile), max(1, width // tile)
    right = np.zeros_like(base)
    down = np.zeros_like(base)
    right[:, 1:-1] = (base[:, 2:] - base[:, :-2]) * np.float32(0.5)
    down[1:-1] = (base[2:] - base[:-2]) * np.float32(0.5)
    steepness = right * right + down * down
    for edge in (np.s_[:_BORDER], np.s_[-_BORDER:], np.s_[:, :_BORDER], np.s_[:, -_BORDER:]):
        steepness[edge] = 0
    # The last tile of a row or column takes what is left over.
    row_of = np.minimum(np.arange(height) // tile, rows - 1)
    column_of = np.minimum(np.arange(width) // tile, columns - 1)
    each = max(16, min(_MOST_POINTS, base.size // 4) // (rows * columns))
    chosen = []
    for row in range(rows):
        top, bottom = row * tile, height if row == rows - 1 else (row + 1) * tile
        for column in range(columns):
            left, end = column * tile, width if column == columns - 1 else (column + 1) * tile
            part = steepness[top:bottom, left:end].ravel()
            best = np.argpartition(part, -each)[-each:] if part.size > each else np.arange(part.size)
            chosen.append((best // (end - left) + top) * width + best % (end - left) + left)
    flat = np.sort(np.concatenate(chosen))
    flat = flat[steepness.ravel()[flat] > 0]
    y, x = np.divmod(flat, width)
    unit = normaliser(width, height)
    u, v = x * unit[0, 0] + unit[0, 2], y * unit[1, 1] + unit[1, 2]
    slope = jacobian(right.ravel()[flat] / unit[0, 0], down.ravel()[flat] / unit[1, 1], u, v)
    row, column = row_of[y], column_of[x]
    return Points(x, y, base.ravel()[flat], slope, row * columns + column, (row + column) % 2 == 1)


def refine(points: Points, frame: Array, start: Matrix, prior: Prior, iterations: int = _ITERATIONS) -> Refined:
    """Move ``start`` (centred coordinates, base to frame) to where the frame best shows the base's values."""
    height, width = frame.shape
    change = normaliser(width, height)
    from_prior = np.linalg.inv(prior.warp)
    at_corners = np.column_stack([corners(width, height), np.ones(4)]) @ change.T
    half = max(width, height) / 2
    warp, information = start, prior.information
    for _ in range(iterations):
        seen, inside = sample(frame, points, warp)
        apart = np.where(inside, seen - points.values, 0)
        spread = _spread(apart[inside])
        weights = inside / np.square(1 + np.square(apart / (2 * spread)))
        weighted = points.jacobian * weights[:, None].astype(np.float32)
        trust = 1 / (_ALIKE * spread**2)
        information = prior.information + trust * (weighted.T @ points.jacobian).astype(np.float64)
        strayed = movements_of(warp @ from_prior)
        pull = trust * (weighted.T @ apart).astype(np.float64) + prior.information @ strayed
        step = np.linalg.solve(information, pull)
        warp = warp @ np.linalg.inv(small_warp(step))
        warp /= warp[2, 2]
        moved = at_corners @ small_warp(step).T
        if np.abs(moved[:, :2] / moved[:, 2:] - at_corners[:, :2]).max() * half < _STILL:
            break
    return Refined(warp, information)


def _spread(apart: Array) -> float:
    """Standard deviation of the differences that aren't outliers, from their median."""
    if not apart.size:
        return 1.0
    return max(_LEAST_SPREAD, 1.4826 * float(np.median(np.abs(apart[::_COUNTED]))))


def sample(frame: Array, points: Points, warp: Matrix) -> tuple[Array, Array]:
    """What a picture shows where a warp (centred coordinates) carries the points, and which of them lie inside it."""
    import cv2

    if not points.x.size:
        return points.values, np.zeros(0, np.bool_)
    height, width = frame.shape
    h = to_pixels(warp, width, height)
    below = points.x * h[2, 0] + points.y * h[2, 1] + h[2, 2]
    x = ((points.x * h[0, 0] + points.y * h[0, 1] + h[0, 2]) / below).astype(np.float32)
    y = ((points.x * h[1, 0] + points.y * h[1, 1] + h[1, 2]) / below).astype(np.float32)
    inside = (x >= _BORDER) & (y >= _BORDER) & (x <= width - 1 - _BORDER) & (y <= height - 1 - _BORDER)
    # OpenCV remaps to pictures less than 32,768 pixels wide: fold the list of points into rows.
    padding = -x.size % _COLUMNS
    map_x, map_y = (np.pad(a, (0, padding)).reshape(-1, _COLUMNS) for a in (x, y))
    seen: Array = cv2.remap(frame, map_x, map_y, interpolation=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return seen.ravel()[: x.size], inside


def only(points: Points, chosen: Array) -> Points:
    """Some of the points."""
    return Points(*(getattr(points, field.name)[chosen] for field in fields(Points)))


def hands() -> Prior:
    """The prior of a frame about which nothing is known but that a hand held the camera."""
    return Prior(np.eye(3), np.diag(1 / np.square(HAND)))
