"""Looks: a small tone or colour adjustment after the network, the same for every pixel of one colour.

Every look works on the encoded values and keeps the largest of a pixel's three in [0, 1] by its form, so nothing is
clipped and hues stay (docs/looks.md has the figures):

- ``natural`` is the picture itself.
- ``bright`` multiplies a pixel by f(v) / v, where v is its largest value and f(v) = v + 0.42·v·v^¼·(1 − v): mid-tones
  rise by half a stop, black and white stay, deep shadows hardly change, and highlights are compressed smoothly.
- ``vivid`` moves a pixel's values away from v, each to v − q·(v − value) with
  q = 1 + 0.7·p(hue)·(1 − S)·S / (S + 0.05) and S the saturation of HSV: pale colours gain most, saturated and grey ones
  nothing, and p reduces the effect for skin, for blues that would turn violet and, less, for the sky.

``strength`` scales 0.42 and 0.7.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import check_picture
from lightfuse.errors import LightFuseError
from lightfuse.system import usable_cores

Look = Literal["natural", "bright", "vivid"]
LOOKS: tuple[Look, ...] = get_args(Look)

Array = NDArray[Any]
Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
BandFilter = Callable[[Array, Array], None]

_LIFT = 0.42
_VIVIDNESS = 0.7
_GREY_SATURATION = 0.05
# Hues of HSV in degrees with a reduced effect: centre, half-width, and the share of the effect at the centre.
_PROTECTED_HUES = ((22.0, 26.0, 0.3), (208.0, 26.0, 0.8), (248.0, 32.0, 0.5))

_PIXELS_AT_ONCE = 1 << 16  # so that the planes of a band stay in a core's cache
_HUE_STEPS = 64  # per degree


def apply_look(picture: Array, look: Look, strength: float = 1.0, *, threads: int | None = None) -> Array:
    """Apply a look to a picture; returns a new array of its shape and dtype, or itself where nothing changes.

    The picture is RGB, H×W×3, uint8, uint16 or float32 in [0, 1], encoded (sRGB or a like curve). ``strength`` is from
    0, no effect, to 1. So many threads share the rows, None takes every usable core; the pixels do not depend on it.
    Raises LightFuseError where the look is unknown or the strength outside [0, 1], PictureError for any other picture.
    """
    if look not in LOOKS:
        raise LightFuseError(f"there is no look {look!r}; use one of {', '.join(LOOKS)}")
    if not 0 <= strength <= 1:
        raise LightFuseError(f"the strength of a look is {strength:g}; it must lie between 0 and 1")
    check_picture(picture, "the picture")
    if look == "natural" or strength == 0:
        return picture
    apply, threads = _band_filter(picture.dtype, look, strength), threads or usable_cores()
    result = np.empty_like(picture, order="C")
    height, width, _ = picture.shape
    rows = max(1, _PIXELS_AT_ONCE // width)

    def apply_from(top: int) -> None:
        apply(np.ascontiguousarray(picture[top : top + rows]), result[top : top + rows])

    with ThreadPoolExecutor(threads) as pool:  # No thread starts before there is work for it.
        list((map if threads == 1 or height <= rows else pool.map)(apply_from, range(0, height, rows)))
    return result


def _band_filter(dtype: np.dtype[Any], look: Look, strength: float) -> BandFilter:
    """The function that applies the look to a band of rows and writes it to another."""
    if look == "bright":
        lift = _LIFT * strength
        return partial(_brighten, gains=_gains(np.linspace(0, 1, 256, dtype=np.float32), lift), lift=lift)
    degrees = np.arange(360 * _HUE_STEPS) / _HUE_STEPS
    weights = np.ones_like(degrees)  # The weight p of the effect for each hue, smooth and periodic.
    for centre, width, least in _PROTECTED_HUES:
        away = np.abs((degrees - centre + 180) % 360 - 180) / width
        weights -= (1 - least) * np.where(away < 1, np.cos(np.pi / 2 * np.minimum(away, 1)) ** 2, 0)
    vividness = (_VIVIDNESS * strength * weights).astype(np.float32)
    if dtype == np.uint8:  # A table of q − 1 by saturation (rows) and hue (columns), 256 steps each, as bytes.
        hues = np.arange(256) * (360 / 256) * _HUE_STEPS
        saturations = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
        table = _saturation_gain(saturations, vividness[hues.astype(np.intp)][None]).ravel() - 1
        unit = float(table.max()) / 255
        return partial(_saturate_bytes, table=np.round(table / unit).astype(np.uint8), unit=unit)
    return partial(_saturate, vividness=vividness)


def _brighten(band: Array, result: Array, gains: Floats, lift: float) -> None:
    import cv2

    planes = _planes(band)
    largest = cv2.max(planes[0], cv2.max(planes[1], planes[2]))
    gain = cv2.LUT(largest, gains) if band.dtype == np.uint8 else _gains(largest, lift)
    depth = cv2.CV_8U if band.dtype == np.uint8 else cv2.CV_32F
    lifted = [cv2.multiply(plane, gain, dtype=depth) for plane in planes]
    _join(lifted, result)


def _gains(largest: Floats, lift: float) -> Floats:
    """f(v) / v, for v in [0, 1]."""
    root = np.sqrt(np.sqrt(np.maximum(largest, 0)))  # Float pictures may lie slightly outside [0, 1].
    gains: Floats = 1 + np.float32(lift) * root * (1 - largest)
    return gains


def _saturate(band: Array, result: Array, vividness: Floats) -> None:
    import cv2

    planes = _planes(band)
    hue, saturation, largest = cv2.split(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_RGB2HSV))
    local = np.take(vividness, (hue * np.float32(_HUE_STEPS)).astype(np.intp), mode="clip")
    gain = _saturation_gain(saturation, local)
    saturated = [np.maximum(largest - gain * (largest - plane), 0) for plane in planes]
    _join(saturated, result)


def _saturate_bytes(band: Array, result: Array, table: Bytes, unit: float) -> None:
    """The same for uint8: hue and saturation, in 256 steps each, index a table of (q − 1) / unit.

    Each value becomes value − (q − 1)·(v − value).
    """
    import cv2

    planes = cv2.split(band)
    hsv = cv2.cvtColor(band, cv2.COLOR_RGB2HSV_FULL)
    places = np.empty((*band.shape[:2], 2), np.uint8)
    cv2.mixChannels([hsv], [places], [0, 0, 1, 1])
    extra = cv2.LUT(places.view("<u2")[..., 0], table)
    largest = cv2.max(planes[0], cv2.max(planes[1], planes[2]))
    less = [cv2.multiply(cv2.subtract(largest, plane), extra, scale=unit) for plane in planes]
    _join([cv2.subtract(plane, by) for plane, by in zip(planes, less, strict=True)], result)


def _saturation_gain(saturation: Floats, vividness: Floats) -> Floats:
    """The factor q, for a saturation in [0, 1] and the vividness of the hue."""
    gain: Floats = 1 + vividness * (1 - saturation) * saturation / (saturation + np.float32(_GREY_SATURATION))
    return gain


def _planes(band: Array) -> Sequence[Array]:
    """The three channels: uint8 as they are, others as float32 in [0, 1]."""
    import cv2

    planes: Sequence[Array] = cv2.split(band)
    if band.dtype == np.uint16:
        return [cv2.multiply(plane, 1 / 65535, dtype=cv2.CV_32F) for plane in planes]
    return planes


def _join(planes: Sequence[Array], result: Array) -> None:
    """The planes, as `_planes` gives them, interleaved into ``result``."""
    import cv2

    if result.dtype == np.uint16:
        planes = [cv2.multiply(plane, 65535, dtype=cv2.CV_16U) for plane in planes]
    cv2.merge(planes, dst=result)
