"""ICC profiles made from numbered colours (ITU-T H.273), and pixels converted between profiles by Little CMS."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import srgb_to_linear
from lightfuse.images.metadata import UnreadableError

XY = tuple[float, float]

_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
_D65: XY = (0.3127, 0.3290)
_SRGB: tuple[XY, ...] = ((0.640, 0.330), (0.300, 0.600), (0.150, 0.060))
REC_2020: tuple[XY, ...] = ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046))
"""Rec. 2020's primaries (CIE x, y of red, green and blue)."""
_PRIMARIES: dict[int, tuple[XY, ...]] = {
    5: ((0.640, 0.330), (0.290, 0.600), (0.150, 0.060)),
    6: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    7: ((0.630, 0.340), (0.310, 0.595), (0.155, 0.070)),
    9: REC_2020,
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_GAMMA = {4: 2.2, 5: 2.8, 8: 1.0, 17: 2.6}
_LEAST_EXPONENT = 0.2
_SAME_EXPONENT, _SAME_POINT = 0.005, 0.002
_CURVE_STEPS = 1024
_MADE_AT = slice(24, 36)  # Where a profile says when it was made: a date of no meaning, so that files come out equal.
_MADE = b"".join(value.to_bytes(2, "big") for value in (2000, 1, 1, 0, 0, 0))

_RELATIVE_COLORIMETRIC = 1
_NO_OPTIMISATION = 0x100  # What Little CMS would precompute for 16 bits is off by up to 100 of 65,535.
_SAME = 0.5 / 255


def profile_of_cicp(primaries: int, transfer: int) -> bytes | None:
    """Return the ICC profile of numbered primaries and transfer function; None where they are, or count as, sRGB's.

    Files that say nothing are sRGB. The camera curve of BT.709 and its kin is shown like sRGB's, as everywhere.

    Raises:
        UnreadableError: the transfer function is one of high dynamic range.
    """
    if transfer in _HDR_TRANSFERS:
        raise UnreadableError(f"is an HDR picture ({_HDR_TRANSFERS[transfer]}); convert it to sRGB first")
    corners, gamma = _PRIMARIES.get(primaries, _SRGB), _GAMMA.get(transfer)
    return None if corners == _SRGB and gamma is None else rgb_profile(corners, _D65, gamma)


def profile_of_chromaticities(points: tuple[float, ...], exponent: float | None) -> bytes | None:
    """Return the ICC profile of chromaticities and a power law, as PNG's cHRM and gAMA tell them.

    Args:
        points: x and y of white, red, green and blue (CIE 1931); empty where the file does not say.
        exponent: values are light to this power; None where the file does not say.

    Returns:
        None where the colours are sRGB's, whose curve files call 1/2.2.

    Raises:
        ValueError: there are no such colours.
    """
    if exponent is not None and not _LEAST_EXPONENT <= exponent <= 1 / _LEAST_EXPONENT:
        raise ValueError("its gamma makes no sense")
    usual = (*_D65, *(value for corner in _SRGB for value in corner))
    is_srgb = not points or np.allclose(points, usual, rtol=0, atol=_SAME_POINT)
    if is_srgb and (exponent is None or abs(exponent - 1 / 2.2) < _SAME_EXPONENT):
        return None
    white, *corners = (_D65, *_SRGB) if is_srgb else zip(points[::2], points[1::2], strict=True)
    try:
        return rgb_profile(tuple(corners), white, exponent and 1 / exponent)
    except RuntimeError:
        raise ValueError("its list of primaries makes no sense") from None


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
        # In 16 bits: a table of floats would be stored four times as fine, and large.
        table = np.rint(srgb_to_linear(np.linspace(0, 1, _CURVE_STEPS)).astype(np.float32) * 65_535).astype(np.uint16)
        curve: dict[str, Any] = {"transferfunction": table} if gamma is None else {"gamma": gamma}
        corners = [value for x, y in primaries for value in (x, y, 1)]
        made = bytearray(imagecodecs.cms_profile("rgb", whitepoint=[*white, 1], primaries=corners, **curve))
    made[_MADE_AT] = _MADE
    return bytes(made)


def adobe_rgb_profile() -> bytes:
    """Return an ICC profile of the colours of Adobe RGB (1998): its primaries, D65, gamma 563/256."""
    made = rgb_profile(((0.64, 0.33), (0.21, 0.71), (0.15, 0.06)), _D65, 563 / 256)
    return made.replace("RGB built-in".encode("utf-16-be"), "AdobeRGB1998".encode("utf-16-be"))


def convert_profile(pixels: NDArray[Any], source: bytes | None, target: bytes | None) -> NDArray[Any]:
    """Convert H×W×3 pixels from one ICC profile to another (relative colorimetric); None stands for sRGB.

    Profiles that mean the same within half a level of 8 bits are taken for equal and the pixels returned as they are.
    Of a grey profile the three channels are equal; to a grey profile nothing but grey can be converted.

    Args:
        pixels: uint8, uint16 or float32 in [0, 1].
        source: the pixels' profile.
        target: the profile they shall have.

    Returns:
        The same dtype and shape; colours that the target cannot hold are clipped.

    Raises:
        UnreadableError: a profile cannot be used.
    """
    if source == target:
        return pixels
    before, after = source or rgb_profile(), target or rgb_profile()
    if same_colours(before, after):
        return pixels
    if is_grey(before):
        pixels = np.ascontiguousarray(pixels[..., 1])
    converted = transform(pixels, before, after)
    return np.clip(converted, 0, 1, out=converted) if converted.dtype.kind == "f" else converted


def transform(pixels: NDArray[Any], source: bytes, target: bytes) -> NDArray[Any]:
    """Convert H×W×3 (with a grey source profile H×W) pixels to a target profile's RGB; floats are not clipped.

    Raises:
        UnreadableError: a profile cannot be used.
    """
    import imagecodecs

    try:
        converted: NDArray[Any] = imagecodecs.cms_transform(
            pixels,
            source,
            target,
            colorspace="rgb" if pixels.ndim == 3 else "gray",
            outcolorspace="rgb",
            intent=_RELATIVE_COLORIMETRIC,
            flags=0 if pixels.dtype == np.uint8 else _NO_OPTIMISATION,
        )
    except (RuntimeError, ValueError):
        raise UnreadableError("has a colour profile that cannot be used; convert it to sRGB first") from None
    return converted


def is_grey(icc: bytes | None) -> bool:
    """Tell whether a profile is for grey pixels."""
    return icc is not None and icc[16:20] == b"GRAY"


def same_colours(source: bytes, target: bytes) -> bool:
    """Tell whether two profiles mean the same colours within half a level of 8 bits, compared on a coarse grid.

    The source may be a grey profile. Raises UnreadableError where a profile cannot be used.
    """
    steps = np.linspace(0, 1, 9, dtype=np.float32)
    if is_grey(source):
        grey = steps.reshape(1, -1)
        return bool(np.abs(transform(grey, source, target) - grey[..., np.newaxis]).max() < _SAME)
    grid = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(1, -1, 3)
    return bool(np.abs(transform(grid, source, target) - grid).max() < _SAME)
