"""Looks: one small change of taste after the network, the same for every pixel of one colour.

Every look works on the encoded values as they stand and leaves the largest of a pixel's three in [0, 1] by its form, so
nothing is clipped and no hue turns by it (docs/looks.md has the figures):

- ``natural`` is the picture itself.
- ``bright`` multiplies a pixel by f(v) / v, where v is its largest value and f(v) = v + 0.42·v·v^¼·(1 − v): the middle
  rises by half a stop, black and white stay, deep shadows keep their depth, and a shoulder keeps highlights apart.
- ``vivid`` moves a pixel's values away from v, each to v − q·(v − value) with
  q = 1 + 0.7·p(hue)·(1 − S)·S / (S + 0.05) and S the saturation of HSV: pale colours gain most, full ones and greys
  nothing, and p holds back for skin, for blues that would turn violet and, less, for the sky.

``strength`` scales 0.42 and 0.7.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import LightFuseError, PictureError
from lightfuse.fuser import usable_cores

Look = Literal["natural", "bright", "vivid"]
LOOKS: tuple[Look, ...] = get_args(Look)

Array = NDArray[Any]
Floats = NDArray[np.float32]
Bytes = NDArray[np.uint8]
Painter = Callable[[Array, Array], None]

_LIFT = 0.42
_VIVIDNESS = 0.7
_NEARLY_GREY = 0.05
# Hues of HSV in degrees that are held back: centre, half-width, and what is left of the effect there.
_HELD_BACK = ((22.0, 26.0, 0.3), (208.0, 26.0, 0.8), (248.0, 32.0, 0.5))

_PIXELS_AT_ONCE = 1 << 16  # a band's planes stay in a core's cache
_HUE_STEPS = 64  # per degree


def apply_look(picture: Array, look: Look, strength: float = 1.0, *, threads: int | None = None) -> Array:
    """The picture in a look; ``natural`` or a strength of 0 give back the very array, untouched.

    Args:
        picture: RGB, H×W×3, uint8, uint16 or float32 in [0, 1], encoded (sRGB or a like curve), left as it is.
        look: one of `LOOKS`.
        strength: 0 (nothing) to 1 (all of it).
        threads: how many share the rows; None takes every core. The pixels do not depend on it.

    Returns:
        A new array of the picture's shape and dtype.

    Raises:
        LightFuseError: the look is unknown, or the strength outside [0, 1].
        PictureError: the picture is not as above.
    """
    if look not in LOOKS:
        raise LightFuseError(f"there is no look {look!r}; use one of {', '.join(LOOKS)}")
    if not 0 <= strength <= 1:
        raise LightFuseError(f"the strength of a look is {strength:g}; it must lie between 0 and 1")
    if picture.ndim != 3 or picture.shape[2] != 3 or picture.dtype not in (np.uint8, np.uint16, np.float32):
        raise PictureError(
            f"a look needs RGB of uint8, uint16 or float32, H×W×3, not {picture.dtype} of shape {picture.shape}"
        )
    if look == "natural" or strength == 0 or picture.size == 0:
        return picture
    return _by_bands(picture, _band_painter(picture.dtype, look, strength), threads or usable_cores())


def _band_painter(dtype: np.dtype[Any], look: Look, strength: float) -> Painter:
    """What turns a band of rows into the look, written into another."""
    if look == "bright":
        lift = _LIFT * strength
        return partial(_brighten, gains=_gains(np.linspace(0, 1, 256, dtype=np.float32), lift), lift=lift)
    hold = (_VIVIDNESS * strength * _holding(np.arange(360 * _HUE_STEPS) / _HUE_STEPS)).astype(np.float32)
    if dtype == np.uint8:
        extras, unit = _extras_of_bytes(hold)
        return partial(_enrich_bytes, extras=extras, unit=unit)
    return partial(_enrich, hold=hold)


def _by_bands(picture: Array, paint: Painter, threads: int) -> Array:
    painted = np.empty_like(picture, order="C")
    height, width, _ = picture.shape
    rows = max(1, _PIXELS_AT_ONCE // width)

    def paint_from(top: int) -> None:
        paint(np.ascontiguousarray(picture[top : top + rows]), painted[top : top + rows])

    if threads == 1 or height <= rows:
        for top in range(0, height, rows):
            paint_from(top)
        return painted
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(paint_from, range(0, height, rows)))
    return painted


def _brighten(band: Array, painted: Array, gains: Floats, lift: float) -> None:
    import cv2

    planes = _planes(band)
    largest = cv2.max(planes[0], cv2.max(planes[1], planes[2]))
    gain = cv2.LUT(largest, gains) if band.dtype == np.uint8 else _gains(largest, lift)
    lifted = [cv2.multiply(plane, gain, dtype=_depth(plane)) for plane in planes]
    _join(lifted, painted)


def _gains(largest: Floats, lift: float) -> Floats:
    """f(v) / v, for v in [0, 1]."""
    root = np.sqrt(np.sqrt(np.maximum(largest, 0)))  # Float pictures may lie a hair outside [0, 1].
    gains: Floats = 1 + np.float32(lift) * root * (1 - largest)
    return gains


def _enrich(band: Array, painted: Array, hold: Floats) -> None:
    import cv2

    planes = _planes(band)
    hue, saturation, largest = cv2.split(cv2.cvtColor(cv2.merge(planes), cv2.COLOR_RGB2HSV))
    held = np.take(hold, (hue * np.float32(_HUE_STEPS)).astype(np.intp), mode="clip")
    spread = _spread(saturation, held)
    enriched = [np.maximum(largest - spread * (largest - plane), 0) for plane in planes]
    _join(enriched, painted)


def _enrich_bytes(band: Array, painted: Array, extras: Bytes, unit: float) -> None:
    """The same in bytes: hue and saturation, in 256 steps each, are the place of (q − 1) / unit in a table.

    A value goes to itself less (q − 1)·(v − value).
    """
    import cv2

    planes = cv2.split(band)
    hsv = cv2.cvtColor(band, cv2.COLOR_RGB2HSV_FULL)
    places = np.empty((*band.shape[:2], 2), np.uint8)
    cv2.mixChannels([hsv], [places], [0, 0, 1, 1])
    extra = cv2.LUT(places.view("<u2")[..., 0], extras)
    largest = cv2.max(planes[0], cv2.max(planes[1], planes[2]))
    less = [cv2.multiply(cv2.subtract(largest, plane), extra, scale=unit) for plane in planes]
    _join([cv2.subtract(plane, by) for plane, by in zip(planes, less, strict=True)], painted)


def _extras_of_bytes(hold: Floats) -> tuple[Bytes, float]:
    """Q − 1 of each saturation (rows) and hue (columns), 256 steps each, row after row, as bytes, and their unit."""
    hues = np.arange(256) * (360 / 256) * _HUE_STEPS
    saturations = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
    extras = _spread(saturations, hold[hues.astype(np.intp)][None]).ravel() - 1
    unit = float(extras.max()) / 255
    return np.round(extras / unit).astype(np.uint8), unit


def _spread(saturation: Floats, held: Floats) -> Floats:
    """Q, for a saturation in [0, 1] and the vividness held for the hue."""
    spread: Floats = 1 + held * (1 - saturation) * saturation / (saturation + np.float32(_NEARLY_GREY))
    return spread


def _holding(hues: NDArray[np.float64]) -> NDArray[np.float64]:
    """P: how much of the effect is left for each hue (degrees), smooth all around."""
    left = np.ones_like(hues)
    for centre, width, least in _HELD_BACK:
        away = np.abs((hues - centre + 180) % 360 - 180) / width
        left -= (1 - least) * np.where(away < 1, np.cos(np.pi / 2 * np.minimum(away, 1)) ** 2, 0)
    return left


def _planes(band: Array) -> Sequence[Array]:
    """The three planes: bytes as they are, anything else as float32 in [0, 1]."""
    import cv2

    planes: Sequence[Array] = cv2.split(band)
    if band.dtype == np.uint16:
        return [cv2.multiply(plane, 1 / 65535, dtype=cv2.CV_32F) for plane in planes]
    return planes


def _join(planes: Sequence[Array], painted: Array) -> None:
    """The planes, as `_planes` gives them, side by side in ``painted``."""
    import cv2

    if painted.dtype == np.uint16:
        planes = [cv2.multiply(plane, 65535, dtype=cv2.CV_16U) for plane in planes]
    cv2.merge(planes, dst=painted)


def _depth(plane: Array) -> int:
    import cv2

    return int(cv2.CV_8U if plane.dtype == np.uint8 else cv2.CV_32F)
