"""The order of a bracket's exposures, how far apart they are, and which of them the others follow."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse.images import ShotInfo

OrderedBy = Literal["exif", "brightness, EXIF missing", "brightness, EXIF contradicted"]

MIDDLE = 0.5
_LEVEL = 1 / 255
_SAME_STOPS = 0.05  # EXIF rounds shutter times: 1/125 s and 1/128 s are one exposure.
_DARKER = 2 * _LEVEL  # By so much an exposure said to be brighter may be darker before EXIF is not believed.
_PLAINLY_DIFFERENT = 5 * _LEVEL  # So far apart two exposures cannot have been one.


@dataclass(frozen=True)
class ExposureOrder:
    """A bracket's exposures from dark to bright.

    Attributes:
        positions: where each exposure, darkest first, stands among those given.
        stops: the light each of them took in, in EV above the darkest, in the same order; None where EXIF does not say.
        by: what decided: EXIF, or brightness where EXIF is missing or contradicted by it.
    """

    positions: tuple[int, ...]
    stops: tuple[float, ...] | None = None
    by: OrderedBy = "exif"


def exposure_order(brightnesses: Sequence[float], shots: Sequence[ShotInfo]) -> ExposureOrder:
    """Order exposures by what EXIF says of them, checked against their brightness, else by brightness.

    Args:
        brightnesses: mean value of each, in [0, 1].
        shots: how each was shot.
    """
    by_brightness = tuple(darkest_first(brightnesses))
    light = light_taken(shots)
    if light is None:
        return ExposureOrder(by_brightness, by="brightness, EXIF missing")
    by_exif = sorted(range(len(light)), key=lambda i: (light[i], brightnesses[i]))
    if _contradicted(by_exif, light, brightnesses):
        return ExposureOrder(by_brightness, by="brightness, EXIF contradicted")
    return ExposureOrder(tuple(by_exif), tuple(light[i] - light[by_exif[0]] for i in by_exif))


def light_taken(shots: Sequence[ShotInfo]) -> list[float] | None:
    """The light each exposure took in, log2(shutter time · ISO / N²), in EV above an arbitrary level.

    An aperture or ISO that no shot gives (a lens without contacts, a phone) was one and the same. None where the
    shutter time is missing somewhere, or one of the others only here and there.
    """
    times = [shot.exposure_time for shot in shots]
    sensitivities = _given_by_all_or_none([shot.iso for shot in shots])
    apertures = _given_by_all_or_none([shot.f_number for shot in shots])
    if sensitivities is None or apertures is None or any(time is None for time in times):
        return None
    return [
        math.log2(time * iso / aperture**2)
        for time, iso, aperture in zip(times, sensitivities, apertures, strict=True)
        if time is not None
    ]


def brightness(picture: NDArray[Any]) -> float:
    """Mean of all values of an H×W×3 uint8, uint16 or float32 picture, in [0, 1]."""
    from lightfuse import core

    _, _, mean, _ = core.measure(picture, threads=1)
    return mean / {np.dtype(np.uint8): 255.0, np.dtype(np.uint16): 65535.0}.get(picture.dtype, 1.0)


def darkest_first(brightnesses: Sequence[float]) -> list[int]:
    """Indices that put exposures in order, dark to bright (the paper's rule: by mean pixel value)."""
    return sorted(range(len(brightnesses)), key=lambda i: brightnesses[i])


def base_exposure(brightnesses: Sequence[float]) -> int:
    """Index of the exposure whose brightness is nearest the middle: the others are aligned to it, and its metadata
    stands for the bracket."""
    return min(range(len(brightnesses)), key=lambda i: abs(brightnesses[i] - MIDDLE))


def _given_by_all_or_none(values: Sequence[float | None]) -> list[float] | None:
    given = [value for value in values if value is not None]
    if not given:
        return [1.0] * len(values)
    return given if len(given) == len(values) else None


def _contradicted(order: Sequence[int], light: Sequence[float], brightnesses: Sequence[float]) -> bool:
    for darker, brighter in itertools.pairwise(order):
        rise = brightnesses[brighter] - brightnesses[darker]
        if rise < -_DARKER:
            return True
        if light[brighter] - light[darker] < _SAME_STOPS and rise > _PLAINLY_DIFFERENT:
            return True
    return False
