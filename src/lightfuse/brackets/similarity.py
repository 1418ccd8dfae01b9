"""Whether frames show one scene: the correlation of their local contrast, which other scenes lack."""

import functools
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse import core
from lightfuse.colorspace import full_scale
from lightfuse.images.pixels import to_depth

Array = NDArray[Any]
Floats = NDArray[np.float32]

MIN_SIMILARITY = 0.15
"""Neighbouring exposures below it are taken for different scenes.

Of 800 pairs of neighbouring exposures in 159 real brackets, hand-held ones among them, none falls below; the least
similar, not aligned, reaches 0.153. Frames of different scenes that share a wall and a window have -0.08 to 0.14.
"""

COMPARED_SIDE = 256  # pixels of the longer side at which frames are compared
_MAX_SHIFT = 0.06  # of the longer side: shifts that are tried, for frames that are not aligned
_MIN_SIDE = 48
_SIGMA = 4.0  # of the blur that separates local contrast from brightness
_CLIPPED = (0.015, 0.97)  # values outside are too dark or too bright to compare
_MIN_SHARED = 0.05  # share of pixels that both frames must show unclipped
_SAME_SCENE = 0.3  # correlation at the best shift: of tiles 0.14 at most, of hand-held frames 0.4 or more
_SAME_VIEW, _SAME_TONES = 0.6, 0.02  # correlation, or mean difference where there is no contrast
_POINTS, _MATCHED = 1500, 20  # salient points sought, and matched ones that prove an overlap
_PLACE, _MIN_PLACES, _MIN_PLACE_SHARED = 16, 16, 0.6  # side of a square in pixels, number, and share that is unclipped
_MIN_COMPARED, _MIN_RANGE = 0.3, 0.15  # share unclipped in both, log2 of values that tones must span
_TONE_ORDER, _LIKE_PLACES = 0.8, 0.3  # rank correlation of tones, and lower quartile of the squares' correlations
_MIN_CONTRAST = 0.03  # stops: standard deviation of local contrast below which there is nothing but noise


def find_mismatch(frames: Sequence[Array]) -> tuple[int, float] | None:
    """Return the most different neighbours among frames in order of exposure, if they show different scenes.

    Args:
        frames: RGB, H×W×3 of one size, uint8, uint16 or float32 in [0, 1], ordered from dark to bright; aligned, or
            shifted by a few per cent of their width at most.

    Returns:
        The position of the darker one, and their similarity; None where all neighbours are similar, or cannot be
        compared: small, flat, or without common tones.
    """
    if len(frames) < 2 or min(frames[0].shape[:2]) < _MIN_SIDE:
        return None
    scores = [similarity(dark, bright) for dark, bright in itertools.pairwise(map(_reduced, frames))]
    low = [(at, score) for at, score in enumerate(scores) if score is not None and score < MIN_SIMILARITY]
    return min(low, key=lambda mismatch: mismatch[1], default=None)


def similarity(first: Array, second: Array) -> float | None:
    """Correlation of the local contrast of two frames (see `find_mismatch`), at the best of small shifts.

    None where they cannot be compared. Less where one part of the picture agrees and another does not.
    """
    first, second = _reduced(first), _reduced(second)
    unclipped = _unclipped(first), _unclipped(second)
    shared = unclipped[0] & unclipped[1]
    contrasts = _local_contrast(first, shared), _local_contrast(second, shared)
    found = _correlation(contrasts, shared)
    if found is None:
        return None
    if found < MIN_SIMILARITY:
        return max(found, _similarity_shifted(first, second, *unclipped))
    return min(found, _uniformity(first, second, contrasts, shared))


def same_view(first: Array, second: Array) -> bool:
    """Whether two frames of about one exposure show the same view, but for what moves in it."""
    first, second = _reduced(first), _reduced(second)
    if first.shape != second.shape:
        return False
    shared = _unclipped(first) & _unclipped(second)
    found = _correlation((_local_contrast(first, shared), _local_contrast(second, shared)), shared)
    if found is None:  # Nearly flat, such as a sky: equal where its tones are.
        return bool(np.abs(first - second).mean() < _SAME_TONES)
    return found > _SAME_VIEW


def same_scene(first: Array, second: Array) -> bool:
    """Whether two frames of about one exposure show one scene, possibly shifted by a hand or with something moving."""
    small = _reduced(first), _reduced(second)
    if small[0].shape != small[1].shape:
        return False
    return same_view(*small) or _similarity_shifted(*small, *map(_unclipped, small)) > _SAME_SCENE


def overlap(first: Array, second: Array) -> bool:
    """Whether two frames of about one exposure show overlapping parts of one scene, as tiles of a panorama do.

    Salient points of both (SIFT; Lowe, IJCV 2004) are matched, and enough of them must follow one homography.
    """
    import cv2

    sift = cv2.SIFT.create(_POINTS, contrastThreshold=0.02)
    greys = [cv2.equalizeHist(cv2.cvtColor(to_depth(frame, 8), cv2.COLOR_RGB2GRAY)) for frame in (first, second)]
    (points, one), (others, two) = (sift.detectAndCompute(grey, None) for grey in greys)
    if one is None or two is None or min(len(one), len(two)) < _MATCHED:
        return False
    pairs = cv2.BFMatcher().knnMatch(one, two, k=2)
    good = [best for best, *next_best in pairs if next_best and best.distance < 0.75 * next_best[0].distance]
    if len(good) < _MATCHED:
        return False
    source = np.array([points[match.queryIdx].pt for match in good], np.float32)
    target = np.array([others[match.trainIdx].pt for match in good], np.float32)
    _, inliers = cv2.findHomography(source, target, cv2.RANSAC, 4.0)
    return inliers is not None and int(inliers.sum()) >= max(_MATCHED, 0.3 * len(good))


def _reduced(frame: Array) -> Floats:
    """The frame as float32 in [0, 1], its longer side reduced to `COMPARED_SIDE` pixels."""
    if frame.dtype == np.float32 and max(frame.shape[:2]) <= COMPARED_SIDE:
        return frame
    small, top = core.area_means(frame, COMPARED_SIDE), np.float32(full_scale(frame.dtype))
    # The limits above were measured in whole levels.
    return small if frame.dtype == np.float32 else np.rint(small * top) / top


def _uniformity(first: Floats, second: Floats, contrasts: tuple[Floats, Floats], shared: NDArray[np.bool_]) -> float:
    """Whether frames that agree somewhere do so throughout, as a similarity; 1 where that cannot be told.

    Frames of different scenes may share a part, such as a wall. Then tones are in another order, and contrasts unlike
    in many places. In a bracket waves or leaves are unlike, but in order; hand-shake leaves most places like.
    """
    if shared.mean() < _MIN_COMPARED:
        return 1.0
    weight = _blurred(shared.astype(np.float32)) + np.float32(1e-6)
    tones = [(_blurred(_mean(picture) * shared) / weight)[shared][::7] for picture in (first, second)]
    places = _by_place(*contrasts, shared)
    if len(places) < _MIN_PLACES or min(np.log2(values + 0.02).std() for values in tones) < _MIN_RANGE:
        return 1.0
    order = float(np.corrcoef([np.argsort(np.argsort(values)) for values in tones])[0, 1])
    # The lower quartile; np.percentile would import masked arrays first, which takes longer than all of this.
    quartile = float(np.interp((len(places) - 1) / 4, np.arange(len(places)), np.sort(places)))
    return max(order - _TONE_ORDER, quartile - _LIKE_PLACES) + MIN_SIMILARITY


def _by_place(one: Floats, other: Floats, shared: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Correlations of local contrast in squares that have some."""
    rows, columns = (length // _PLACE for length in shared.shape)

    def squares(plane: NDArray[Any]) -> NDArray[np.float64]:
        inside = plane[: rows * _PLACE, : columns * _PLACE].reshape(rows, _PLACE, columns, _PLACE)
        return inside.swapaxes(1, 2).reshape(rows * columns, _PLACE**2).astype(np.float64)

    mask = squares(shared)
    kept = mask.mean(axis=1) > _MIN_PLACE_SHARED
    mask, a, b = (values[kept] for values in (mask, squares(one), squares(other)))
    count = mask.sum(axis=1)
    a, b = ((values - ((values * mask).sum(axis=1) / count)[:, None]) * mask for values in (a, b))
    of_a, of_b = (np.sqrt((values**2).sum(axis=1) / count) for values in (a, b))
    seen = np.minimum(of_a, of_b) > 2 * _MIN_CONTRAST
    return np.asarray(((a * b).sum(axis=1) / count)[seen] / (of_a * of_b)[seen])


def _correlation(contrasts: tuple[Floats, Floats], shared: NDArray[np.bool_]) -> float | None:
    """Correlation of local contrast where both are unclipped; None where too little can be compared."""
    if shared.mean() < _MIN_SHARED:
        return None
    one, other = (contrast[shared] for contrast in contrasts)
    if min(one.std(), other.std()) < _MIN_CONTRAST:
        return None
    return float(np.corrcoef(one, other)[0, 1])


def _similarity_shifted(first: Floats, second: Floats, *unclipped: NDArray[np.bool_]) -> float:
    import cv2

    one, other = (_local_contrast(p, mask) for p, mask in zip((first, second), unclipped, strict=True))
    margin = round(_MAX_SHIFT * max(one.shape))
    margins = tuple(slice(min(margin, side // 4), -min(margin, side // 4)) for side in one.shape)
    return float(cv2.matchTemplate(one, np.ascontiguousarray(other[margins]), cv2.TM_CCORR_NORMED).max())


def _unclipped(picture: Floats) -> NDArray[np.bool_]:
    low, high = _CLIPPED
    red, green, blue = np.moveaxis(picture, 2, 0)  # NumPy reduces a short last axis many times slower.
    least, most = np.minimum(np.minimum(red, green), blue), np.maximum(np.maximum(red, green), blue)
    inside: NDArray[np.bool_] = (least > low) & (most < high)
    return inside


def _mean(picture: Floats) -> Floats:
    red, green, blue = np.moveaxis(picture, 2, 0)
    mean: Floats = (red + green + blue) / np.float32(3)
    return mean


def _local_contrast(picture: Floats, mask: NDArray[np.bool_]) -> Floats:
    """Local contrast in stops (log luma less its blurred self) within the mask, 0 outside."""
    weight = mask.astype(np.float32)
    log = np.log2(_mean(picture) + np.float32(0.02))
    mean = _blurred(log * weight) / (_blurred(weight) + np.float32(1e-6))
    return np.asarray((log - mean) * weight, np.float32)


def _blurred(plane: Floats) -> Floats:
    """A Gaussian blur by matrices: for small pictures as fast as OpenCV's, which takes longer to import."""
    return np.asarray(_gaussian(plane.shape[0]) @ plane @ _gaussian(plane.shape[1]).T, np.float32)


@functools.cache
def _gaussian(length: int) -> Floats:
    """The square matrix that blurs so many values, mirrored at their ends."""
    radius = round(4 * _SIGMA)
    weights = np.exp(np.arange(-radius, radius + 1) ** 2 / (-2 * _SIGMA**2))
    mirrored = np.pad(np.arange(length), radius, mode="reflect" if length > 1 else "edge")
    matrix = np.zeros((length, length), np.float32)
    for at, weight in enumerate(weights / weights.sum()):
        matrix[np.arange(length), mirrored[at : at + length]] += np.float32(weight)
    return matrix
