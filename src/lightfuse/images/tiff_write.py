"""TIFF files written: RGB in strips, with ICC profile, XMP, IPTC and EXIF (TIFF 6.0; EXIF 2.32, section 4.5)."""

import os
import struct
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import OutputError
from lightfuse.images.exif import tiff_tags_from_exif
from lightfuse.images.ifd import BYTE, LONG, SHORT, IfdError, Tree, Value, serialise
from lightfuse.images.metadata import Metadata
from lightfuse.images.options import Compression

Parts = list[bytes | memoryview]

_STRIP_BYTES = 1 << 20
_UNDEFINED = 7
_PIXELS_AT = 8
_DEFLATE_LEVEL, _ZSTD_LEVEL = 6, 9
_COMPRESSIONS: dict[Compression, int] = {"auto": 1, "none": 1, "lzw": 5, "deflate": 8, "zstd": 50000}


def encode_tiff(pixels: NDArray[Any], metadata: Metadata, compression: Compression = "auto") -> Parts:
    """Lay out H×W×3 uint8, uint16 or float32 pixels as a TIFF file, in parts: pixels not compressed are not copied.

    Raises:
        OutputError: the file would pass the 4 GB that a TIFF can hold.
    """
    height, width, _ = pixels.shape
    rows_per_strip = min(height, max(1, _STRIP_BYTES // (pixels.nbytes // height)))
    if sys.byteorder == "big":
        pixels = pixels.byteswap()
    pixels = np.ascontiguousarray(pixels)
    strips = _strips(pixels, rows_per_strip, compression)
    offsets = [_PIXELS_AT, *accumulate((len(strip) + len(strip) % 2 for strip in strips), initial=_PIXELS_AT)][1:]
    directory_at = offsets.pop()
    if directory_at + (1 << 26) > 1 << 32:
        raise OutputError(f"a picture of {width} × {height} pixels of {pixels.dtype} passes the 4 GB a TIFF can hold")
    is_float = pixels.dtype.kind == "f"
    tree: Tree = _carried(metadata) | {
        256: _longs(width),
        257: _longs(height),
        258: _shorts(*[8 * pixels.itemsize] * 3),
        259: _shorts(_COMPRESSIONS[compression]),
        262: _shorts(2),  # RGB.
        273: _longs(*offsets),
        274: _shorts(1),  # Upright.
        277: _shorts(3),
        278: _longs(rows_per_strip),
        279: _longs(*[len(strip) for strip in strips]),
        284: _shorts(1),  # Samples of a pixel stand together.
        339: _shorts(*[3 if is_float else 1] * 3),
    }
    if _COMPRESSIONS[compression] != 1:
        tree[317] = _shorts(3 if is_float else 2)  # Differences to the pixel on the left.
    padded = [part for strip in strips for part in (strip, bytes(len(strip) % 2))]
    return [b"II*\0" + struct.pack("<I", directory_at), *padded, serialise(tree, directory_at)]


def _strips(pixels: NDArray[Any], rows: int, compression: Compression) -> list[bytes | memoryview]:
    """Return the pixels in strips of so many rows, each compressed by itself."""
    bands = [pixels[top : top + rows] for top in range(0, pixels.shape[0], rows)]
    if _COMPRESSIONS[compression] == 1:
        return [band.reshape(-1).view(np.uint8).data for band in bands]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda band: _compressed(band, compression), bands))


def _compressed(band: NDArray[Any], compression: Compression) -> bytes:
    import imagecodecs

    predict = imagecodecs.floatpred_encode if band.dtype.kind == "f" else imagecodecs.delta_encode
    differences = predict(band, axis=-2).tobytes()
    if compression == "lzw":
        return bytes(imagecodecs.lzw_encode(differences))
    if compression == "deflate":
        return bytes(imagecodecs.zlib_encode(differences, level=_DEFLATE_LEVEL))
    return bytes(imagecodecs.zstd_encode(differences, level=_ZSTD_LEVEL))


def _carried(metadata: Metadata) -> Tree:
    tree: Tree = {}
    if metadata.exif:
        try:
            tree = tiff_tags_from_exif(metadata.exif)
        except IfdError:
            tree = {}
    if metadata.xmp:
        tree[700] = Value(BYTE, len(metadata.xmp), metadata.xmp)
    if metadata.iptc:
        tree[33723] = Value(_UNDEFINED, len(metadata.iptc), metadata.iptc)
    if metadata.icc:
        tree[34675] = Value(_UNDEFINED, len(metadata.icc), metadata.icc)
    return tree


def _shorts(*values: int) -> Value:
    return Value(SHORT, len(values), struct.pack(f"<{len(values)}H", *values))


def _longs(*values: int) -> Value:
    return Value(LONG, len(values), struct.pack(f"<{len(values)}I", *values))
