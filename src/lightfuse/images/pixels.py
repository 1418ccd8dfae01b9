"""Pixel arrays changed in kind: to RGB, upright, to another bit depth."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import LUMA_WEIGHTS, full_scale
from lightfuse.images.metadata import UnreadableError

_ROWS_AT_ONCE = 64
_FAR_ABOVE_WHITE = 8.0  # Three stops: of an exposure, even a long one, less than half lies above.


def split(
    decoded: NDArray[Any], white_level: float | None = None, *, transparent: bool = False
) -> tuple[NDArray[Any], NDArray[Any] | None, tuple[str, ...]]:
    """Return the colours of what a decoder gave as C-contiguous RGB, its alpha, and notes.

    Args:
        decoded: H×W, or H×W×1 to 4; uint8, uint16, float32 or float64.
        white_level: the value that is white; None is the integers' largest value, or 1.
        transparent: accept partly transparent pictures.

    Returns:
        H×W×3: grey is repeated; uint8 and uint16 stay, floats become float32, values above white and below 0 clipped.
        The alpha, H×W, is None where the picture is opaque.

    Raises:
        UnreadableError: the picture has other channels, or is transparent; its floats are not finite, or far above
            white; the white level is none of its values.
    """
    if decoded.ndim == 2:
        decoded = decoded[:, :, np.newaxis]
    height, width, channels = decoded.shape
    if channels > 4:
        raise UnreadableError(f"has {channels} channels; convert it to RGB")
    is_float = decoded.dtype.kind == "f"
    dtype = np.dtype(np.float32) if is_float else decoded.dtype.newbyteorder("=")
    opaque = full_scale(decoded.dtype)
    alpha = decoded[:, :, -1] if channels in (2, 4) and (decoded[:, :, -1] != opaque).any() else None
    if alpha is not None and not transparent:
        raise UnreadableError("is partly transparent; flatten it to an opaque picture")
    colours = decoded[:, :, : 1 if channels <= 2 else 3]
    notes: tuple[str, ...] = ()
    if white_level is not None and white_level != opaque:
        colours = _with_white(colours, white_level)
    if is_float:
        colours, notes = _clipped(colours)
    if colours.shape[2] == 3:
        return np.ascontiguousarray(colours, dtype=dtype), alpha, notes
    rgb = np.empty((height, width, 3), dtype=dtype)
    rgb[...] = colours
    return rgb, alpha, notes


def _clipped(colours: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return floats clipped to [0, 1] and a note: what is brighter than white is a clipped highlight, as in a camera's
    own picture, which another exposure may hold.
    """
    low, high = float(colours.min()), float(colours.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        raise UnreadableError("holds values that are not finite numbers (NaN or infinity); repair it first")
    if low >= 0 and high <= 1:
        return colours, ()
    if high > _FAR_ABOVE_WHITE and float(np.median(colours)) > _FAR_ABOVE_WHITE:
        raise UnreadableError(
            f"holds values from {low:.4g} to {high:.4g}, most of them far above 1, the white of floats; "
            "say what is white with --white-level"
        )
    return np.clip(colours, 0, 1), (f"its values up to {high:.4g} above white were clipped",) if high > 1 else ()


def _with_white(pixels: NDArray[Any], white: float) -> NDArray[Any]:
    """Return values scaled so that `white` becomes the largest value of their integer type, or 1."""
    is_float = pixels.dtype.kind == "f"
    top = np.finfo(np.float32).max if is_float else np.iinfo(pixels.dtype).max
    if not 0 < white <= top:
        raise UnreadableError(f"holds values up to {top:.6g}, so {white:.6g} cannot be white; give another white level")
    if is_float:
        return np.asarray(pixels / np.float32(white), np.float32)
    levels = np.rint(np.minimum(np.arange(top + 1) / white, 1) * top).astype(pixels.dtype.newbyteorder("="))
    return np.asarray(levels[pixels])


def table_size(dtype: np.dtype[Any]) -> int:
    """Return how many entries a table for pictures of a dtype has: 256 for uint8, 65,536 for uint16 and float32."""
    return 256 if dtype == np.uint8 else 65_536


def look_up(picture: NDArray[Any], table: NDArray[Any]) -> NDArray[Any]:
    """Return a table's entries at a picture's values, in the picture's shape and the table's dtype.

    Args:
        picture: H×W or H×W×3; uint8, uint16, or float32 in [0, 1], which is rounded to uint16.
        table: `table_size` entries, or as many rows with an entry for each of three channels.
    """
    import cv2

    levels = np.ascontiguousarray(picture if picture.dtype.kind == "u" else to_depth(picture, 16))
    return np.asarray(cv2.LUT(levels, np.ascontiguousarray(table[np.newaxis])))


def to_grey(pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the luma of H×W×3 pixels, H×W×1 of their dtype, rounded; exactly the grey where channels are equal."""
    grey = np.empty((*pixels.shape[:2], 1), pixels.dtype)
    for top in range(0, pixels.shape[0], _ROWS_AT_ONCE):
        luma = pixels[top : top + _ROWS_AT_ONCE].astype(np.float64) @ np.array(LUMA_WEIGHTS)
        grey[top : top + _ROWS_AT_ONCE, :, 0] = luma if pixels.dtype.kind == "f" else np.rint(luma)
    return grey


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

    turned = cv2.transpose(pixels) if orientation >= 5 else pixels
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return np.asarray(turned if flip is None else cv2.flip(turned, flip))


def to_depth(pixels: NDArray[Any], bits: int) -> NDArray[Any]:
    """Return pixels as uint8, uint16 or float32 (32 bits) over their full range, rounded where they become coarser.

    Those of that type already are returned as they are.
    """
    is_float = pixels.dtype.kind == "f"
    if bits == 32:
        return pixels.astype(np.float32, copy=False) if is_float else pixels / np.float32(full_scale(pixels.dtype))
    if is_float:
        most = np.float32((1 << bits) - 1)
        levels = np.empty(pixels.shape, np.uint8 if bits == 8 else np.uint16)
        for top in range(0, pixels.shape[0], _ROWS_AT_ONCE):  # In bands: float copies of a picture take much memory.
            levels[top : top + _ROWS_AT_ONCE] = np.rint(np.clip(pixels[top : top + _ROWS_AT_ONCE] * most, 0, most))
        return levels
    if 8 * pixels.itemsize == bits:
        return pixels
    return narrow(pixels, 8).astype(np.uint8) if bits == 8 else pixels.astype(np.uint16) * np.uint16(257)


def narrow(pixels: NDArray[np.uint16], bits: int) -> NDArray[np.uint16]:
    """Round uint16 over its full range to so many bits (values from 0 to 2^bits − 1)."""
    most = (1 << bits) - 1
    levels = ((np.arange(65_536, dtype=np.uint32) * most + 32_767) // 65_535).astype(np.uint16)
    return np.asarray(levels[pixels])
