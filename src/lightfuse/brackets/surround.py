"""The surround of a scene: what is the same in all exposures and reaches the picture's edges, such as a slide's mount.

Nothing in a scene has the same tone in exposures that differ, but for what is black, or white, in all of them. A mount,
a film's rebate or a passe-partout was added to the frames afterwards, and must not decide how the scene is fused.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse import core
from lightfuse.colorspace import full_scale

Array = NDArray[Any]
Mask = NDArray[np.bool_]

_GRID_SIDE = 384  # The longer side of the small pictures in which a surround is sought
_BLUR = 5  # Pixels of the small pictures over which noise and JPEG artefacts are averaged
_SAME, _SAME_PIXEL = 2.0, 6.0  # Levels of 255 by which such means, and single pixels, may differ between exposures
_BLACK, _WHITE = 5.0, 250.0  # What is black or white only is left out by whatever looks at it.
_LEAST_SHARE, _LEAST_SCENE = 0.01, 0.03  # of the picture
_WIDTH = 7  # Pixels of the small pictures that a surround is wide at least


def find_mount(frames: Sequence[Array]) -> Mask | None:
    """Find the surround of a scene's exposures, if it is not plain black or white.

    Args:
        frames: two or more exposures, RGB, H×W×3, all uint8, all uint16 or all float32 in [0, 1].

    Returns:
        H×W, True where the pixels of all frames are nearly the same and belong to the surround; None if there is none.
    """
    height, width = frames[0].shape[:2]
    if min(height, width) < _WIDTH or not _may_reach_edges(frames):
        return None  # Nearly all pictures, before OpenCV is loaded.
    import cv2

    blurred = [cv2.blur(core.area_means(frame, _GRID_SIDE) * np.float32(255), (_BLUR, _BLUR)) for frame in frames]
    surround = find_surround(_difference(blurred) <= _SAME)
    if not surround.any() or 1 - surround.mean() < _LEAST_SCENE:
        return None

    def enlarged(cells: Mask) -> Mask:
        whole: Mask = cv2.resize(cells.view(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST).view(np.bool_)
        return whole

    mount = enlarged(surround)
    rim = enlarged(cv2.dilate(surround.view(np.uint8), np.ones((2 * _BLUR + 1,) * 2, np.uint8)).view(np.bool_)) & ~mount
    mount[rim] = _levels(_difference([frame[rim] for frame in frames])) <= _SAME_PIXEL
    # What is left of a noisy surround are single pixels.
    scene = cv2.morphologyEx((~mount).view(np.uint8), cv2.MORPH_OPEN, np.ones((_BLUR, _BLUR), np.uint8))
    found: Mask = scene == 0
    return found


def find_surround(empty: Mask) -> Mask:
    """The wide parts of an empty area, H×W, that reach the picture's edges; nowhere if they are small."""
    edges = np.concatenate([empty[0], empty[-1], empty[:, 0], empty[:, -1]])
    if edges.mean() < _LEAST_SHARE:
        return np.zeros_like(empty)
    import cv2

    padded = cv2.copyMakeBorder(empty.astype(np.uint8), *(_WIDTH,) * 4, cv2.BORDER_REPLICATE)
    wide = cv2.morphologyEx(padded, cv2.MORPH_OPEN, np.ones((_WIDTH, _WIDTH), np.uint8))[_WIDTH:-_WIDTH, _WIDTH:-_WIDTH]
    _, parts = cv2.connectedComponents(wide)
    at_edges = np.unique(np.concatenate([parts[0], parts[-1], parts[:, 0], parts[:, -1]]))
    surround: Mask = np.isin(parts, at_edges[at_edges > 0])
    return surround if surround.mean() >= _LEAST_SHARE else np.zeros_like(empty)


def _may_reach_edges(frames: Sequence[Array]) -> bool:
    """Whether enough pixels at the edges are nearly the same in all frames, but neither black nor white."""
    step = -(-max(frames[0].shape[:2]) // _GRID_SIDE)
    edges = (np.s_[0, ::step], np.s_[-1, ::step], np.s_[::step, 0], np.s_[::step, -1])
    levels = [np.concatenate([_levels(frame[edge]) for edge in edges]) for frame in frames]
    darkest, brightest = np.minimum.reduce(levels), np.maximum.reduce(levels)
    same = (brightest - darkest).max(axis=1) <= _SAME_PIXEL
    is_toned = (brightest.max(axis=1) > _BLACK) & (darkest.min(axis=1) < _WHITE)
    return bool((same & is_toned).mean() >= _LEAST_SHARE)


def _difference(frames: Sequence[Array]) -> Array:
    """The largest difference between any two frames in any channel, the last axis of each."""
    difference: Array = (np.maximum.reduce(frames) - np.minimum.reduce(frames)).max(axis=-1)
    return difference


def _levels(values: Array) -> NDArray[np.float32]:
    """Values of frames in levels of 255."""
    levels: NDArray[np.float32] = values * np.float32(255 / full_scale(values.dtype))
    return levels
