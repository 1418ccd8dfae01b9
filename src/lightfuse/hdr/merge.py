"""A bracket's exposures merged into the light they recorded."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from lightfuse.errors import PictureError
from lightfuse.hdr.response import Mapping, mapping_of, response_of, stops_between
from lightfuse.hdr.transfer import Array, Floats, Light, look_up, steps_of

_ROWS_AT_ONCE = 64
# A frame counts fully up to the first of these values (of its largest channel), and not at all from the second.
_FULL, _CLIPPED = 0.72, 0.97


@dataclass(frozen=True)
class Radiance:
    """The light of a scene.

    Attributes:
        light: H×W×3 float32, linear, in the frames' primaries, ≥ 0, in the base exposure's unit: its middle grey is
            0.21 (sRGB's 0.5), its white about 1.0.
        stops: each frame's exposure against the base's, in stops, in the order the frames were given.
    """

    light: Light
    stops: tuple[float, ...]


def merge_light(frames: Sequence[Array], stops: Sequence[float] | None = None, *, base: int | None = None) -> Radiance:
    """Merge two or more aligned exposures of one still scene.

    Each frame's values become light by the response curve all of them share (see `response`). From the darkest frame
    to the brightest, each takes over where it is not clipped, by the light it gathered: the weights that are best for
    photon noise (its variance is as the light gathered), faded out from 72 to 97 % of white so that no seam shows.

    Args:
        frames: RGB, H×W×3, of one shape and dtype: uint8, uint16 or float32 in [0, 1], encoded (sRGB or a like curve).
        stops: the frames' exposures in stops, more is brighter (from EXIF); only differences count. None estimates
            them from the pictures.
        base: the frame whose unit the light is in; None takes the one whose mean is nearest the middle.

    Raises:
        PictureError: fewer than two frames, frames that differ in shape or dtype, or the stops are too few or
            not finite; or they are not given and two neighbours in exposure have no tones in common.
    """
    _check(frames, stops)
    brightness = [_mean(frame) for frame in frames]
    order = sorted(range(len(frames)), key=lambda i: brightness[i] if stops is None else stops[i])
    neighbours = list(pairwise(order))
    mappings = [mapping_of(frames[dark], frames[bright]) for dark, bright in neighbours]
    between = [
        _estimated(mapping) if stops is None else stops[bright] - stops[dark]
        for mapping, (dark, bright) in zip(mappings, neighbours, strict=True)
    ]
    response = response_of(mappings, between, frames[0].dtype)
    above_darkest = dict(zip(order, np.cumsum([0.0, *between]).tolist(), strict=True))
    if base is None:
        base = min(range(len(frames)), key=lambda i: abs(brightness[i] - 0.5))
    relative = tuple(above_darkest[i] - above_darkest[base] for i in range(len(frames)))
    return Radiance(_merged([frames[i] for i in order], [relative[i] for i in order], response), relative)


def _estimated(mapping: Mapping | None) -> float:
    if mapping is None:
        raise PictureError(
            "two neighbouring exposures have no tones in common, so how far they are apart cannot be told; "
            "give an exposure between them, or frames with EXIF"
        )
    return max(0.0, stops_between(mapping))


def _merged(frames: Sequence[Array], stops: Sequence[float], response: Floats) -> Light:
    """The light of frames from dark to bright, band by band."""
    light: Light = np.empty(frames[0].shape, np.float32)
    trust = _trust(frames[0].dtype)
    for top in range(0, light.shape[0], _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        bands = [np.ascontiguousarray(frame[rows]) for frame in frames]
        light[rows] = _merged_band(bands, [2.0**stop for stop in stops], response, trust)
    return light


def _merged_band(bands: Sequence[Array], gathered: Sequence[float], response: Floats, trust: Floats) -> Light:
    import cv2

    light = look_up(bands[0], response * np.float32(1 / gathered[0]))
    known = np.full(light.shape[:2], gathered[0], np.float32)
    for band, exposure in zip(bands[1:], gathered[1:], strict=True):
        first, second, third = cv2.split(band)
        trusted = look_up(cv2.max(first, cv2.max(second, third)), trust)
        share = trusted * (np.float32(exposure) / (known + np.float32(exposure)))
        newer = look_up(band, response * np.float32(1 / exposure))
        light += share[..., None] * (newer - light)
        known += trusted * np.float32(exposure)
    return light


def _trust(dtype: np.dtype[Any]) -> Floats:
    """How far each value of a frame's largest channel is trusted: 1, falling smoothly to 0 where it clips."""
    place = np.clip((_CLIPPED - np.linspace(0, 1, steps_of(dtype))) / (_CLIPPED - _FULL), 0, 1)
    return np.asarray(place * place * (3 - 2 * place), np.float32)


def _mean(frame: Array) -> float:
    mean = float(frame[::4, ::4].mean(dtype=np.float64))
    return mean if frame.dtype.kind == "f" else mean / float(np.iinfo(frame.dtype).max)


def _check(frames: Sequence[Array], stops: Sequence[float] | None) -> None:
    if len(frames) < 2:
        raise PictureError("merging light takes two exposures or more")
    for frame in frames:
        if frame.ndim != 3 or frame.shape[2] != 3 or 0 in frame.shape:
            raise PictureError(f"a frame must be RGB of shape height × width × 3, not {frame.shape}")
        if frame.dtype not in (np.uint8, np.uint16, np.float32):
            raise PictureError(f"a frame must be uint8, uint16 or float32, not {frame.dtype}")
        if frame.shape != frames[0].shape or frame.dtype != frames[0].dtype:
            raise PictureError("the frames of a bracket must be of one size and type to merge their light")
    if stops is not None and (len(stops) != len(frames) or not np.isfinite(stops).all()):
        raise PictureError(f"{len(frames)} frames need as many exposures in stops, all of them finite numbers")
