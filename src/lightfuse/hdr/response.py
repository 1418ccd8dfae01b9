"""How a camera answered light: the stops between two exposures, and the response curve they share.

Cameras bend the sRGB curve to taste, above all near white. Two exposures of one scene tell how: where one has a value,
the other, so many stops away, has another (the intensity mapping of Grossberg and Nayar, "Determining the Camera
Response from Images: What Is Knowable?", PAMI 2003). The curve is found as in Debevec and Malik, "Recovering High
Dynamic Range Radiance Maps from Photographs", SIGGRAPH 1997: least squares on log exposure with a penalty on bends,
but as a smooth departure from sRGB, on which it falls back where the exposures say little.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.hdr.transfer import Array, Floats, decode_srgb, steps_of

Values = NDArray[np.float64]

_SAMPLES = 300_000
_BINS = 256
_FEWEST_IN_BIN = 40
_LOWEST, _HIGHEST = 6 / 255, 245 / 255  # of the brighter frame: neither drowned in noise nor clipped
_LOWEST_DARK = 2.5 / 255  # of the darker frame: below, rounding to black biases means
_FEWEST_BINS = 8

_KNOTS = 33
_STIFFNESS = 2.0  # penalty on bends
_TRUST = 0.03  # pull towards sRGB
_LARGEST_DEPARTURE = 2.0  # stops


@dataclass(frozen=True)
class Mapping:
    """Where the brighter of two exposures has a value, which one the darker has; all in [0, 1].

    ``weights`` tell how well each pair is known: by pixels and by how finely stops are resolved there.
    """

    darker: Values
    brighter: Values
    weights: Values


def mapping_of(darker: Array, brighter: Array) -> Mapping | None:
    """The values two pictures (H×W×3, one shape and dtype) have in common, of all channels together.

    For each value of the brighter picture, which is the cleaner, the mean of the middle half of the darker one's
    values there: what moved and what is clipped stays outside. None where hardly a value was recorded by both.
    """
    dark, bright = _samples(darker), _samples(brighter)
    order = np.argsort(bright, kind="stable")
    dark, bright = dark[order], bright[order]
    edges = np.searchsorted(bright, (np.arange(_BINS + 1) - 0.5) / (_BINS - 1))
    pairs = []
    for first, last in pairwise(edges):
        if last - first < _FEWEST_IN_BIN:
            continue
        inside = np.sort(dark[first:last])
        middle = inside[inside.size // 4 : inside.size - inside.size // 4]
        pairs.append((float(middle.mean()), float(bright[first:last].mean()), float(inside.size)))
    known = [(d, b, n) for d, b, n in pairs if d >= _LOWEST_DARK and _LOWEST <= b <= _HIGHEST]
    if len(known) < _FEWEST_BINS:
        return None
    dark_values, bright_values, counts = (np.array(column) for column in zip(*known, strict=True))
    resolution = 1 / (_log_slope(dark_values) ** 2 + _log_slope(bright_values) ** 2)
    return Mapping(dark_values, bright_values, np.minimum(counts, 1000) * resolution)


def stops_between(mapping: Mapping) -> float:
    """How many stops more light the brighter exposure had, if both are sRGB: the weighted median over values."""
    stops = np.log2(decode_srgb(mapping.brighter) / decode_srgb(mapping.darker))
    order = np.argsort(stops)
    heaped = np.cumsum(mapping.weights[order])
    return float(stops[order][np.searchsorted(heaped, heaped[-1] / 2)])


def response_of(mappings: Sequence[Mapping | None], stops: Sequence[float], dtype: np.dtype[Any]) -> Floats:
    """The camera's response: linear light for each value of a picture of ``dtype``, rising from 0.

    At the middle value it is what sRGB has there, so that white is about 1.0, and above where a camera's shoulder
    leads to it.

    Args:
        mappings: of pairs of exposures; None where a pair says nothing.
        stops: between the two of each pair.
        dtype: the table has `steps_of` entries.
    """
    departure = _departure(mappings, stops)
    values = np.linspace(0, 1, steps_of(dtype))
    stops = np.interp(values, np.linspace(0, 1, _KNOTS), departure - departure[_KNOTS // 2])
    return np.asarray(np.maximum.accumulate(decode_srgb(values) * np.exp2(stops)), np.float32)


def _departure(mappings: Sequence[Mapping | None], stops: Sequence[float]) -> Values:
    """Stops by which the response departs from sRGB at each knot."""
    bends = np.diff(np.eye(_KNOTS), n=2, axis=0)
    squares = _STIFFNESS**2 * bends.T @ bends + _TRUST**2 * np.eye(_KNOTS)  # of the normal equations
    wanted = np.zeros(_KNOTS)
    for mapping, between in zip(mappings, stops, strict=True):
        if mapping is None:
            continue
        rows = _at_knots(mapping.brighter) - _at_knots(mapping.darker)
        srgb = np.log2(decode_srgb(mapping.brighter) / decode_srgb(mapping.darker))
        weighted = rows * (mapping.weights / mapping.weights.sum())[:, None]
        squares += weighted.T @ rows
        wanted += weighted.T @ (between - srgb)
    departure: Values = np.clip(np.linalg.solve(squares, wanted), -_LARGEST_DEPARTURE, _LARGEST_DEPARTURE)
    return departure


def _at_knots(values: Values) -> Values:
    """Weights (N×knots) that interpolate linearly between knots."""
    place = values * (_KNOTS - 1)
    weights: Values = np.maximum(1 - np.abs(place[:, None] - np.arange(_KNOTS)), 0)
    return weights


def _log_slope(values: Values) -> Values:
    """Stops of light per unit of value, under sRGB."""
    step = 1e-4
    slope: Values = np.log2(decode_srgb(values + step) / decode_srgb(values - step)) / (2 * step)
    return slope


def _samples(picture: Array) -> Floats:
    """Some hundred thousand of its values, all channels, in [0, 1]; the same places in every picture of one size."""
    step = max(1, round((picture.size / _SAMPLES) ** 0.5))
    taken: Floats = picture[step // 2 :: step, step // 2 :: step].reshape(-1).astype(np.float32)
    return taken if picture.dtype.kind == "f" else taken / np.float32(np.iinfo(picture.dtype).max)
