"""Frames of a bracket made to agree: given one white balance, those of equal exposure averaged."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.brackets.bracket import SAME_EXPOSURE, Bracket, base_exposure, brightness
from lightfuse.colorspace import srgb_to_linear
from lightfuse.images.pixels import table_size, to_depth

Array = NDArray[Any]

_SAME_LEVEL, _SAME_RATIO = 1 / 255, 0.02  # Brightness of two equal exposures: difference, as a fraction of either.
_DARKEST = 0.06  # Brightness of frames so near black or white says nothing of their exposures.
_LEAST_DIFFERENCE = 3 / 255  # What equal exposures may differ by where nothing moved, beside their usual difference.
_SHIFT, _LARGEST_SHIFT = 0.28, 0.8  # EV between channels that count as another white balance; more is something else.
_GREYISH, _LEAST_GREY = 0.2, 0.05  # EV between the channels of greyish colours, and the share of them that is needed.


def averaged(bracket: Bracket) -> Bracket:
    """The bracket with frames of equal exposure averaged to one, where nothing moved, and a note that says so.

    Noise falls with the square root of their number. What moved is as in the first of them.
    """
    groups, evs = [[0]], bracket.relative_ev
    levels = [brightness(frame.pixels[::8]) for frame in bracket.frames]
    for at, (low, high) in enumerate(pairwise(levels), start=1):
        equal = abs(evs[at] - evs[at - 1]) <= SAME_EXPOSURE if evs else _DARKEST < low < 1 - _DARKEST
        if equal and abs(high - low) < min(_SAME_LEVEL, _SAME_RATIO * low, _SAME_RATIO * (1 - low)):
            groups[-1].append(at)
        else:
            groups.append([at])
    if len(groups) == len(bracket.frames):
        return bracket
    alike = [[bracket.frames[i] for i in group] for group in groups]
    frames = tuple(replace(f[0], pixels=_mean([each.pixels for each in f])) if len(f) > 1 else f[0] for f in alike)
    names = [", ".join(frame.name for frame in group) for group in alike if len(group) > 1]
    evs = evs and tuple(evs[group[0]] for group in groups)
    base = base_exposure([levels[group[0]] for group in groups])
    notes = (f"{equal} have one exposure and were averaged" for equal in names)
    return Bracket(frames, tuple(bracket.given[group[0]] for group in groups), base, evs, (*bracket.notes, *notes))


def _mean(pictures: Sequence[Array]) -> Array:
    """The mean of pictures wherever they agree with the first within their usual difference."""
    import cv2

    first = to_depth(pictures[0], 32)
    total, count = first.copy(), np.ones(first.shape[:2], np.float32)
    for picture in (to_depth(other, 32) for other in pictures[1:]):
        change = np.abs(picture - first)
        agrees = cv2.blur(change.max(axis=2), (5, 5)) < 3 * change.mean() + _LEAST_DIFFERENCE
        total += picture * agrees[..., None]
        count += agrees
    return to_depth(total / count[..., None], 8 * pictures[0].itemsize)


def white_balanced(bracket: Bracket) -> Bracket:
    """The bracket with the white balance of every frame levelled to the base exposure's, and a note of it."""
    base = bracket.base_frame
    pixels, names = [], []
    for position, frame in enumerate(bracket.frames):
        gains = None if position == bracket.base else _channel_gains(frame.pixels, base.pixels)
        pixels.append(frame.pixels)
        if gains is not None:  # White stays white, so that highlights get no cast.
            unit, gains = to_depth(frame.pixels, 32), gains ** np.float32(1 / 2.2)
            balanced = np.clip(unit * gains + (1 - gains) * np.clip((unit - 0.9) / 0.1, 0, 1), 0, 1)
            pixels[-1] = to_depth(balanced, 8 * frame.pixels.itemsize)
            names.append(frame.name)
    if not names:
        return bracket
    return bracket.with_pixels(pixels, f"{', '.join(names)}: white balance levelled to that of {base.name}")


def _channel_gains(picture: Array, base: Array) -> NDArray[np.float32] | None:
    """What the linear channels are to be multiplied by to have the base's balance; None where they have it already."""
    step = max(1, max(base.shape[:2]) // 512)
    shared = [_stops(frame[::step, ::step]) for frame in (picture, base)]
    usable = np.isfinite(sum(stops[..., channel] for stops in shared for channel in range(3)))
    ratios = [stops[usable] for stops in shared]
    ratios = [r[:, ::2] - r[:, 1:2] for r in ratios]  # Red and blue against green, in EV.
    greyish = np.abs(ratios[1]).max(axis=1, initial=0) < _GREYISH
    if greyish.sum() < _LEAST_GREY * usable.size:
        return None
    differences = ratios[1][greyish] - ratios[0][greyish]
    shift = _medians(differences)
    spread = _medians(np.abs(differences - shift))
    if not _SHIFT + spread.max() < np.abs(shift).max() < _LARGEST_SHIFT:
        return None
    return np.array([2 ** shift[0], 1, 2 ** shift[1]], np.float32)


def _stops(picture: Array) -> NDArray[np.float32]:
    """Logarithms of linear light to the base 2, NaN where it is too dark or too bright to be compared."""
    is_float = picture.dtype.kind == "f"
    values = picture if is_float else np.arange(table_size(picture.dtype), dtype=picture.dtype)
    light = srgb_to_linear(to_depth(values, 32))
    stops = np.where((light > 0.02) & (light < 0.75), np.log2(np.maximum(light, 0.02)), np.float32(np.nan))
    return stops if is_float else np.take(stops, picture)


def _medians(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The median of each column; np.median would import masked arrays first, which takes longer."""
    middle = [(len(values) - 1) // 2, len(values) // 2]
    return np.asarray(np.partition(values, middle, axis=0)[middle].mean(axis=0))
