"""Registration: the homography from the base to every frame of a bracket, found through the exposures between them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.align.acceptance import Decision, Mode, TileScores, accept
from lightfuse.align.homography import (
    PARAMETERS,
    Estimate,
    Matrix,
    Points,
    Prior,
    apply,
    corners,
    hand_shake_prior,
    refine,
    salient_points,
    sample,
    to_pixels,
    to_unit,
)
from lightfuse.align.tones import Codes, Window, codes_of, contrast_pyramid, local_contrast, map_and_reduce, match_tones

Array = NDArray[Any]

_LINKED = 0.15  # correlation of two neighbours
_MOST_PIXELS = 2_000_000
_SEARCH_SIDE = 320
_SEARCH_REACH = 0.08  # of the long side
_SEARCH_ANGLES = np.arange(-4.0, 4.5, 1.0)
_HALF_ITERATIONS = 6


@dataclass(frozen=True)
class Registration:
    """A frame's homography in pixels (base to frame; the identity if it is not moved), and the decision on it."""

    warp: Matrix
    decision: Decision


@dataclass(frozen=True)
class Pair:
    """The finest level of two frames' local contrast. Warps are in centred coordinates, first frame to second."""

    points: Points
    second: Array

    def scores(self, warp: Matrix, odd: bool | None = None) -> TileScores:
        """How well the frames correlate under a warp, tile by tile: all tiles, or the odd or the even ones only."""
        points = self.points if odd is None else self.points.only(self.points.odd == odd)
        tiles = int(self.points.tiles.max()) + 1 if self.points.tiles.size else 0
        sampled, inside = sample(self.second, points, warp)
        sampled, values = np.where(inside, sampled, 0), np.where(inside, points.values, 0)
        product = np.bincount(points.tiles, sampled * values, tiles)
        strength = np.sqrt(np.bincount(points.tiles, values**2, tiles) * np.bincount(points.tiles, sampled**2, tiles))
        return TileScores(product / np.maximum(strength, 1e-9), strength)

    def half(self, found: Estimate, prior: Prior, odd: bool) -> Matrix:
        """The warp estimated from the odd or the even tiles alone, starting from the estimate of all."""
        part = self.points.only(self.points.odd == odd)
        return refine(part, self.second, found.warp, prior, _HALF_ITERATIONS).warp


def register_bracket(greens: Sequence[Array], base: int, mode: Mode) -> list[Registration]:
    """Register every frame to the base, from the green channels of all (H×W, of one size and dtype).

    Neighbours in brightness have most in common: each frame is first registered to its neighbour on the base's side.
    The result is the prior with which it is then registered to the base itself.
    """
    order = sorted(range(len(greens)), key=lambda i: float(greens[i][::4, ::4].mean()))
    at = order.index(base)
    found = {base: Registration(np.eye(3), Decision(False, 1.0, 1.0))}
    for side in (order[at + 1 :], order[:at][::-1]):
        found |= _register_outwards(greens, base, side, mode)
    return [found[i] for i in range(len(greens))]


def _register_outwards(greens: Sequence[Array], base: int, side: Sequence[int], mode: Mode) -> dict[int, Registration]:
    """Register the frames on one side of the base, from the nearest outwards; holds the codes of three at a time."""
    height, width = greens[base].shape
    registered: dict[int, Registration] = {}
    base_codes = nearer = codes_of(greens[base])
    nearer_warp: Matrix = np.eye(3)
    covariance: Matrix = np.zeros((PARAMETERS, PARAMETERS))
    for index in side:
        prior, link = hand_shake_prior(), None
        codes = codes_of(greens[index])
        pair, found = register(nearer, codes)
        linked = pair.scores(found.warp).mean >= _LINKED
        if nearer is not base_codes:
            link = pair, np.linalg.inv(nearer_warp)
            total = covariance + np.linalg.inv(found.information)
            prior = Prior(found.warp @ nearer_warp, np.linalg.inv(total))
            pair, found = register(base_codes, codes, prior)
        registered[index] = _tested(pair, found, prior, link, (width, height), mode)
        if linked:  # A frame without common detail must not become the next one's neighbour.
            nearer, nearer_warp, covariance = codes, found.warp, np.linalg.inv(found.information)
    return registered


def _tested(
    pair: Pair, found: Estimate, prior: Prior, link: tuple[Pair, Matrix] | None, size: tuple[int, int], mode: Mode
) -> Registration:
    """Test an estimate: the warp of each half of the tiles on the other half, and the correlation with the neighbour.

    ``link`` is the pair with the neighbour, and the warp from the neighbour to the base.
    """
    odd, even = pair.half(found, prior, odd=True), pair.half(found, prior, odd=False)
    scores = [
        (pair.scores(np.eye(3), odd=True), pair.scores(even, odd=True)),
        (pair.scores(np.eye(3), odd=False), pair.scores(odd, odd=False)),
    ]
    if link is not None:
        neighbours, to_base = link
        scores.append((neighbours.scores(to_base), neighbours.scores(found.warp @ to_base)))
    decision = accept(found.warp, (odd, even), scores, size, mode)
    return Registration(to_pixels(found.warp, *size) if decision.moved else np.eye(3), decision)


def register(first: Codes, second: Codes, prior: Prior | None = None) -> tuple[Pair, Estimate]:
    """Register ``second`` to ``first`` (green codes, H×W, one dtype and size), coarse to fine.

    Without a ``prior`` all plausible hand shake is searched; with one, its mean is the start.
    """
    height, width = first.shape
    prior_used = prior or hand_shake_prior()
    start = prior.warp if prior else _search(first, second)
    tones = match_tones(first, second, _common_windows(to_pixels(start, width, height), width, height))
    size = working_size(width, height)
    levels = [contrast_pyramid(map_and_reduce(c, t, size)) for c, t in ((first, tones.first), (second, tones.second))]
    found = Estimate(start, prior_used.information)
    for level, other in zip(*map(reversed, levels), strict=True):
        points = salient_points(level)
        found = refine(points, other, found.warp, prior_used)
    return Pair(points, other), found


def working_size(width: int, height: int) -> tuple[int, int]:
    """The size frames are compared at: theirs up to 2 megapixels, else smaller by about an integer factor."""
    shrink = float(np.ceil(max(1.0, (width * height / _MOST_PIXELS) ** 0.5)))
    return max(1, round(width / shrink)), max(1, round(height / shrink))


def _search(first: Codes, second: Codes) -> Matrix:
    """The best of several candidates from small images, each refined there; the identity is one of them."""
    height, width = first.shape
    scale = min(1.0, _SEARCH_SIDE / max(width, height))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    tones = match_tones(first, second)
    step = max(1, int(0.5 / scale))  # down to half the size no pixel is left out
    one, other = (
        local_contrast(map_and_reduce(codes[::step, ::step], table, size))
        for codes, table in ((first, tones.first), (second, tones.second))
    )
    points = salient_points(one)
    pair = Pair(points, other)
    starts = [np.eye(3)] + [to_unit(candidate, *size) for candidate in search_candidates(one, other)]
    tried = [refine(points, other, start, hand_shake_prior()).warp for start in starts]
    return max(tried, key=lambda warp: pair.scores(warp).mean)


def search_candidates(base: Array, frame: Array, best: int = 3) -> list[Matrix]:
    """The ``best`` translations with rotation (one per angle) by correlation of the base's centre with the frame.

    Takes two local-contrast images of one size; returns homographies of their pixels, base to frame, best first.
    """
    import cv2

    height, width = base.shape
    reach = min(max(4, round(_SEARCH_REACH * max(width, height))), (min(width, height) - 8) // 2)
    if reach < 1:
        return [np.eye(3)]
    centre = np.ascontiguousarray(base[reach : height - reach, reach : width - reach])
    found = []
    for degrees in _SEARCH_ANGLES:
        rotation = _rotation_about_centre(degrees, width, height)
        rotated = cv2.warpPerspective(frame, rotation, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        correlation = cv2.matchTemplate(rotated, centre, cv2.TM_CCORR_NORMED)
        _, peak, _, at = cv2.minMaxLoc(correlation)
        shift = np.array([[1, 0, at[0] - reach], [0, 1, at[1] - reach], [0, 0, 1.0]])
        found.append((float(peak), rotation @ shift))
    found.sort(key=lambda candidate: -candidate[0])
    return [candidate for _, candidate in found[:best]]


def _rotation_about_centre(degrees: float, width: int, height: int) -> Matrix:
    x, y, angle = (width - 1) / 2, (height - 1) / 2, np.radians(degrees)
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y], [0, 0, 1.0]])


def _common_windows(warp: Matrix, width: int, height: int) -> tuple[Window, Window]:
    """Boxes of both frames that show the same part of the scene, but for slivers after a rotation."""
    at = corners(width, height)
    return _box(apply(np.linalg.inv(warp), at), width, height), _box(apply(warp, at), width, height)


def _box(at: Matrix, width: int, height: int) -> Window:
    left, right = max(at[0, 0], at[3, 0], 0), min(at[1, 0], at[2, 0], width - 1)
    top, bottom = max(at[0, 1], at[1, 1], 0), min(at[2, 1], at[3, 1], height - 1)
    return slice(int(top), max(int(bottom), int(top)) + 1), slice(int(left), max(int(right), int(left)) + 1)
