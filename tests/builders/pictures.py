"""Builds the pictures and metadata blocks that the tests read."""

import struct
import zlib
from io import BytesIO

import imagecodecs
import numpy as np
import tifffile
from PIL import Image

ICC = bytes(16) + b"RGB " + bytes(range(256)) * 2
XMP = b'<x:xmpmeta><rdf:Description tiff:Orientation="6">caf\xc3\xa9</rdf:Description></x:xmpmeta>'
XMP_UPRIGHT = XMP.replace(b'Orientation="6"', b'Orientation="1"')
JPEG_THUMBNAIL = b"\xff\xd8thumbnail\xff\xd9"


def adobe_rgb():
    """A real profile, wider than sRGB, the same bytes whenever it is made."""
    profile = bytearray(imagecodecs.cms_profile("adobergb"))
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def grey_profile(gamma=2.2):
    """A real profile of grey."""
    profile = bytearray(imagecodecs.cms_profile("gray", whitepoint=[0.3127, 0.329, 1], gamma=gamma))
    profile[24:36] = struct.pack(">6H", 2000, 1, 1, 0, 0, 0)
    return bytes(profile)


def tiff_bytes(pixels, **options):
    stream = BytesIO()
    tifffile.imwrite(stream, pixels, **options)
    return stream.getvalue()


def photo(height=40, width=60, dtype=np.uint8):
    """Smooth RGB ramps, different in every corner and channel, so that turns and channel swaps show."""
    y, x = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    unit = np.stack([x, y, (1 - x) * (1 - y)], axis=2)
    if np.dtype(dtype).kind == "f":
        return unit.astype(dtype)
    return np.rint(unit * np.iinfo(dtype).max).astype(dtype)


def pillow_bytes(image, kind, **options):
    stream = BytesIO()
    (Image.fromarray(image) if isinstance(image, np.ndarray) else image).save(stream, kind, **options)
    return stream.getvalue()


def exif_block(order="<", orientation=6, thumbnail=JPEG_THUMBNAIL):
    """An EXIF block laid out by hand: Make, Orientation, an Exif directory with ExposureTime, and a thumbnail."""
    make = b"LightFuse\0"
    main_at, exif_at = 8, 8 + 2 + 3 * 12 + 4 + len(make)
    time_at = exif_at + 2 + 12 + 4
    thumbnail_at = time_at + 8
    short = struct.pack(order + "H", orientation) + b"\0\0"
    block = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", main_at)
    block += struct.pack(order + "H", 3)
    block += struct.pack(order + "HHII", 0x010F, 2, len(make), exif_at - len(make))
    block += struct.pack(order + "HHI", 0x0112, 3, 1) + short
    block += struct.pack(order + "HHII", 0x8769, 4, 1, exif_at)
    block += struct.pack(order + "I", thumbnail_at if thumbnail else 0) + make
    block += struct.pack(order + "H", 1) + struct.pack(order + "HHII", 0x829A, 5, 1, time_at) + bytes(4)
    block += struct.pack(order + "II", 1, 250)
    if thumbnail:
        data_at = thumbnail_at + 2 + 2 * 12 + 4
        block += struct.pack(order + "H", 2)
        block += struct.pack(order + "HHII", 0x0201, 4, 1, data_at)
        block += struct.pack(order + "HHII", 0x0202, 4, 1, len(thumbnail))
        block += bytes(4) + thumbnail
    return block


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_claiming(width, height):
    """A PNG with a valid header and hardly any pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", b"x\x9c\x03\0\0\0\0\x01") + png_chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks
