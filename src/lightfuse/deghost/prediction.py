"""What one frame would show of what the other saw: the intensity mapping at full size, cleaned and without holes."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from lightfuse.deghost.mapping import BLACK, WHITE, Doubles, IntensityMap
from lightfuse.deghost.working import Array, Floats, full_scale

MARGIN = 8
"""Pixels around a tile that cleaning looks at."""

_RAMP = 0.04
_CONSISTENT = 3 / 255
_LUMA_RADIUS, _CHROMA_RADIUS = 2, 6
_NOISE_BINS = 32


def as_tables(tables: Sequence[Doubles], grids: Sequence[Doubles], dtype: np.dtype[Any]) -> Floats:
    """Lookup tables for every value of ``dtype`` (65,536 for float), N×3, of functions given on grids of values."""
    steps = np.linspace(0, 1, 256 if dtype == np.uint8 else 65536)
    return np.stack([np.interp(steps, g, t) for g, t in zip(grids, tables, strict=True)], -1).astype(np.float32)


def looked_up(tables: Floats, picture: Array) -> Floats:
    """``tables`` (from `as_tables`) read at a picture's own values, H×W×3."""
    import cv2

    if picture.dtype == np.uint8:
        return np.asarray(cv2.LUT(np.ascontiguousarray(picture), tables[None]), np.float32)
    places = picture
    if picture.dtype == np.float32:
        places = (np.clip(picture, 0, 1) * np.float32(65535) + np.float32(0.5)).astype(np.uint16)
    return np.stack([tables[:, channel][places[..., channel]] for channel in range(3)], -1)


class OverFromUnder:
    """Predicts over from under: brighter, so noisier; cleaned by as much as under's noise is amplified."""

    def __init__(self, maps: Sequence[IntensityMap], under: Array) -> None:
        grids = [mapping.under for mapping in maps]
        noise = _noise_by_value(under)
        darkest = [float(mapping.forward(np.array(2 * BLACK))) for mapping in maps]
        likely = [np.maximum(m.over, min(m.black, most)) for m, most in zip(maps, darkest, strict=True)]
        self._mapped = as_tables(likely, grids, under.dtype)
        slopes = [mapping.slope(g) * np.interp(g, *noise) for mapping, g in zip(maps, grids, strict=True)]
        self._variance = as_tables(slopes, grids, under.dtype) ** 2
        self._darkest = np.array(darkest, np.float32)

    def __call__(self, speaking: Array, own: Floats, fill: Floats | None) -> Floats:
        """What over would show: ``speaking`` is a tile of under, ``own`` the same of over in [0, 1], H×W×3."""
        mapped = _cleaned(looked_up(self._mapped, speaking), looked_up(self._variance, speaking))
        # Where under is black it only says "at most": what over shows of the dark may stay.
        value = speaking.astype(np.float32) / np.float32(full_scale(speaking.dtype))
        black = np.clip(2 - value / np.float32(BLACK), 0, 1)
        dark = np.clip((self._darkest - own) / np.float32(_CONSISTENT) + 1, 0, 1).min(-1, keepdims=True)
        return np.asarray(mapped + (own - mapped) * (black * dark), np.float32)


class UnderFromOver:
    """Predicts under from over; where over is clipped, under's own word counts as far as it is as bright as that."""

    def __init__(self, maps: Sequence[IntensityMap], over: Array) -> None:
        steps = np.linspace(0, 1, 1024)
        grids = [steps] * 3
        self._mapped = as_tables([mapping.backward(steps) for mapping in maps], grids, over.dtype)
        self._whitest = np.array([mapping.backward(np.array(WHITE)) for mapping in maps], np.float32)

    def __call__(self, speaking: Array, own: Floats, fill: Floats | None) -> Floats:
        """What under would show: ``speaking`` is a tile of over, ``own`` the same of under in [0, 1], H×W×3.

        ``fill`` is what to show where over is clipped and under shows something darker, which cannot have been there.
        """
        value = speaking.astype(np.float32) / np.float32(full_scale(speaking.dtype))
        white = np.clip((value - np.float32(WHITE - _RAMP)) / np.float32(_RAMP), 0, 1)
        bright = np.maximum(own, self._whitest)
        if fill is not None:
            fits = np.clip((own - self._whitest) / np.float32(_CONSISTENT) + 1, 0, 1).min(-1, keepdims=True)
            bright = bright * fits + np.maximum(fill, self._whitest) * (1 - fits)
        mapped = looked_up(self._mapped, speaking)
        return np.asarray(mapped + (bright - mapped) * white, np.float32)


def _cleaned(picture: Floats, variance: Floats) -> Floats:
    """The local Wiener filter (Lee, PAMI 1980) given each pixel's noise variance: luma finely, chroma broadly."""
    import cv2

    luma = picture.mean(-1)
    chroma = picture - luma[..., None]
    total = variance.sum(-1)
    clean = _wiener(luma, cv2.blur(total / 9, (5, 5)), _LUMA_RADIUS)
    noise = variance / 3 + total[..., None] / 9
    return clean[..., None] + _wiener(chroma, cv2.blur(noise, (5, 5)), _CHROMA_RADIUS)


def _wiener(plane: Floats, noise: Floats, radius: int) -> Floats:
    import cv2

    side = (2 * radius + 1, 2 * radius + 1)
    mean = cv2.blur(plane, side)
    seen = cv2.blur(plane * plane, side) - mean * mean
    keep = np.maximum(seen - noise, 0) / np.maximum(seen, np.float32(1e-9))
    keep = np.where(seen > 1e-9, keep, np.float32(1))
    return np.asarray(mean + keep * (plane - mean))


def _noise_by_value(picture: Array) -> tuple[Doubles, Doubles]:
    """Values and the noise's standard deviation at each, from the flattest quarter of some rows' pixels.

    A quarter of normal deviations lies within 0.319 sigma; the mean of four neighbours adds a quarter of the variance.
    """
    scale = full_scale(picture.dtype)
    rows = np.unique(np.linspace(1, max(1, picture.shape[0] - 2), 160).astype(np.int64))
    if min(picture.shape[:2]) < 3:
        return np.array([0.0, 1.0]), np.full(2, 1 / 255)
    above, here, below = (picture[rows + step].astype(np.float32) / np.float32(scale) for step in (-1, 0, 1))
    near = (above[:, 1:-1] + below[:, 1:-1] + here[:, :-2] + here[:, 2:]) / 4
    off = np.abs(here[:, 1:-1] - near).ravel()
    bins = (np.sqrt(np.clip(near.ravel(), 0, 1)) * (_NOISE_BINS - 1) + 0.5).astype(np.int64)
    floor = 0.29 / 255 if picture.dtype == np.uint8 else 1e-5
    order = np.argsort(bins, kind="stable")
    edges = np.searchsorted(bins[order], np.arange(_NOISE_BINS + 1))
    sigmas, values = [], []
    for level in range(_NOISE_BINS):
        inside = off[order[edges[level] : edges[level + 1]]]
        if inside.size >= 64:
            values.append((level / (_NOISE_BINS - 1)) ** 2)
            sigmas.append(max(floor, float(np.quantile(inside, 0.25)) / 0.319 / 1.118))
    if not values:
        return np.array([0.0, 1.0]), np.full(2, max(floor, 1 / 255))
    return np.array(values), np.array(sigmas)
