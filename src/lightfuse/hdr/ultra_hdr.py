"""A JPEG that every reader shows as the fused picture, and that glows on a screen with room above white.

Two JPEGs one behind the other: the picture, then a gain map, found by the XMP directory and the multi-picture index
(Ultra HDR image format 1.1); how the gain is meant stands in XMP and, for newer readers, as in ISO 21496-1.
"""

import struct

import numpy as np

from lightfuse.hdr import iso_21496, mpf, xmp
from lightfuse.hdr.gain_map import MAX_STOPS, OFFSET, GainMap, gain_map
from lightfuse.hdr.transfer import Array, Light
from lightfuse.images import EncodeOptions, Metadata, encode_picture

_SOI = 2
_APP1, _APP2 = 0xE1, 0xE2
_APPLICATION = range(0xE0, 0xF0)
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_GAIN_QUALITY = 90


def encode_gain_map_jpeg(
    fused: Array,
    light: Light,
    metadata: Metadata | None = None,
    quality: int | None = None,
    options: EncodeOptions | None = None,
    *,
    max_stops: float = MAX_STOPS,
) -> bytes:
    """Encode a fused picture with the gain map that its merged light asks for (see `gain_map`).

    Args:
        fused: RGB, H×W×3, uint8, uint16 or float32 in [0, 1], sRGB-encoded; written with 8 bits.
        light: the merged light of the same frames, linear, H×W×3 float32.
        metadata: of the base exposure: EXIF, ICC profile and XMP are kept (XMP as far as `xmp.base_xmp` can).
        quality, options: of the base picture, see `encode_picture`.
        max_stops: the largest gain, 1 and above.

    Raises:
        PictureError: picture and light differ in size.
        OutputError: see `encode_picture`.
    """
    appended = _encode_gain_map(gain_map(fused, light, max_stops))
    given = metadata or Metadata()
    described = Metadata(icc=given.icc, exif=given.exif, xmp=xmp.base_xmp(given.xmp, len(appended)))
    return _joined(encode_picture(fused, ".jpg", described, options, quality=quality), appended)


def _encode_gain_map(gain: GainMap) -> bytes:
    import imagecodecs

    jpeg = bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(gain.levels), level=_GAIN_QUALITY))
    described = _segment(_APP1, _XMP + xmp.gain_map_xmp(gain.max_stops, OFFSET))
    described += _segment(_APP2, iso_21496.metadata(gain.max_stops, OFFSET))
    return _inserted(jpeg, described)


def _joined(base: bytes, appended: bytes) -> bytes:
    """The base picture with the index of both in it, and the gain map behind it."""
    announced = _inserted(base, _segment(_APP2, iso_21496.announcement()))
    header = struct.calcsize(">BBH")
    at = _end_of_application_segments(announced)
    index = mpf.index(len(announced) + header + mpf.SIZE, len(appended), at + header)
    return _inserted(announced, _segment(_APP2, index)) + appended


def _inserted(jpeg: bytes, segments: bytes) -> bytes:
    at = _end_of_application_segments(jpeg)
    return b"".join([jpeg[:at], segments, memoryview(jpeg)[at:]])


def _end_of_application_segments(jpeg: bytes) -> int:
    at = _SOI
    while jpeg[at] == 0xFF and jpeg[at + 1] in _APPLICATION:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return at


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
