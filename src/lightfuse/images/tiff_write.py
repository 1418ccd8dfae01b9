"""TIFF files written: baseline RGB, uncompressed, with ICC profile, XMP and EXIF (TIFF 6.0; EXIF 2.32, section 4.5)."""

import struct
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import OutputError
from lightfuse.images.exif import tiff_tags_from_exif
from lightfuse.images.ifd import BYTE, LONG, SHORT, IfdError, Tree, Value, serialise
from lightfuse.images.metadata import Metadata

_STRIP_BYTES = 1 << 20
_UNDEFINED = 7
_PIXELS_AT = 8


def encode_tiff(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    """Lay out H×W×3 uint8, uint16 or float32 pixels as a TIFF file.

    Raises:
        OutputError: the file would pass the 4 GB that a TIFF can hold.
    """
    height, width, _ = pixels.shape
    row = pixels.nbytes // height
    rows_per_strip = min(height, max(1, _STRIP_BYTES // row))
    starts = range(0, height, rows_per_strip)
    directory_at = _PIXELS_AT + pixels.nbytes + pixels.nbytes % 2
    if directory_at + (1 << 26) > 1 << 32:
        raise OutputError(f"a picture of {width} × {height} pixels of {pixels.dtype} passes the 4 GB a TIFF can hold")
    is_float = pixels.dtype.kind == "f"
    tree: Tree = _carried(metadata) | {
        256: _longs(width),
        257: _longs(height),
        258: _shorts(*[8 * pixels.itemsize] * 3),
        259: _shorts(1),  # Uncompressed.
        262: _shorts(2),  # RGB.
        273: _longs(*[_PIXELS_AT + row * start for start in starts]),
        274: _shorts(1),  # Upright.
        277: _shorts(3),
        278: _longs(rows_per_strip),
        279: _longs(*[row * (min(start + rows_per_strip, height) - start) for start in starts]),
        284: _shorts(1),  # Samples of a pixel stand together.
        339: _shorts(*[3 if is_float else 1] * 3),
    }
    if sys.byteorder == "big":
        pixels = pixels.byteswap()
    return b"".join(
        [
            b"II*\0" + struct.pack("<I", directory_at),
            np.ascontiguousarray(pixels).reshape(-1).view(np.uint8).data,
            bytes(pixels.nbytes % 2),
            serialise(tree, directory_at),
        ]
    )


def _carried(metadata: Metadata) -> Tree:
    tree: Tree = {}
    if metadata.exif:
        try:
            tree = tiff_tags_from_exif(metadata.exif)
        except IfdError:
            tree = {}
    if metadata.xmp:
        tree[700] = Value(BYTE, len(metadata.xmp), metadata.xmp)
    if metadata.icc:
        tree[34675] = Value(_UNDEFINED, len(metadata.icc), metadata.icc)
    return tree


def _shorts(*values: int) -> Value:
    return Value(SHORT, len(values), struct.pack(f"<{len(values)}H", *values))


def _longs(*values: int) -> Value:
    return Value(LONG, len(values), struct.pack(f"<{len(values)}I", *values))
