"""The quick way out: whether frames lie on one another as they are, told from small windows at full size.

Most brackets come from tripods. A window of some dozen pixels from each part of the picture, where both frames show
detail, tells a movement of a fraction of a pixel at a small part of the cost of comparing whole pictures. Any doubt
(detail that does not agree, parts that say different things) leaves the decision to the thorough way.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.align.contrast import FLOOR, NOISE_TIMES, fine_noise, reduce_to
from lightfuse.align.homography import MOVEMENTS, Matrix, jacobian, normaliser
from lightfuse.align.matching import Codes, codes_of, match_tones

Array = NDArray[Any]

_WINDOW, _MARGIN = 64, 8  # pixels; the margin belongs to the window but is not compared
_PARTS, _FEWEST_PARTS = 60, 24
_STEP = 8  # pixels between those that are looked at to choose windows
_SMOOTH, _SURROUND = 1.5, 33
_AGREES = 0.5  # correlation of a window
_FEWEST_AGREEING, _AGREEING_SHARE = 12, 0.5
_STEADY, _HALF_STEADY = 0.25, 0.35  # pixels, by all windows and by every other one


@dataclass(frozen=True)
class _Evidence:
    """What the windows of a pair say, one row each.

    ``correlation`` of their detail; ``matrix`` (2×2) and ``vector`` (2): the normal equations of a window's shift in
    pixels; ``places`` (2×8): how far each of the eight small movements of a homography shifts it, in pixels.
    """

    correlation: Array
    matrix: Array
    vector: Array
    places: Array


def steady_scores(greens: Sequence[Array], base: int) -> list[float] | None:
    """How well frames agree if all lie on the base within a quarter of a pixel as they are; None if there is a doubt.

    Takes the green channels (H×W, of one size and dtype). Gives each frame's correlation with its neighbour in
    brightness on the base's side; the base's own is 1.
    """
    order = sorted(range(len(greens)), key=lambda i: float(greens[i][::_STEP, ::_STEP].mean()))
    at = order.index(base)
    scores = {base: 1.0}
    for side in (order[at:], order[at::-1]):
        so_far: Matrix = np.zeros(MOVEMENTS)
        for nearer, farther in pairwise(side):
            evidence = _evidence(greens[nearer], greens[farther])
            link = None if evidence is None else _still_there(evidence, so_far)
            if link is None:
                return None
            scores[farther], so_far = link
    return [scores[i] for i in range(len(greens))]


def _still_there(evidence: _Evidence, so_far: Matrix) -> tuple[float, Matrix] | None:
    """The mean correlation and the movement of a frame, from ``so_far``, that stays below a fraction of a pixel."""
    agreeing = evidence.correlation >= _AGREES
    if agreeing.sum() < max(_FEWEST_AGREEING, _AGREEING_SHARE * agreeing.size):
        return None
    odd = np.arange(agreeing.size) % 2 == 1
    movements = [_movement(evidence, part) for part in (agreeing, agreeing & odd, agreeing & ~odd)]
    for movement, most in zip(movements, (_STEADY, _HALF_STEADY, _HALF_STEADY), strict=True):
        shifts = np.linalg.norm(evidence.places[agreeing] @ (so_far + movement), axis=1)
        if not shifts.max() <= most:
            return None
    return float(evidence.correlation[agreeing].mean()), so_far + movements[0]


def _movement(evidence: _Evidence, part: Array) -> Matrix:
    """The eight movements that best explain what some windows say, by least squares; NaN where they say too little."""
    places, matrix, vector = (rows[part] for rows in (evidence.places, evidence.matrix, evidence.vector))
    normal = np.einsum("nik,nij,njl->kl", places, matrix, places)
    try:
        return np.asarray(np.linalg.solve(normal, np.einsum("nik,ni->k", places, vector)))
    except np.linalg.LinAlgError:
        return np.full(MOVEMENTS, np.nan)


def _evidence(first: Array, second: Array) -> _Evidence | None:
    """One Gauss-Newton step from where the frames lie, window by window; None for pictures too small for windows.

    The gradient of each frame is multiplied by the other's: their noise is independent, so it does not make movements
    look smaller than they are, as that of one gradient squared would.
    """
    height, width = first.shape
    part = max(_WINDOW, int((height * width / _PARTS) ** 0.5))
    rows, columns = height // part, width // part
    if rows * columns < _FEWEST_PARTS:
        return None
    few_first, few_second = codes_of(first[::_STEP, ::_STEP]), codes_of(second[::_STEP, ::_STEP])
    tones = match_tones(few_first, few_second)
    y, x = _telling_windows(_toned(few_first, tones.first), _toned(few_second, tones.second), rows, columns)
    one = _contrast(_toned(_mosaic(first, y, x), tones.first))
    other = _contrast(_toned(_mosaic(second, y, x), tones.second))
    apart = other - one
    (across, down), (other_across, other_down) = _gradient(one), _gradient(other)
    crossed = (_means(across * other_down) + _means(down * other_across)) / 2
    matrix = [_means(across * other_across), crossed, crossed, _means(down * other_down)]
    vector = [_means((across + other_across) * apart), _means((down + other_down) * apart)]
    strength = np.sqrt(_means(one * one) * _means(other * other))
    return _Evidence(
        correlation=_means(one * other) / np.maximum(strength, 1e-9),
        matrix=np.stack(matrix, axis=-1).reshape(-1, 2, 2),
        vector=np.stack(vector, axis=-1),
        places=_places(x + _WINDOW / 2, y + _WINDOW / 2, width, height),
    )


def _toned(codes: Codes, table: NDArray[np.uint16]) -> Array:
    return reduce_to(codes, table, (codes.shape[1], codes.shape[0]))


def _telling_windows(first: Array, second: Array, rows: int, columns: int) -> tuple[Array, Array]:
    """Upper and left edges, in full-size pixels, of the window of each part of the picture in which both have detail.

    Takes every so many pixels of both frames in common tones.
    """
    import cv2

    steps = [
        cv2.absdiff(tones[:-1, 1:], tones[:-1, :-1]) + cv2.absdiff(tones[1:, :-1], tones[:-1, :-1])
        for tones in (first, second)
    ]
    inside = _WINDOW // _STEP
    detail = cv2.boxFilter(cv2.min(*steps), -1, (inside, inside), anchor=(0, 0))[: 1 - inside, : 1 - inside]
    high, wide = detail.shape[0] // rows, detail.shape[1] // columns
    parts = detail[: high * rows, : wide * columns].reshape(rows, high, columns, wide).swapaxes(1, 2)
    best = parts.reshape(rows, columns, -1).argmax(-1)
    top = best // wide + high * np.arange(rows)[:, None]
    left = best % wide + wide * np.arange(columns)
    return top * _STEP, left * _STEP


def _mosaic(green: Array, top: Array, left: Array) -> Array:
    """The windows of a channel, side by side."""
    rows, columns = top.shape
    mosaic = np.empty((rows, _WINDOW, columns, _WINDOW), green.dtype)
    for row in range(rows):
        for column in range(columns):
            y, x = top[row, column], left[row, column]
            mosaic[row, :, column] = green[y : y + _WINDOW, x : x + _WINDOW]
    return codes_of(mosaic.reshape(rows * _WINDOW, columns * _WINDOW))


def _contrast(tones: Array) -> Array:
    """`local_contrast` with a surround that is quick to have; it reaches into neighbouring windows, in both alike."""
    import cv2

    side = (_SURROUND, _SURROUND)
    detail = cv2.GaussianBlur(tones, (0, 0), _SMOOTH) - cv2.blur(tones, side)
    floor = np.float32(FLOOR**2 + (NOISE_TIMES * fine_noise(tones, _SMOOTH, 4)) ** 2)
    return np.asarray(detail / np.sqrt(cv2.blur(detail * detail, side) + floor), np.float32)


def _gradient(picture: Array) -> tuple[Array, Array]:
    """Twice the change per pixel to the right and down; 0 along the edges."""
    across, down = np.zeros_like(picture), np.zeros_like(picture)
    np.subtract(picture[:, 2:], picture[:, :-2], out=across[:, 1:-1])
    np.subtract(picture[2:], picture[:-2], out=down[1:-1])
    return across, down


def _means(mosaic: Array) -> Array:
    """Mean over each window but for its margin, in one row."""
    rows, columns = (side // _WINDOW for side in mosaic.shape)
    inside = mosaic.reshape(rows, _WINDOW, columns, _WINDOW)[:, _MARGIN:-_MARGIN, :, _MARGIN:-_MARGIN]
    return np.asarray(inside.mean((1, 3), dtype=np.float32).ravel(), np.float64)


def _places(x: Array, y: Array, width: int, height: int) -> Array:
    """How far, in pixels, each of the eight small movements shifts the points (x, y): N×2×8."""
    unit = normaliser(width, height)
    u, v = (x * unit[0, 0] + unit[0, 2]).ravel(), (y * unit[1, 1] + unit[1, 2]).ravel()
    ones, zeros = np.ones_like(u), np.zeros_like(u)
    shifts = np.stack([jacobian(ones, zeros, u, v), jacobian(zeros, ones, u, v)], axis=1)
    return np.asarray(shifts / unit[0, 0], np.float64)
