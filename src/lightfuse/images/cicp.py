"""Numbered colours (ITU-T H.273; JPEG XL's own) as ICC profiles, made by Little CMS through imagecodecs."""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

HDR_TRANSFERS = {16: "PQ", 18: "HLG"}

XY = tuple[float, float]
_D65: XY = (0.3127, 0.3290)
_SRGB: tuple[XY, ...] = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
_PRIMARIES: dict[int, tuple[XY, ...]] = {
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_CURVE_STEPS = 1024
_MADE_AT = slice(24, 36)  # Where a profile says when it was made: a date of no meaning, so that files come out equal.
_MADE = b"".join(value.to_bytes(2, "big") for value in (2000, 1, 1, 0, 0, 0))
_GAMMA = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}


def profile_of_cicp(primaries: int, transfer: int) -> bytes | None:
    """Return the ICC profile of numbered primaries and transfer function; None where they are, or count as, sRGB's.

    Files that say nothing are sRGB. The camera curve of BT.709 and its kin is shown like sRGB's, as everywhere.
    """
    corners = _PRIMARIES.get(primaries, _SRGB)
    gamma = _GAMMA.get(transfer)
    return None if corners == _SRGB and gamma is None else rgb_profile(corners, _D65, gamma)


@lru_cache(maxsize=8)
def rgb_profile(primaries: tuple[XY, ...] = _SRGB, white: XY = _D65, gamma: float | None = None) -> bytes:
    """Return an ICC profile of three primaries and a white point (CIE x, y), with sRGB's curve or a power law.

    Args:
        primaries: of red, green and blue.
        white: the white point.
        gamma: light is the value to this power; None is sRGB's curve (IEC 61966-2-1).
    """
    import imagecodecs

    if primaries == _SRGB and white == _D65 and gamma is None:
        made = bytearray(imagecodecs.cms_profile("srgb"))
    else:
        curve = (
            {"gamma": gamma} if gamma is not None else {"transferfunction": _sixteen_bits(srgb_to_light(_CURVE_STEPS))}
        )
        corners = [value for x, y in primaries for value in (x, y, 1)]
        made = bytearray(imagecodecs.cms_profile("rgb", whitepoint=[*white, 1], primaries=corners, **curve))
    made[_MADE_AT] = _MADE
    return bytes(made)


def _sixteen_bits(light: NDArray[np.float32]) -> NDArray[np.uint16]:
    """A table of floats would be stored four times as fine, and large."""
    return np.rint(light * 65_535).astype(np.uint16)


def srgb_to_light(count: int) -> NDArray[np.float32]:
    """Return the light, 0 to 1, of `count` sRGB values evenly spread from 0 to 1 (IEC 61966-2-1)."""
    value = np.linspace(0, 1, count)
    light = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    return light.astype(np.float32)
