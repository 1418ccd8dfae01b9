"""Whether frames are moved at all: a quick test for frames already aligned, and the acceptance test of a registration.

Most brackets come from a tripod. Small windows at full size, one from each part of the picture where both frames show
detail, reveal a shift of a fraction of a pixel at a small part of the cost of a registration. If they are in any way
inconclusive (detail that does not correlate, parts that contradict each other), the frames are registered, and the
acceptance test decides on tiles to which the warp was not fitted.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse.align.homography import (
    PARAMETERS,
    Matrix,
    corner_distances,
    is_plausible,
    jacobian,
    normaliser,
    to_pixels,
)
from lightfuse.align.tones import CONTRAST_FLOOR, NOISE_SIGMAS, Codes, codes_of, fine_noise, map_and_reduce, match_tones

Array = NDArray[Any]
Mode = Literal["auto", "always"]

_LEAST_MOVE = {"auto": 0.3, "always": 0.05}  # pixels at the corner that moves most; less isn't worth the blur
_LARGEST_UNCERTAINTY = {"auto": 0.5, "always": 2.0}  # distance of the two halves' warps, as a part of the movement
_LEAST_TILES = 6.0
_LEAST_CORRELATION = 0.1
_LEAST_GAIN = 0.008
_SIGNIFICANT = 4.0  # standard errors
_WORSE = 0.03  # a tile whose correlation falls by more got worse
_MOST_WORSE = 0.2

_WINDOW, _MARGIN = 64, 8  # pixels; the margin belongs to the window but is not compared
_WINDOWS, _FEWEST_WINDOWS = 60, 24
_STEP = 8  # pixels between those that are examined to choose windows
_SMOOTH, _SURROUND = 1.5, 33
_CORRELATED = 0.5  # correlation of a window
_FEWEST_CORRELATED, _CORRELATED_SHARE = 12, 0.5
_ALIGNED, _HALF_ALIGNED = 0.25, 0.35  # pixels, by all windows and by every other one


@dataclass(frozen=True)
class TileScores:
    """For each tile: the correlation of two images at their salient points (-1 to 1), and the tile's weight.

    The weight is the strength of the contrast there in both, above noise.
    """

    correlation: Array
    weight: Array

    @property
    def mean(self) -> float:
        """The weighted mean correlation; 0 where there is no contrast."""
        return float((self.correlation * self.weight).sum() / max(self.weight.sum(), 1e-12))


@dataclass(frozen=True)
class Decision:
    """Whether to move a frame, its correlation before and after, and, if it stays, the reason to report.

    ``reason`` is empty for a frame that was moved, and for one that is aligned as it is.
    """

    moved: bool
    before: float
    after: float
    reason: str = ""


def accept(
    warp: Matrix,
    halves: tuple[Matrix, Matrix],
    scores: Sequence[tuple[TileScores, TileScores]],
    size: tuple[int, int],
    mode: Mode,
) -> Decision:
    """Decide whether to move a frame by ``warp``.

    Args:
        warp: the homography found, base to frame, in centred coordinates.
        halves: the homographies found from each half of the tiles alone; their distance is the warp's uncertainty.
        scores: for each pair of frames compared, its scores without and with the warp.
        size: width and height in pixels.
        mode: "auto" demands a significant gain, "always" any.
    """
    pixels, first, second = (to_pixels(w, *size) for w in (warp, *halves))
    move = float(corner_distances(pixels, np.eye(3), *size).max())
    uncertainty = float(corner_distances(first, second, *size).max())
    before, after = (np.concatenate([pair[i].correlation for pair in scores]) for i in range(2))
    weight = np.concatenate([_common_weight(*pair) for pair in scores])
    weight = weight / weight.sum() if weight.any() else weight
    tiles = float(1 / np.square(weight).sum()) if weight.any() else 0.0  # the number of equal tiles they are worth
    gains = after - before
    score_before, score_after = float(weight @ before), float(weight @ after)
    gain = score_after - score_before
    stays = Decision(False, score_before, score_before)
    if tiles < _LEAST_TILES or score_after < _LEAST_CORRELATION:
        reason = "too little can be seen in common with the other exposures"
        return Decision(False, score_before, score_before, reason)
    if move < _LEAST_MOVE[mode]:
        return stays
    if not is_plausible(pixels, *size):
        return Decision(False, score_before, score_before, "no plausible camera movement aligns it to the others")
    if uncertainty > _LARGEST_UNCERTAINTY[mode] * move or gain < 0:
        return stays
    if mode == "auto":
        error = (float(weight @ np.square(gains - weight @ gains)) / max(tiles - 1, 1)) ** 0.5
        if gain < max(_LEAST_GAIN, _SIGNIFICANT * error) or float(weight[gains < -_WORSE].sum()) > _MOST_WORSE:
            return stays
    return Decision(True, score_before, score_after)


def _common_weight(before: TileScores, after: TileScores) -> Array:
    """Each tile's weight: what is visible both ways, capped so that a few strong tiles don't outvote the rest."""
    weight = np.minimum(before.weight, after.weight)
    strong = weight[weight > weight.max(initial=0) / 2]
    return np.minimum(weight, np.median(strong)) if strong.size else weight


@dataclass(frozen=True)
class _WindowShifts:
    """What the windows of a pair say about its alignment, one row each.

    ``correlation`` of their detail; ``matrix`` (2×2) and ``vector`` (2): the normal equations of a window's shift in
    pixels; ``derivatives`` (2×8): the shift, in pixels, by each of the eight parameters of a homography.
    """

    correlation: Array
    matrix: Array
    vector: Array
    derivatives: Array


def already_aligned(greens: Sequence[Array], base: int) -> list[float] | None:
    """The frames' correlations if all are aligned to the base within a quarter of a pixel; None if that is uncertain.

    Takes the green channels (H×W, of one size and dtype). Returns each frame's correlation with its neighbour in
    brightness on the base's side; the base's own is 1.
    """
    order = sorted(range(len(greens)), key=lambda i: float(greens[i][::_STEP, ::_STEP].mean()))
    at = order.index(base)
    scores = {base: 1.0}
    for side in (order[at:], order[at::-1]):
        total: Matrix = np.zeros(PARAMETERS)
        for nearer, farther in pairwise(side):
            shifts = _window_shifts(greens[nearer], greens[farther])
            aligned = None if shifts is None else _within_tolerance(shifts, total)
            if aligned is None:
                return None
            scores[farther], total = aligned
    return [scores[i] for i in range(len(greens))]


def _within_tolerance(shifts: _WindowShifts, nearer: Matrix) -> tuple[float, Matrix] | None:
    """A frame's mean correlation and its parameters, given its neighbour's, if it is aligned to the base."""
    correlated = shifts.correlation >= _CORRELATED
    if correlated.sum() < max(_FEWEST_CORRELATED, _CORRELATED_SHARE * correlated.size):
        return None
    odd = np.arange(correlated.size) % 2 == 1
    found = [_parameters(shifts, part) for part in (correlated, correlated & odd, correlated & ~odd)]
    for parameters, most in zip(found, (_ALIGNED, _HALF_ALIGNED, _HALF_ALIGNED), strict=True):
        if not np.linalg.norm(shifts.derivatives[correlated] @ (nearer + parameters), axis=1).max() <= most:
            return None
    return float(shifts.correlation[correlated].mean()), nearer + found[0]


def _parameters(shifts: _WindowShifts, part: Array) -> Matrix:
    """The eight parameters that fit the shifts of some windows, by least squares; NaN where they are undetermined."""
    derivatives, matrix, vector = (rows[part] for rows in (shifts.derivatives, shifts.matrix, shifts.vector))
    normal = np.einsum("nik,nij,njl->kl", derivatives, matrix, derivatives)
    try:
        return np.asarray(np.linalg.solve(normal, np.einsum("nik,ni->k", derivatives, vector)))
    except np.linalg.LinAlgError:
        return np.full(PARAMETERS, np.nan)


def _window_shifts(first: Array, second: Array) -> _WindowShifts | None:
    """One Gauss-Newton step from the identity, window by window; None for pictures too small for windows.

    The gradient of each frame is multiplied by the other's: their noise is independent, so it does not make shifts look
    smaller than they are, as the square of one gradient would.
    """
    height, width = first.shape
    part = max(_WINDOW, int((height * width / _WINDOWS) ** 0.5))
    rows, columns = height // part, width // part
    if rows * columns < _FEWEST_WINDOWS:
        return None
    few_first, few_second = codes_of(first[::_STEP, ::_STEP]), codes_of(second[::_STEP, ::_STEP])
    tones = match_tones(few_first, few_second)
    y, x = _salient_windows(_mapped(few_first, tones.first), _mapped(few_second, tones.second), rows, columns)
    one = _contrast(_mapped(_mosaic(first, y, x), tones.first))
    other = _contrast(_mapped(_mosaic(second, y, x), tones.second))
    (right, down), (other_right, other_down) = _gradient(one), _gradient(other)
    mixed = (_means(right * other_down) + _means(down * other_right)) / 2
    matrix = [_means(right * other_right), mixed, mixed, _means(down * other_down)]
    residual = other - one
    vector = [_means((right + other_right) * residual), _means((down + other_down) * residual)]
    strength = np.sqrt(_means(one * one) * _means(other * other))
    return _WindowShifts(
        correlation=_means(one * other) / np.maximum(strength, 1e-9),
        matrix=np.stack(matrix, axis=-1).reshape(-1, 2, 2),
        vector=np.stack(vector, axis=-1),
        derivatives=_derivatives(x + _WINDOW / 2, y + _WINDOW / 2, width, height),
    )


def _mapped(codes: Codes, table: NDArray[np.uint16]) -> Array:
    return map_and_reduce(codes, table, (codes.shape[1], codes.shape[0]))


def _salient_windows(first: Array, second: Array, rows: int, columns: int) -> tuple[Array, Array]:
    """Upper and left edges, in full-size pixels, of the window with most detail in both frames, for each part.

    Takes every ``_STEP``-th pixel of both frames in common tones.
    """
    import cv2

    gradients = [
        cv2.absdiff(tones[:-1, 1:], tones[:-1, :-1]) + cv2.absdiff(tones[1:, :-1], tones[:-1, :-1])
        for tones in (first, second)
    ]
    side = _WINDOW // _STEP
    detail = cv2.boxFilter(cv2.min(*gradients), -1, (side, side), anchor=(0, 0))[: 1 - side, : 1 - side]
    high, wide = detail.shape[0] // rows, detail.shape[1] // columns
    parts = detail[: high * rows, : wide * columns].reshape(rows, high, columns, wide).swapaxes(1, 2)
    best = parts.reshape(rows, columns, -1).argmax(-1)
    top = best // wide + high * np.arange(rows)[:, None]
    left = best % wide + wide * np.arange(columns)
    return top * _STEP, left * _STEP


def _mosaic(green: Array, top: Array, left: Array) -> Codes:
    """The windows of a channel, side by side."""
    rows, columns = top.shape
    mosaic = np.empty((rows, _WINDOW, columns, _WINDOW), green.dtype)
    for row, column in np.ndindex(rows, columns):
        y, x = top[row, column], left[row, column]
        mosaic[row, :, column] = green[y : y + _WINDOW, x : x + _WINDOW]
    return codes_of(mosaic.reshape(rows * _WINDOW, columns * _WINDOW))


def _contrast(tones: Array) -> Array:
    """`local_contrast` with fast box filters, which reach into neighbouring windows, in both frames alike."""
    import cv2

    side = (_SURROUND, _SURROUND)
    detail = cv2.GaussianBlur(tones, (0, 0), _SMOOTH) - cv2.blur(tones, side)
    floor = np.float32(CONTRAST_FLOOR**2 + (NOISE_SIGMAS * fine_noise(tones, _SMOOTH, 4)) ** 2)
    return np.asarray(detail / np.sqrt(cv2.blur(detail * detail, side) + floor), np.float32)


def _gradient(picture: Array) -> tuple[Array, Array]:
    """Twice the change per pixel to the right and down; 0 along the edges."""
    right, down = np.zeros_like(picture), np.zeros_like(picture)
    np.subtract(picture[:, 2:], picture[:, :-2], out=right[:, 1:-1])
    np.subtract(picture[2:], picture[:-2], out=down[1:-1])
    return right, down


def _means(mosaic: Array) -> Array:
    """Mean over each window without its margin, in one row."""
    rows, columns = (side // _WINDOW for side in mosaic.shape)
    inside = mosaic.reshape(rows, _WINDOW, columns, _WINDOW)[:, _MARGIN:-_MARGIN, :, _MARGIN:-_MARGIN]
    return np.asarray(inside.mean((1, 3), dtype=np.float32).ravel(), np.float64)


def _derivatives(x: Array, y: Array, width: int, height: int) -> Array:
    """By how many pixels each of the eight parameters shifts the points (x, y): N×2×8."""
    unit = normaliser(width, height)
    u, v = (x * unit[0, 0] + unit[0, 2]).ravel(), (y * unit[1, 1] + unit[1, 2]).ravel()
    ones, zeros = np.ones_like(u), np.zeros_like(u)
    shifts = np.stack([jacobian(ones, zeros, u, v), jacobian(zeros, ones, u, v)], axis=1)
    return np.asarray(shifts / unit[0, 0], np.float64)
