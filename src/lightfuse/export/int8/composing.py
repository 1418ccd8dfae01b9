"""The structured output in whole numbers: see `networks.context.combining.compose`."""

import numpy as np

from lightfuse.export.int8.model import CHROMA_BITS, GAIN_BITS, TOP, Curve, Int8Model, Whole

LUMA = (9798, 19235, 3735)
"""Weights of red, green and blue in luma, of 2^15."""

FLOOR = 655
"""Added to both lumas of a ratio: 0.02 of `TOP`."""

LARGEST_GAIN = 8 << CHROMA_BITS


def composed(model: Int8Model, under: Whole, over: Whole, sums: Whole, strength: int) -> Whole:
    """The picture, 3×H×W of 0 to `TOP`, that the last layer's sums describe."""
    dark, bright = _luma(under), _luma(over)
    weights = [_looked_up(curve, sums[o]) for curve, o in zip(model.curves, (0, 4), strict=False)]
    mixture = bright + (weights[0] * (dark - bright) >> 15)
    grey = bright + (weights[-1] * (dark - bright) >> 15)
    gain, offset, saturation = (_answer(model, sums, o, strength) for o in (1, 2, 3))
    luma = mixture + (mixture * gain >> GAIN_BITS) + offset
    chroma_gain = saturation + (1 << CHROMA_BITS)
    if model.config.ratio:
        lift = (np.maximum(luma + FLOOR, 0) << CHROMA_BITS) // (grey + FLOOR)
        chroma_gain = chroma_gain * np.minimum(lift, LARGEST_GAIN) >> CHROMA_BITS
    chroma_gain = np.clip(chroma_gain, 0, LARGEST_GAIN)
    coloured = over + (weights[-1] * (under - over) >> 15)
    return _kept_hue(np.maximum(luma + ((coloured - grey) * chroma_gain >> CHROMA_BITS), 0))


def _kept_hue(fused: Whole) -> Whole:
    """See `networks.context.combining.keep_hue`."""
    largest = np.maximum(fused.max(axis=0), TOP)
    scale = np.where(largest > TOP, (TOP << 15) // largest, 1 << 15)
    kept: Whole = fused * scale >> 15
    return kept


def _luma(planes: Whole) -> Whole:
    luma: Whole = (LUMA[0] * planes[0] + LUMA[1] * planes[1] + LUMA[2] * planes[2] + (1 << 14)) >> 15
    return luma


def _looked_up(curve: Curve, sums: Whole) -> Whole:
    low = curve.first << curve.bits
    at = np.clip(sums, low, low + ((len(curve.table) - 1) << curve.bits) - 1) - low
    i, part = at >> curve.bits, at & ((1 << curve.bits) - 1)
    weight: Whole = curve.table[i] + ((curve.table[i + 1] - curve.table[i]) * part >> curve.bits)
    return weight


def _answer(model: Int8Model, sums: Whole, o: int, strength: int) -> Whole:
    """Luma gain (o = 1), luma offset (2) or chroma gain (3), as much of it as ``strength`` says."""
    multiplier, shift = model.gains[o - 1]
    answer = np.clip(sums[o] >> model.layers[-1].shifts[o], -TOP, TOP)
    scaled: Whole = np.clip(answer * (multiplier * strength >> 15) >> shift, -TOP, TOP)
    return scaled
