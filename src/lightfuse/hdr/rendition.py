"""HDR pictures for HDR screens: the fused picture with its highlights as bright as they were, as AVIF and JPEG XL."""

from dataclasses import replace

import numpy as np

from lightfuse.hdr.gain_map import MAX_STOPS, OFFSET, gain_map
from lightfuse.hdr.merge import Array, Floats
from lightfuse.images import EncodeOptions, Metadata
from lightfuse.images.colour import REC_2020, linear_profile, rgb_profile, transform
from lightfuse.images.heif import encode_avif
from lightfuse.images.jxl import encode_hdr_jxl
from lightfuse.images.metadata import Parts
from lightfuse.images.pixels import to_depth

WHITE_NITS = 203.0
"""cd/m² of the fused picture's white: the level of diffuse white in HDR pictures (ITU-R BT.2408-7, 2.1)."""

_PQ, _BT2020_MATRIX = 16, 9  # Numbers of ITU-T H.273.
_PQ_PEAK = 10_000.0  # cd/m²
# SMPTE ST 2084:2014, 5.2
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_ROWS_AT_ONCE = 64


def encode_hdr_avif(fused: Array, radiance: Floats, metadata: Metadata, options: EncodeOptions) -> Parts:
    """Encode the HDR rendition as an AVIF: Rec. 2020 primaries, PQ (nclx 9/16/9), 10 bits, or 12 if asked for.

    Args:
        fused, radiance: see `gain_map`; ``fused`` in the profile of ``metadata``.
        metadata: of the base exposure; EXIF and XMP are kept.
        options: the quality, and a bit depth of 12.

    Raises:
        PictureError: the two differ in size.
    """
    light = _rendition(fused, radiance, metadata.icc, linear_profile(REC_2020))
    coded = np.empty(light.shape, np.uint16)
    for top in range(0, light.shape[0], _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        coded[rows] = np.rint(pq(light[rows] * np.float32(WHITE_NITS)) * np.float32(65535))
    depth = replace(options, bit_depth=12 if options.bit_depth == 12 else 10, lossless=False, compression="auto")
    return encode_avif(coded, replace(metadata, icc=None), depth, (REC_2020, _PQ, _BT2020_MATRIX))


def encode_hdr_jpeg_xl(fused: Array, radiance: Floats, metadata: Metadata, options: EncodeOptions) -> Parts:
    """Encode the HDR rendition as a JPEG XL shown as Rec. 2100 PQ; arguments as of `encode_hdr_avif`.

    Raises:
        PictureError: the two differ in size.
        MissingExtraError: the extra `jxl` is not installed.
    """
    light = _rendition(fused, radiance, metadata.icc, rgb_profile(gamma=1.0))
    nits = WHITE_NITS * max(1.0, float(light.max()))
    light *= np.float32(WHITE_NITS / nits)
    return encode_hdr_jxl(light, nits, metadata, options.quality)


def pq(nits: Floats) -> Floats:
    """Luminance in cd/m², 0 to 10,000, in the perceptual quantizer's code, 0 to 1 (SMPTE ST 2084:2014, 5.2)."""
    power = np.clip(nits / np.float32(_PQ_PEAK), 0, 1) ** np.float32(_M1)
    coded: Floats = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** np.float32(_M2)
    return coded


def _rendition(fused: Array, radiance: Floats, icc: bytes | None, profile: bytes) -> Floats:
    """The fused picture in linear light with the gain of its gain map, white at 1: H×W×3 in a linear profile."""
    import cv2

    found = gain_map(fused, radiance, MAX_STOPS)
    height, width, _ = fused.shape
    light = np.asarray(transform(np.ascontiguousarray(to_depth(fused, 32)), icc or rgb_profile(), profile), np.float32)
    stops = cv2.resize(found.levels, (width, height), interpolation=cv2.INTER_LINEAR)
    gains = np.exp2(np.linspace(0, found.max_stops, 256)).astype(np.float32)
    light += np.float32(OFFSET)
    light *= gains[stops][..., None]
    light -= np.float32(OFFSET)
    return light
