"""JPEG XL pixels: decoded by imagecodecs, and brought into the file's own colour where the decoder cannot."""

from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.cicp import rgb_profile
from lightfuse.images.colour import transform
from lightfuse.images.jxl_boxes import JxlStart, read_codestream, read_start
from lightfuse.images.jxl_header import with_colour
from lightfuse.images.pixels import to_uint8, to_uint16, widen


def decode_jxl(stream: BinaryIO) -> NDArray[Any]:
    """Decode a JPEG XL's first frame, not turned: H×W or H×W×channels; uint8, uint16 over its full range, or float32.

    Raises:
        UnreadableError: the file is damaged or cut short.
        Exception: whatever the decoder meets broken data with.
    """
    import imagecodecs

    start = read_start(stream)
    header = start.header
    codestream = read_codestream(stream)
    if header.xyb and start.icc is not None and not header.alpha:
        return _in_its_profile(codestream, start, start.icc)
    pixels: NDArray[Any] = imagecodecs.jpegxl_decode(codestream, index=0, keeporientation=True)
    if pixels.dtype.kind == "f":
        return np.clip(pixels, 0, 1, dtype=np.float32) if header.xyb else pixels.astype(np.float32, copy=False)
    return widen(pixels, header.bits)


def _in_its_profile(codestream: bytes, start: JxlStart, icc: bytes) -> NDArray[Any]:
    """Decode pixels that are stored as XYB and want to be shown in an ICC profile's terms.

    Left to itself, the decoder gives linear sRGB of the file's depth, too coarse in the shadows at 8 bits; told that
    the file's depth is float it gives the light itself, colours outside sRGB included, which Little CMS then converts.
    """
    import imagecodecs

    header = start.header
    deep = with_colour(codestream, header, start.end, icc, 32, True)
    light = imagecodecs.jpegxl_decode(deep, index=0, keeporientation=True)
    if light.ndim == 2:
        light = np.repeat(light[:, :, np.newaxis], 3, axis=2)
    pixels: NDArray[Any] = np.clip(transform(light, rgb_profile(gamma=1.0), icc), 0, 1)
    if header.is_float:
        return pixels
    return to_uint8(pixels) if header.bits <= 8 else to_uint16(pixels)
