"""Pixel arrays changed in kind: to RGB, upright, to another bit depth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.metadata import UnreadableError

_ROWS_AT_ONCE = 64


def to_rgb(decoded: NDArray[Any]) -> NDArray[Any]:
    """Return what a decoder gave (H×W, or H×W×1 to 4; uint8, uint16, float32 or float64) as C-contiguous H×W×3.

    Grey is repeated, alpha dropped where it is opaque; uint8 and uint16 stay, floats become float32.

    Raises:
        UnreadableError: part of the picture is transparent, or floats are not finite or lie outside [0, 1].
    """
    if decoded.ndim == 2:
        decoded = decoded[:, :, np.newaxis]
    height, width, channels = decoded.shape
    if decoded.dtype.kind == "f":
        _check_unit_range(decoded)
    if channels in (2, 4):
        opaque = 1 if decoded.dtype.kind == "f" else np.iinfo(decoded.dtype).max
        if (decoded[:, :, -1] != opaque).any():
            raise UnreadableError("is partly transparent; flatten it to an opaque picture")
    elif channels not in (1, 3):
        raise UnreadableError(f"has {channels} channels; convert it to RGB")
    dtype = np.float32 if decoded.dtype.kind == "f" else decoded.dtype.newbyteorder("=")
    if channels == 3:
        return np.ascontiguousarray(decoded, dtype=dtype)
    rgb = np.empty((height, width, 3), dtype=dtype)
    rgb[...] = decoded[:, :, : 1 if channels == 2 else 3] if channels != 1 else decoded
    return rgb


def _check_unit_range(pixels: NDArray[Any]) -> None:
    low, high = float(pixels.min()), float(pixels.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UnreadableError("holds values that are not finite numbers (NaN or infinity); repair it first")
    if low < 0 or high > 1:
        raise UnreadableError(f"holds values from {low:.4g} to {high:.4g}; scale float pixels to lie between 0 and 1")


def widen(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Stretch integers of so many bits over the full range of their dtype, uint8 or uint16; in place.

    The bits are repeated below themselves, so that black stays 0 and white becomes the dtype's largest value.
    """
    room = 8 * pixels.itemsize
    if bits >= room:
        return pixels
    np.left_shift(pixels, room - bits, out=pixels)
    while bits < room:
        np.bitwise_or(pixels, pixels >> bits, out=pixels)
        bits *= 2
    return pixels


def turn_upright(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """Undo an EXIF orientation (1 to 8; EXIF 2.32, tag 0x0112) of H×W×3 pixels; returns them as they are for 1."""
    if orientation == 1:
        return pixels
    import cv2  # Turns a picture some six times faster than numpy's strided copy.

    flips = {2: 1, 3: -1, 4: 0}
    if orientation in flips:
        return cv2.flip(pixels, flips[orientation])  # type: ignore[no-any-return]
    if orientation == 5:
        return cv2.transpose(pixels)  # type: ignore[no-any-return]
    if orientation == 7:
        return cv2.flip(cv2.transpose(pixels), -1)  # type: ignore[no-any-return]
    return cv2.rotate(pixels, cv2.ROTATE_90_CLOCKWISE if orientation == 6 else cv2.ROTATE_90_COUNTERCLOCKWISE)  # type: ignore[no-any-return]


def to_uint8(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Round uint16 (v / 257) or float in [0, 1] (v · 255) to uint8; uint8 is returned as it is."""
    if pixels.dtype == np.uint16:
        levels = ((np.arange(65536, dtype=np.uint32) + 128) // 257).astype(np.uint8)
        rounded: NDArray[np.uint8] = levels[pixels]
        return rounded
    return _from_unit(pixels, np.uint8) if pixels.dtype.kind == "f" else pixels


def to_uint16(pixels: NDArray[Any]) -> NDArray[Any]:
    """Round float in [0, 1] (v · 65535) to uint16; integer pixels are returned as they are."""
    return _from_unit(pixels, np.uint16) if pixels.dtype.kind == "f" else pixels


def to_depth(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return pixels as uint8, uint16 or float32 (32 bits) over their full range, rounded where they become coarser."""
    if bits == 8:
        return to_uint8(pixels)
    if bits == 16:
        return to_uint16(pixels) if pixels.dtype != np.uint8 else pixels.astype(np.uint16) * np.uint16(257)
    if pixels.dtype.kind == "f":
        return pixels.astype(np.float32, copy=False)
    return pixels.astype(np.float32) / np.float32(np.iinfo(pixels.dtype).max)


def narrow(pixels: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """Round uint16 over its full range to so many bits (values from 0 to 2^bits − 1)."""
    most = (1 << bits) - 1
    levels = ((np.arange(65_536, dtype=np.uint32) * most + 32_767) // 65_535).astype(np.uint16)
    rounded: NDArray[np.uint16] = levels[pixels]
    return rounded


def _from_unit(pixels: NDArray[Any], dtype: type[np.unsignedinteger[Any]]) -> NDArray[Any]:
    levels = np.empty(pixels.shape, dtype=dtype)
    for top in range(0, pixels.shape[0], _ROWS_AT_ONCE):  # In bands: a picture's worth of float copies is much memory.
        band = pixels[top : top + _ROWS_AT_ONCE] * np.float32(np.iinfo(dtype).max)
        levels[top : top + _ROWS_AT_ONCE] = np.rint(np.clip(band, 0, np.iinfo(dtype).max))
    return levels
