"""Merge the exposures of a bracket into one linear HDR picture (a radiance map), by the camera's response curve.

Cameras depart from the sRGB curve, most of all near white. Two exposures of one scene show how: where one has a value,
the other, a known number of stops away, has another (the intensity mapping of Grossberg and Nayar, "Determining the
Camera Response from Images: What Is Knowable?", PAMI 2003). The curve is fitted as in Debevec and Malik, "Recovering
High Dynamic Range Radiance Maps from Photographs", SIGGRAPH 1997: least squares on log exposure with a penalty on the
second difference; but as a smooth departure from sRGB, to which it falls back where the exposures say little.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale, srgb_to_linear
from lightfuse.errors import PictureError
from lightfuse.images.pixels import look_up, table_size

Array = NDArray[Any]
Floats = NDArray[np.float32]
Values = NDArray[np.float64]

_ROWS_AT_ONCE = 64
# A frame counts fully up to the first of these values (of its largest channel), and not at all from the second.
_FULL, _CLIPPED = 0.72, 0.97

# Of the intensity mapping:
_SAMPLES = 300_000
_BINS = 256
_MIN_IN_BIN = 40
_LOWEST, _HIGHEST = 6 / 255, 245 / 255  # of the brighter frame: above the noise, below clipping
_LOWEST_DARK = 2.5 / 255  # of the darker frame: below, rounding to black biases means
_MIN_BINS = 8

# Of the response curve:
_KNOTS = 33
_STIFFNESS = 2.0  # weight of the second difference
_PRIOR_WEIGHT = 0.03  # pull towards sRGB
_MAX_DEPARTURE = 2.0  # stops


def merge_radiance(
    frames: Sequence[Array], relative_ev: Sequence[float] | None, base: int, merged: Mapping[int, Array] | None = None
) -> Floats:
    """Merge aligned exposures of one static scene, two or more, or make one linear; returns the scene's radiance.

    That is H×W×3, linear, in the frames' primaries, ≥ 0, in the base exposure's unit: its middle grey is 0.21 (sRGB's
    0.5), its white about 1.0.

    Each frame's values become linear by the response curve that all of them share. From the darkest frame to the
    brightest, each is blended in where it is not clipped, with its exposure as its weight: optimal for photon noise,
    whose variance is proportional to the exposure. The weight fades out from 72 to 97 % of white, so no seam shows.

    Args:
        frames: from dark to bright, as a `Bracket` has them: RGB, H×W×3, of one shape and dtype: uint8, uint16 or
            float32 in [0, 1], encoded (sRGB or a like curve).
        relative_ev: the frames' exposures in stops (from EXIF); only differences count. None estimates them from the
            pictures.
        base: the frame whose unit the result is in.
        merged: what to merge instead of all frames, such as some of them without ghosts, by their positions from dark
            to bright.

    Raises:
        PictureError: no exposures are given and two neighbours have no tones in common.
    """
    mappings = [_intensity_mapping(dark, bright) for dark, bright in pairwise(frames)]
    between = list(map(_estimated_stops, mappings)) if relative_ev is None else np.diff(relative_ev).tolist()
    stops = np.cumsum([0.0, *between])
    merged = dict(enumerate(frames)) if merged is None else merged
    chosen = (stops - stops[base])[list(merged)].tolist()
    return _merge(list(merged.values()), chosen, _response(mappings, between, frames[0].dtype))


def _merge(frames: Sequence[Array], stops: Sequence[float], response: Floats) -> Floats:
    """The linear picture of frames from dark to bright, band by band."""
    import cv2

    exposures = [2.0**stop for stop in stops]
    place = np.clip((_CLIPPED - np.linspace(0, 1, table_size(frames[0].dtype))) / (_CLIPPED - _FULL), 0, 1)
    weights = np.asarray(place * place * (3 - 2 * place), np.float32)  # Of each value of a frame's largest channel.
    merged: Floats = np.empty(frames[0].shape, np.float32)
    for top in range(0, merged.shape[0], _ROWS_AT_ONCE):
        first, *brighter = (np.ascontiguousarray(frame[top : top + _ROWS_AT_ONCE]) for frame in frames)
        light = look_up(first, response * np.float32(1 / exposures[0]))
        total = np.full(light.shape[:2], exposures[0], np.float32)
        for band, exposure in zip(brighter, exposures[1:], strict=True):
            red, green, blue = cv2.split(band)
            weight = look_up(cv2.max(red, cv2.max(green, blue)), weights)
            share = weight * (np.float32(exposure) / (total + np.float32(exposure)))
            light += share[..., None] * (look_up(band, response * np.float32(1 / exposure)) - light)
            total += weight * np.float32(exposure)
        merged[top : top + _ROWS_AT_ONCE] = light
    return merged


def _intensity_mapping(darker: Array, brighter: Array) -> Values | None:
    """The intensity mapping of two pictures (H×W×3, one shape and dtype), of all channels together.

    For each value of the brighter picture, the less noisy one, the mean of the middle half of the darker one's values
    there, which leaves out what moved or clipped: two rows in [0, 1], the darker picture's first. None where hardly a
    value was recorded by both.
    """
    dark, bright = _samples(darker), _samples(brighter)
    order = np.argsort(bright, kind="stable")
    dark, bright = dark[order], bright[order]
    edges = np.searchsorted(bright, (np.arange(_BINS + 1) - 0.5) / (_BINS - 1))
    pairs = []
    for first, last in pairwise(edges):
        if last - first < _MIN_IN_BIN:
            continue
        inside = np.sort(dark[first:last])
        middle = inside[inside.size // 4 : inside.size - inside.size // 4]
        pair = float(middle.mean()), float(bright[first:last].mean())
        if pair[0] >= _LOWEST_DARK and _LOWEST <= pair[1] <= _HIGHEST:
            pairs.append(pair)
    return np.array(pairs).T if len(pairs) >= _MIN_BINS else None


def _samples(picture: Array) -> Floats:
    """Some hundred thousand of its values, all channels, in [0, 1]; the same places in every picture of one size."""
    step = max(1, round((picture.size / _SAMPLES) ** 0.5))
    taken: Floats = picture[step // 2 :: step, step // 2 :: step].reshape(-1).astype(np.float32)
    return taken / np.float32(full_scale(picture.dtype))


def _estimated_stops(mapping: Values | None) -> float:
    """Stops between two exposures, if both are sRGB: the median over the mapping's values; at least 0."""
    if mapping is None:
        raise PictureError(
            "two neighbouring exposures have no tones in common, so how far they are apart cannot be told; "
            "give an exposure between them, or frames with EXIF"
        )
    return max(0.0, float(np.median(_srgb_stops(mapping))))


def _srgb_stops(mapping: Values) -> Values:
    darker, brighter = np.log2(srgb_to_linear(mapping))
    stops: Values = brighter - darker
    return stops


def _response(mappings: Sequence[Values | None], stops: Sequence[float], dtype: np.dtype[Any]) -> Floats:
    """The camera's response: linear light for each value of a picture of ``dtype``, rising from 0.

    At the middle value it equals sRGB, so that white is about 1.0, or above where the camera compresses highlights.
    Of each pair of exposures, ``mappings`` has what it says, perhaps nothing, ``stops`` how far apart they are.
    """
    departure = _departure(mappings, stops)
    values = np.linspace(0, 1, table_size(dtype))
    bend = np.interp(values, np.linspace(0, 1, _KNOTS), departure - departure[_KNOTS // 2])
    return np.asarray(np.maximum.accumulate(srgb_to_linear(values) * np.exp2(bend)), np.float32)


def _departure(mappings: Sequence[Values | None], stops: Sequence[float]) -> Values:
    """Stops by which the response departs from sRGB at each knot: the least-squares solution."""
    second = np.diff(np.eye(_KNOTS), n=2, axis=0)
    normal = _STIFFNESS**2 * second.T @ second + _PRIOR_WEIGHT**2 * np.eye(_KNOTS)
    right = np.zeros(_KNOTS)
    for mapping, between in zip(mappings, stops, strict=True):
        if mapping is None:
            continue
        darker, brighter = map(_knot_weights, mapping)
        rows = brighter - darker
        normal += rows.T @ rows / len(rows)
        right += rows.T @ (between - _srgb_stops(mapping)) / len(rows)
    departure: Values = np.clip(np.linalg.solve(normal, right), -_MAX_DEPARTURE, _MAX_DEPARTURE)
    return departure


def _knot_weights(values: Values) -> Values:
    """Weights (N×knots) that interpolate linearly between knots."""
    place = values * (_KNOTS - 1)
    weights: Values = np.maximum(1 - np.abs(place[:, None] - np.arange(_KNOTS)), 0)
    return weights
