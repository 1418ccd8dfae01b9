"""Frames with transparency, as panorama programs warp them: what one does not show is filled from the others.

A frame counts where it is opaque. Elsewhere the nearest exposure that shows something there stands in for it, in the
frame's tones: the value of the frame of the same rank as the other's, where both are opaque (Grossberg and Nayar's
intensity mapping), so that neither the mask nor the missing exposure shows in the result.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale
from lightfuse.images.pixels import to_depth

Array = NDArray[Any]
Mask = NDArray[np.bool_]
Floats = NDArray[np.float32]

_LEAST_SHARED, _SAMPLES = 200, 50_000  # Pixels of which an intensity mapping is made at least, and about at most.
_RANKS = 257  # Values of a mapping.
_SEAM = 0.005  # Of the long side: how far the frame itself corrects what is filled beside it.


def union_alpha(alphas: Sequence[Array | None]) -> Array | None:
    """Return the largest alpha of the frames at each pixel, H×W; None where one of them is opaque all over."""
    known = [alpha for alpha in alphas if alpha is not None]
    return np.maximum.reduce(known) if known and len(known) == len(alphas) else None


def opaque_masks(alphas: Sequence[Array | None], shape: tuple[int, ...]) -> list[Mask]:
    """Return where each frame is opaque (at least half; where none is, as far as it shows anything)."""
    half = [None if alpha is None else alpha >= full_scale(alpha.dtype) / 2 for alpha in alphas]
    masks = [np.ones(shape[:2], np.bool_) if opaque is None else opaque for opaque in half]
    nowhere = ~np.logical_or.reduce(masks)
    return [
        mask if alpha is None else mask | (nowhere & (alpha > 0)) for mask, alpha in zip(masks, alphas, strict=True)
    ]


def fill_transparent(frames: Sequence[Array], masks: Sequence[Mask]) -> list[Array]:
    """Return the frames filled where they are transparent; black where all are.

    Args:
        frames: RGB, H×W×3, of one shape and dtype, ordered from dark to bright.
        masks: where each is opaque, H×W.
    """
    return [_filled(number, frames, masks) for number in range(len(frames))]


def _filled(number: int, frames: Sequence[Array], masks: Sequence[Mask]) -> Array:
    frame, own = frames[number], masks[number]
    if own.all():
        return frame
    filled, missing = np.where(own[..., None], frame, frame.dtype.type(0)), ~own
    for other in sorted(range(len(frames)), key=lambda i: abs(i - number)):
        area = missing & masks[other]
        if area.any():
            filled[area] = _predicted(frame, frames[other], own & masks[other], area)[area]
            missing &= ~area
    return filled


def _predicted(frame: Array, other: Array, shared: Mask, area: Mask) -> Array:
    """Return what a frame would show in an area, from another that shows it: H×W×3 of its dtype."""
    if np.count_nonzero(shared) < _LEAST_SHARED:
        return other
    values, seen = to_depth(other, 32), to_depth(frame, 32)
    expected = np.stack(
        [np.interp(values[..., c], *_mapping(values[..., c][shared], seen[..., c][shared])) for c in range(3)], axis=2
    ).astype(np.float32)
    expected += _seam_correction(seen - expected, shared, area)
    return to_depth(np.clip(expected, 0, 1), 8 * frame.itemsize)


def _mapping(values: Floats, seen: Floats) -> tuple[Array, Array]:
    """Return values of the other frame and those of the frame of the same ranks, both rising, from black to white.

    One value of the other may stand for many of the frame's, as white does where it is clipped: then for their mean.
    Beyond the values that both show, the frame's stay in proportion to the other's.
    """
    step, ranks = max(1, len(values) // _SAMPLES), np.linspace(0, 1, _RANKS)
    at, matched = (np.quantile(shown[::step], ranks) for shown in (values, seen))
    at, rank = np.unique(at, return_inverse=True)
    own = np.bincount(rank, matched) / np.bincount(rank)
    ratio = own[-1] / max(at[-1], 1 / _RANKS)
    clips_at = max(at[-1], min(1.0, 1 / max(ratio, 1.0)))
    return np.array([0, *at, clips_at, 1]), np.array([0, *own, *[max(own[-1], min(1.0, ratio * clips_at))] * 2])


def _seam_correction(error: Floats, shared: Mask, area: Mask) -> Floats:
    """Spread the error of the prediction, where it is known, a little way into the area."""
    import cv2

    sigma = max(2.0, _SEAM * max(error.shape))
    known = shared.astype(np.float32)
    weight = cv2.GaussianBlur(known, (0, 0), sigma)[..., None]
    mean = cv2.GaussianBlur(error * known[..., None], (0, 0), sigma) / np.maximum(weight, 1e-3)
    correction: Floats = np.where(area[..., None], mean * np.clip(2 * weight, 0, 1), 0)
    return correction
