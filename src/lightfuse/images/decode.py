"""Stored pixels decoded: a file whose header is known to an array as its decoder gives it."""

from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.container import Container, UnreadableError
from lightfuse.images.heic import decode_heic
from lightfuse.images.jpeg_segments import check_complete
from lightfuse.images.pixels import widen
from lightfuse.images.tiff_read import decode_tiff


def decode(stream: BinaryIO, container: Container) -> NDArray[Any]:
    """Return the stored pixels: H×W or H×W×channels; uint8, uint16 over its full range, or float.

    Raises:
        UnreadableError: the pixels are damaged, cut short or of an unsupported kind.
    """
    try:
        if container.format == "TIFF":
            return decode_tiff(stream)
        if container.format == "JPEG XL":
            from lightfuse.images.jxl_decode import decode_jxl

            return decode_jxl(stream)
        stream.seek(0)
        data = stream.getvalue() if isinstance(stream, BytesIO) else stream.read()
        return _decode_bytes(data, container)
    except (UnreadableError, MemoryError, OSError):
        raise
    except Exception as error:  # imagecodecs and tifffile meet broken data with nearly any exception there is.
        raise UnreadableError(f"is damaged: {one_line(error)}") from None


def _decode_bytes(data: bytes, container: Container) -> NDArray[Any]:
    import imagecodecs

    decoded: NDArray[Any]
    if container.format == "JPEG":
        if container.channels not in (1, 3):
            raise UnreadableError("is CMYK; convert it to RGB")
        if container.bit_depth not in (8, 12):
            raise UnreadableError(f"is a JPEG of {container.bit_depth} bits per sample; convert it to 8 bits")
        check_complete(data, container)
        decoded = imagecodecs.jpeg8_decode(data)
        return widen(decoded, 12) if decoded.dtype == np.uint16 else decoded
    if container.format == "AVIF":
        decoded = imagecodecs.avif_decode(data, index=0)
        return widen(decoded, container.bit_depth) if decoded.dtype == np.uint16 else decoded
    if container.format == "HEIC":
        return decode_heic(data)
    decoded = imagecodecs.png_decode(data) if container.format == "PNG" else imagecodecs.webp_decode(data, index=0)
    return decoded


def one_line(error: Exception) -> str:
    """Return what an exception says, on one line."""
    return " ".join(str(error).split()) or type(error).__name__
