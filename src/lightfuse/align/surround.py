"""The black or white surround of a picture, such as an eyepiece, a slide's mount or a letterbox, kept out of alignment.

It is part of the camera or the scanner, not of the scene, so it does not move with the scene. Its rim has more contrast
than anything else, and would say that every frame is aligned already.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.surround import find_surround
from lightfuse.colorspace import full_scale
from lightfuse.images.pixels import to_depth

Array = NDArray[Any]
Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

_BLACK, _WHITE = 0.03, 0.97  # Scanned mounts are a few levels above black.
_GRID_SIDE = 512  # The longer side of the small pictures in which a surround is sought
_LEAST_KEPT = 0.5  # Share of what is not empty
_RIM = 1.5  # Pixels of the small pictures beside a surround that are blurred with it
_RAMP = 8.0  # Pixels of the small pictures over which the scene fades out towards the surround


class Scene(NamedTuple):
    """The frames as alignment is to see them.

    Attributes:
        frames: the very frames given; or, where they have a surround, cut to the scene inside of it, copies of which
            only the green channel, which alone is compared, is set, and which fade into their own blurred tones
            towards the surround.
        left, top: the first column and row of the scene in the frames given.
    """

    frames: list[Array]
    left: int = 0
    top: int = 0


def find_scene(frames: Sequence[Array], smallest_side: int) -> Scene:
    """Leave out what is black, or white, in all frames and reaches their edges.

    Args:
        frames: exposures of one scene, H×W×3 of uint8, uint16 or float32 in [0, 1].
        smallest_side: of a scene in pixels; frames that show less are returned whole.
    """
    step = -(-max(frames[0].shape[:2]) // _GRID_SIDE)
    small = [to_depth(frame[::step, ::step, 1], 32) for frame in frames]
    darkest, brightest = np.minimum.reduce(small), np.maximum.reduce(small)
    empty = (brightest < _BLACK) | (darkest > _WHITE)
    surround = find_surround(empty)
    if not surround.any() or surround.all():
        return Scene(list(frames))
    import cv2

    rows, columns = (np.flatnonzero(~surround.all(axis=axis)) for axis in (1, 0))
    box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    whole = slice(rows[0] * step, (rows[-1] + 1) * step), slice(columns[0] * step, (columns[-1] + 1) * step)
    # Around it the surround, of which the frames were cut free; the picture's own edges are no rim.
    scene = cv2.copyMakeBorder((~surround).astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    distance = cv2.distanceTransform(scene, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1][box] - _RIM
    visible = np.clip(distance / _RAMP, 0, 1).astype(np.float32)
    visible *= visible * (3 - 2 * visible)
    inside = (distance > 0).astype(np.float32)
    shown = [frame[whole] for frame in frames]
    # Scattered lights in the dark, such as stars, are the scene, and would fade.
    scattered = float(visible[~empty[box]].sum()) < _LEAST_KEPT * np.count_nonzero(~empty)
    if scattered or min(shown[0].shape[:2]) < smallest_side:
        return Scene(list(frames))
    size = shown[0].shape[1], shown[0].shape[0]
    faded = [
        _faded(frame, _enlarged(visible, step, size), _enlarged(_spread(tones[box], inside), step, size))
        for frame, tones in zip(shown, small, strict=True)
    ]
    return Scene(faded, int(whole[1].start), int(whole[0].start))


def _spread(tones: Floats, inside: Floats) -> Floats:
    """The blurred tones inside, continued outside: means by ever smaller Gaussians, each where it sees some."""
    import cv2

    found = np.full_like(tones, float((tones * inside).sum() / max(float(inside.sum()), 1.0)))
    for sigma in (64, 16, 4):
        weight = cv2.GaussianBlur(inside, (0, 0), sigma)
        found = (cv2.GaussianBlur(tones * inside, (0, 0), sigma) + 0.05 * found) / (weight + 0.05)
    return found.astype(np.float32)


def _enlarged(small: Floats, step: int, size: tuple[int, int]) -> Floats:
    """A picture of every ``step``-th pixel at its full size."""
    if step == 1:
        return small
    import cv2

    where = np.array([[1 / step, 0, 0], [0, 1 / step, 0]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    enlarged: Floats = cv2.warpAffine(small, where, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return enlarged


def _faded(frame: Array, visible: Floats, tones: Floats) -> Array:
    faded = np.empty_like(frame, order="C")
    mixed = (tones + visible * (to_depth(frame[..., 1], 32) - tones)) * full_scale(frame.dtype)
    faded[..., 1] = mixed if frame.dtype == np.float32 else np.rint(mixed)
    return faded
