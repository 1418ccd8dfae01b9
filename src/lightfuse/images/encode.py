"""One picture encoded: pixels and metadata to the bytes of a JPEG, PNG, TIFF, WebP, AVIF or JPEG XL file."""

import os
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import OutputError
from lightfuse.images import avif_write, jpeg_segments, png_chunks, webp_chunks
from lightfuse.images.container import Format
from lightfuse.images.jpeg_encode import Parts, encode_jpeg
from lightfuse.images.metadata import Metadata, fitted
from lightfuse.images.options import EncodeOptions, check_options, chosen_subsampling
from lightfuse.images.pixels import narrow, to_depth
from lightfuse.images.tiff_write import encode_tiff

SUFFIXES: dict[str, Format] = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WebP",
    ".avif": "AVIF",
    ".jxl": "JPEG XL",
}
_READ_ONLY = {".heic": ".avif", ".heif": ".avif", ".hif": ".avif", ".dng": ".tif"}
_MAX_SIDE = {"JPEG": 65_500, "WebP": 16_383, "AVIF": 65_536}  # libjpeg's, the WebP format's and AV1's.
_AVIF_SPEED = 9  # Of 10: of 24 megapixels three seconds on two cores, where 8 takes five and saves 2 % of the bytes.
_SRGB_COLOUR: dict[str, Any] = {"primaries": 1, "transfer": 13}  # BT.709's primaries and sRGB's curve (ITU-T H.273) …
_PROFILE_COLOUR: dict[str, Any] = {"primaries": 2, "transfer": 2}  # … or unspecified: see the ICC profile.
_BT709, _IDENTITY = 1, 0  # The usual BT.601 goes through a fast conversion that tints 8 bits by half a level.


def format_of(suffix: str) -> Format:
    """Return the format a suffix (``".jpg"``, in any case) asks for; raise OutputError naming those there are."""
    try:
        return SUFFIXES[suffix.lower()]
    except KeyError:
        pass
    if suffix.lower() in _READ_ONLY:
        raise OutputError(f"{suffix} pictures can be read but not written; use {_READ_ONLY[suffix.lower()]} or .jpg")
    what = f"{suffix!r} is not a picture suffix" if suffix else "there is no suffix to tell the format from"
    raise OutputError(f"{what}; use one of {', '.join(SUFFIXES)}")


def encode_picture(
    pixels: NDArray[Any],
    suffix: str,
    metadata: Metadata | None = None,
    options: EncodeOptions | None = None,
    *,
    quality: int | None = None,
) -> bytes:
    """Encode a picture in the format of a file suffix.

    Pixels deeper than the format (or than `options.bit_depth`) are rounded to its depth. Metadata goes where the format
    has a place for it: EXIF into TIFF as tags; IPTC into JPEG, TIFF and PNG only; a JPEG cannot hold EXIF or XMP beyond
    64 kB (see `jpeg_segments.insert_metadata`).

    Args:
        pixels: H×W×3 RGB, uint8, uint16 or float in [0, 1] (values outside are clipped).
        suffix: such as ``".jpg"``.
        metadata: what to write beside the pixels, whose ICC profile it says.
        options: quality, depth, compression.
        quality: in place of the options' quality.

    Raises:
        OutputError: the suffix is unknown, the format has not what the options ask for, the pixels are not as above, or
            the format cannot hold a picture of that size.
    """
    return b"".join(encode_in_parts(pixels, suffix, metadata, options, quality=quality))


def encode_in_parts(
    pixels: NDArray[Any],
    suffix: str,
    metadata: Metadata | None = None,
    options: EncodeOptions | None = None,
    *,
    quality: int | None = None,
) -> Parts:
    """Encode a picture as `encode_picture` does, into parts that together are the file: nothing large is copied."""
    kind = format_of(suffix)
    options = options or EncodeOptions()
    options = options if quality is None else replace(options, quality=quality)
    check_options(options, kind)
    _check(pixels, kind)
    height, width, _ = pixels.shape
    metadata = fitted(metadata or Metadata(), width, height)
    if kind == "TIFF":
        depth = options.bit_depth if options.bit_depth != "auto" else 8 * min(pixels.itemsize, 4)
        return encode_tiff(to_depth(pixels, depth), metadata, options.compression)
    if kind == "PNG":
        return [_encode_png(pixels, metadata, options)]
    if kind == "WebP":
        return [_encode_webp(pixels, metadata, options)]
    if kind == "AVIF":
        return [_encode_avif(pixels, metadata, options)]
    if kind == "JPEG XL":
        from lightfuse.images.jxl_encode import encode_jxl

        return [encode_jxl(pixels, metadata, options)]
    return _encode_jpeg(pixels, metadata, options)


def _encode_jpeg(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions) -> Parts:
    levels = np.ascontiguousarray(to_depth(pixels, 8))
    first, *others = encode_jpeg(levels, options.quality, chosen_subsampling(options))
    return [jpeg_segments.insert_metadata(bytes(first), metadata), *others]


def _encode_png(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions) -> bytes:
    import imagecodecs

    depth = options.bit_depth if options.bit_depth != "auto" else 8 * min(pixels.itemsize, 2)
    # Level 1, run lengths, and differences to the left: on photographs as small as zlib's default, 5 times faster.
    fast = {"level": 1, "strategy": 3, "filter": 16}
    how = {"auto": fast, "none": {"level": 0, "filter": 8}, "deflate": {"level": 6, "filter": 0xF8}}[
        options.compression
    ]
    png = imagecodecs.png_encode(np.ascontiguousarray(to_depth(pixels, depth)), **how)
    return png_chunks.insert_metadata(bytes(png), metadata)


def _encode_webp(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions) -> bytes:
    import imagecodecs

    height, width, _ = pixels.shape
    levels = np.ascontiguousarray(to_depth(pixels, 8))
    webp = imagecodecs.webp_encode(levels, level=options.quality, lossless=options.lossless)
    return webp_chunks.insert_metadata(bytes(webp), width, height, metadata)


def _encode_avif(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions) -> bytes:
    import imagecodecs

    deep = 12 if options.lossless else 10
    depth = options.bit_depth if options.bit_depth != "auto" else 8 if pixels.itemsize == 1 else deep
    levels = to_depth(pixels, 8) if depth == 8 else narrow(to_depth(pixels, 16), depth)
    avif = imagecodecs.avif_encode(
        np.ascontiguousarray(levels),
        level=100 if options.lossless else min(options.quality, 99),  # 100 means without loss to libavif.
        speed=_AVIF_SPEED,
        bitspersample=depth,
        pixelformat="444" if options.lossless else chosen_subsampling(options),
        matrix=_IDENTITY if options.lossless else _BT709,
        numthreads=os.cpu_count(),
        **(_PROFILE_COLOUR if metadata.icc else _SRGB_COLOUR),
    )
    return avif_write.insert_metadata(bytes(avif), metadata)


def _check(pixels: NDArray[Any], kind: Format) -> None:
    if pixels.ndim != 3 or pixels.shape[2] != 3 or 0 in pixels.shape:
        raise OutputError(f"pixels have the shape {pixels.shape}; they must be height × width × 3")
    if pixels.dtype not in (np.uint8, np.uint16) and pixels.dtype.kind != "f":
        raise OutputError(f"pixels are {pixels.dtype}; they must be uint8, uint16 or float")
    if pixels.dtype.kind == "f" and not (np.isfinite(pixels.min()) and np.isfinite(pixels.max())):
        raise OutputError("pixels hold values that are not finite numbers")
    side = max(pixels.shape)
    if side > _MAX_SIDE.get(kind, side):
        raise OutputError(f"a {kind} cannot be wider or higher than {_MAX_SIDE[kind]:,} pixels; write PNG or TIFF")
