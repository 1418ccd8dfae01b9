"""One picture encoded: pixels and metadata to the bytes of a JPEG, PNG, TIFF or WebP file."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import OutputError
from lightfuse.images import jpeg_segments, png_chunks, webp_chunks
from lightfuse.images.container import Format
from lightfuse.images.metadata import Metadata
from lightfuse.images.pixels import to_uint8, to_uint16
from lightfuse.images.tiff_write import encode_tiff

SUFFIXES: dict[str, Format] = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WebP",
}
_MAX_SIDE = {"JPEG": 65_500, "WebP": 16_383}  # libjpeg's and the WebP format's.
_FULL_CHROMA_QUALITY = 90


def format_of(suffix: str) -> Format:
    """Return the format a suffix (``".jpg"``, in any case) asks for; raise OutputError naming those there are."""
    try:
        return SUFFIXES[suffix.lower()]
    except KeyError:
        what = f"{suffix!r} is not a picture suffix" if suffix else "there is no suffix to tell the format from"
        raise OutputError(f"{what}; use one of {', '.join(SUFFIXES)}") from None


def encode_picture(pixels: NDArray[Any], suffix: str, metadata: Metadata | None = None, *, quality: int = 95) -> bytes:
    """Encode a picture in the format of a file suffix.

    JPEG and WebP hold 8 bits, so 16-bit and float pixels are rounded to 8; PNG rounds floats to 16 bits; TIFF holds all
    three as they are, uncompressed. A JPEG has full chroma resolution from quality 90 up, half of it (4:2:0) below.
    EXIF goes into TIFF as tags; a JPEG cannot hold EXIF or XMP beyond 64 kB (see `jpeg_segments.insert_metadata`).

    Args:
        pixels: H×W×3 RGB, uint8, uint16 or float in [0, 1] (values outside are clipped).
        suffix: such as ``".jpg"``.
        metadata: what to write beside the pixels.
        quality: 1 to 100, for JPEG and WebP.

    Raises:
        OutputError: the suffix is unknown, the quality or the pixels are not as above, or the format cannot hold a
            picture of that size.
    """
    kind = format_of(suffix)
    metadata = metadata or Metadata()
    _check(pixels, kind, quality)
    if kind == "TIFF":
        return encode_tiff(pixels.astype(np.float32, copy=False) if pixels.dtype.kind == "f" else pixels, metadata)
    height, width, _ = pixels.shape
    import imagecodecs

    if kind == "PNG":
        # Level 1, run lengths, and differences to the left: on photographs as small as zlib's default, 5 times faster.
        png = imagecodecs.png_encode(np.ascontiguousarray(to_uint16(pixels)), level=1, strategy=3, filter=16)
        return png_chunks.insert_metadata(bytes(png), metadata)
    levels = np.ascontiguousarray(to_uint8(pixels))
    if kind == "WebP":
        return webp_chunks.insert_metadata(
            bytes(imagecodecs.webp_encode(levels, level=quality, lossless=False)), width, height, metadata
        )
    subsampling = "444" if quality >= _FULL_CHROMA_QUALITY else "420"
    jpeg = imagecodecs.jpeg8_encode(levels, level=quality, subsampling=subsampling)
    return jpeg_segments.insert_metadata(bytes(jpeg), metadata)


def _check(pixels: NDArray[Any], kind: Format, quality: int) -> None:
    if not 1 <= quality <= 100:
        raise OutputError(f"quality is {quality}; it must lie between 1 and 100")
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise OutputError(f"pixels have the shape {pixels.shape}; they must be height × width × 3")
    if pixels.dtype not in (np.uint8, np.uint16) and pixels.dtype.kind != "f":
        raise OutputError(f"pixels are {pixels.dtype}; they must be uint8, uint16 or float")
    if pixels.dtype.kind == "f" and not (np.isfinite(pixels.min()) and np.isfinite(pixels.max())):
        raise OutputError("pixels hold values that are not finite numbers")
    side = max(pixels.shape)
    if side > _MAX_SIDE.get(kind, side):
        raise OutputError(f"a {kind} cannot be wider or higher than {_MAX_SIDE[kind]:,} pixels; write PNG or TIFF")
