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

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import check_picture, full_scale
from lightfuse.errors import LightFuseError
from lightfuse.system import usable_cores

Look = Literal["natural", "bright", "vivid"]
LOOKS: tuple[Look, ...] = get_args(Look)

Array = NDArray[Any]
Floats = NDArray[np.float32]

_LIFT = 0.42
_VIVIDNESS = 0.7
_GREY_SATURATION = 0.05
# Hues of HSV in degrees with a reduced effect: centre, half-width, and the share of the effect at the centre.
_PROTECTED_HUES = ((22.0, 26.0, 0.3), (208.0, 26.0, 0.8), (248.0, 32.0, 0.5))

_PIXELS_AT_ONCE = 1 << 14  # so that planes stay in a core's cache, and their memory is not given back
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
    import cv2

    vividness = _vividness(strength) if look == "vivid" else None
    result, threads = np.empty_like(picture, order="C"), threads or usable_cores()
    white, depth = full_scale(picture.dtype), {1: cv2.CV_8U, 2: cv2.CV_16U, 4: cv2.CV_32F}[picture.itemsize]
    height, width, _ = picture.shape
    rows = max(1, _PIXELS_AT_ONCE // width)

    def apply_from(top: int) -> None:
        band = cv2.split(np.ascontiguousarray(picture[top : top + rows]))
        planes = [cv2.multiply(plane, 1 / white, dtype=cv2.CV_32F) for plane in band]
        changed = _brightened(planes, _LIFT * strength) if vividness is None else _saturated(planes, vividness)
        cv2.merge([cv2.multiply(plane, white, dtype=depth) for plane in changed], dst=result[top : top + rows])

    with ThreadPoolExecutor(threads) as pool:  # No thread starts before there is work for it.
        list((map if threads == 1 or height <= rows else pool.map)(apply_from, range(0, height, rows)))
    return result


def _brightened(planes: Sequence[Array], lift: float) -> list[Array]:
    import cv2

    largest = cv2.max(planes[0], cv2.max(planes[1], planes[2]))
    root = np.sqrt(np.sqrt(np.maximum(largest, 0)))  # Float pictures may lie slightly outside [0, 1].
    gain = 1 + np.float32(lift) * root * (1 - largest)  # f(v) / v
    return [plane * gain for plane in planes]


def _vividness(strength: float) -> Floats:
    """0.7·p for each hue, smooth and periodic, scaled by the strength."""
    degrees = np.arange(360 * _HUE_STEPS) / _HUE_STEPS
    weights = np.ones_like(degrees)
    for centre, width, least in _PROTECTED_HUES:
        away = np.abs((degrees - centre + 180) % 360 - 180) / width
        weights -= (1 - least) * np.where(away < 1, np.cos(np.pi / 2 * np.minimum(away, 1)) ** 2, 0)
    return (_VIVIDNESS * strength * weights).astype(np.float32)


def _saturated(planes: Sequence[Array], vividness: Floats) -> list[Array]:
    import cv2

    hue, saturation, largest = cv2.split(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_RGB2HSV))
    local = np.take(vividness, (hue * np.float32(_HUE_STEPS)).astype(np.intp), mode="clip")
    gain = 1 + local * (1 - saturation) * saturation / (saturation + np.float32(_GREY_SATURATION))  # q
    return [np.maximum(largest - gain * (largest - plane), 0) for plane in planes]
