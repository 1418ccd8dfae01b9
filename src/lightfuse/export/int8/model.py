"""A context model in whole numbers: int8 weights, and how far each sum is shifted or multiplied to fit 16 bits."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightfuse.models import ContextConfig

Whole = NDArray[np.int64]
"""Whole numbers; those of C's int8_t, int16_t or int32_t, kept wider so that numpy never wraps."""

TOP = 32767
"""What stands for 1 in pictures, mixing weights and ``strength``: 15 bits."""

GAIN_BITS, CHROMA_BITS = 13, 12
"""Bits after the point of the luma's gain and of the chroma's."""

PART_BITS = 14
"""Bits after the point of where a pixel lies between two cells of the context."""


@dataclass(frozen=True)
class Spread:
    """A depthwise layer: a sum of nine products, shifted right by ``shifts``. Weights [channel][9]."""

    weights: Whole
    shifts: Whole


@dataclass(frozen=True)
class Mix:
    """A pointwise layer of FilteringNet: (sum + bias) · multiplier, shifted right. Weights [out][in]."""

    weights: Whole
    biases: Whole
    multipliers: Whole
    shifts: Whole


@dataclass(frozen=True)
class Layer:
    """A layer of CombiningNet: sum + bias (+ context), shifted right. Weights [out][in].

    Nothing is multiplied: a channel keeps the scale that its weights and its shift leave it with, and the next layer's
    weights reckon with it.
    """

    weights: Whole
    biases: Whole
    shifts: Whole


@dataclass(frozen=True)
class Curve:
    """The mixing weight, 0 to `TOP`, by the last layer's sum: ``table[i]`` at (first + i) · 2^bits, linear between."""

    table: Whole
    first: int
    bits: int


@dataclass(frozen=True)
class Int8Model:
    """All of it. ``context_shifts``: from a context between cells, `PART_BITS` after its point, to CombiningNet's sums.

    ``gains``: (multiplier, shift) that make luma gain, luma offset and chroma gain of the shifted answers 1, 2 and 3
    where ``strength`` is 1.
    """

    name: str
    config: ContextConfig
    spreads: Mapping[str, Spread]
    mixes: Mapping[str, Mix]
    layers: tuple[Layer, ...]
    context_shifts: Whole
    curves: tuple[Curve, ...]
    gains: tuple[tuple[int, int], ...]
