"""JPEG XL files written: pixels encoded by imagecodecs, then told which colours they are (ISO/IEC 18181)."""

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.cicp import rgb_profile, srgb_to_light
from lightfuse.images.colour import transform
from lightfuse.images.jxl_boxes import CONTAINER_SIGNATURE, wrap
from lightfuse.images.jxl_header import SIGNATURE, read_jxl_header, with_colour
from lightfuse.images.metadata import Metadata
from lightfuse.images.options import EncodeOptions
from lightfuse.images.pixels import to_depth

_LOSSLESS_EFFORT, _LOSSY_EFFORT = 3, 4  # Of 10: the fastest that are nearly as small as libjxl's own choice of 7.
_LEVEL_10 = b"\0\0\0\x09jxll\x0a"
_COLOUR_BOX = b"jxlc"


def encode_jxl(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions) -> bytes:
    """Encode H×W×3 pixels (uint8, uint16 or float) as a JPEG XL file with its ICC profile, EXIF and XMP.

    imagecodecs calls 8 bits sRGB and all else linear light, and knows no profiles; so without loss the pixels are
    stored as they are and the header corrected. With loss, JPEG XL stores what the eye sees (XYB) and not the pixels:
    they are turned into linear light first, colours outside sRGB as values below 0 or above 1, and the header then
    says in which profile they want to be shown.
    """
    import imagecodecs

    depth = options.bit_depth if options.bit_depth != "auto" else 8 * min(pixels.itemsize, 4)
    levels = np.ascontiguousarray(to_depth(pixels, depth))
    how: dict[str, Any] = {"numthreads": os.cpu_count()}
    if options.lossless:
        how |= {"lossless": True, "effort": _LOSSLESS_EFFORT}
    else:
        how |= {"lossless": False, "level": options.quality, "effort": _LOSSY_EFFORT}
        levels = _light(levels, metadata.icc)
    encoded = bytes(imagecodecs.jpegxl_encode(levels, **how))
    codestream, level_10 = _unwrapped(encoded)
    header = read_jxl_header(codestream)
    codestream = with_colour(codestream, header, header.end, metadata.icc, depth, depth == 32)
    return wrap(codestream, metadata, level_10=level_10)


def _light(levels: NDArray[Any], icc: bytes | None) -> NDArray[Any]:
    """Return linear sRGB as float32, or the pixels as they are where they are 8-bit sRGB, which the encoder knows."""
    if icc is not None:
        return transform(_unit(levels), icc, rgb_profile(gamma=1.0))
    if levels.dtype == np.uint8:
        return levels
    if levels.dtype == np.uint16:
        light: NDArray[np.float32] = srgb_to_light(65_536)[levels]
        return light
    return transform(levels, rgb_profile(), rgb_profile(gamma=1.0))


def _unit(levels: NDArray[Any]) -> NDArray[np.float32]:
    return levels if levels.dtype.kind == "f" else levels.astype(np.float32) / np.float32(np.iinfo(levels.dtype).max)


def _unwrapped(encoded: bytes) -> tuple[bytes, bool]:
    """Return the bare codestream of the encoder's file, and whether it asks for a decoder of level 10."""
    if not encoded.startswith(CONTAINER_SIGNATURE):
        return encoded, False
    at = encoded.index(_COLOUR_BOX + SIGNATURE) + len(_COLOUR_BOX)
    return encoded[at:], _LEVEL_10 in encoded[:at]
