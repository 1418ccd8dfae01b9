"""Write HDR files by their suffix, under a temporary name, then moved."""

import math
import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np

from lightfuse.errors import check_extra, missing_extra
from lightfuse.hdr.gain_map import OFFSET, gain_map, light_table
from lightfuse.hdr.merge import Array, Floats
from lightfuse.hdr.ultra_hdr import encode_gain_map_jpeg
from lightfuse.images import EncodeOptions, Metadata
from lightfuse.images.colour import REC_2020, rgb_profile, transform
from lightfuse.images.exif import ASCII, BYTE, RATIONAL, SRATIONAL, Tree, Value, longs, numbers, shorts
from lightfuse.images.heif import encode_avif
from lightfuse.images.jxl import encode_hdr_jxl
from lightfuse.images.metadata import Parts, with_size
from lightfuse.images.pixels import look_up
from lightfuse.images.tiff import encode_tiff
from lightfuse.system import cannot_write, check_writable, write_atomically

GAIN_MAP_SUFFIXES = (".jpg", ".jpeg")
RENDITION_SUFFIXES = (".avif", ".jxl")
RADIANCE_SUFFIXES = (".exr", ".hdr", ".tif", ".tiff", ".dng")
HDR_SUFFIXES = (*GAIN_MAP_SUFFIXES, *RENDITION_SUFFIXES, *RADIANCE_SUFFIXES)
_LARGEST_HALF = 65504.0


def shows_picture(path: str | os.PathLike[str]) -> bool:
    """Whether a file of that name is to show the fused picture, its highlights brighter, not the radiance alone."""
    return _suffix(path) in GAIN_MAP_SUFFIXES + RENDITION_SUFFIXES


def check_hdr_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check, before any work is done, that `write_hdr` can write to a path.

    Raises:
        OutputError: the suffix is none of `HDR_SUFFIXES`, or see `check_writable`.
        MissingExtraError: ``.exr`` or ``.jxl`` without the extra.
    """
    suffix = _suffix(path)
    check_writable(path, overwrite=overwrite)
    check_extra(suffix)


def write_hdr(
    path: str | os.PathLike[str],
    fused: Array,
    radiance: Floats,
    metadata: Metadata | None = None,
    options: EncodeOptions | None = None,
    *,
    overwrite: bool = False,
) -> None:
    """Write what the suffix asks for: a picture for HDR screens, or the radiance alone.

    For HDR screens the fused picture is brightened by the gain map of its radiance: as Ultra HDR JPEG, where other
    screens show the fused picture; as AVIF of 10 or 12 bits or JPEG XL (needs the extra ``jxl``), Rec. 2100 PQ.

    The radiance is linear. As float TIFF and as linear DNG of half floats it has Rec. 2020 primaries and the metadata.
    As OpenEXR (``.exr``, needs the extra ``exr``; half floats, ZIP-compressed) and Radiance (``.hdr``; 8 bits a channel
    and a shared exponent a pixel) it has sRGB's. Half floats hold 11 bits of precision.

    Args:
        path: ending in one of `HDR_SUFFIXES`.
        fused: the fused picture, sRGB, H×W×3, uint8, uint16 or float32 in [0, 1].
        metadata: of the base exposure, its profile sRGB's or None.
        options: of pictures for HDR screens the quality, and of AVIF the depth; see `encode_picture`.
        radiance: H×W×3 float32, ≥ 0, linear, of sRGB's primaries and the picture's size, as `merge_radiance` gives it.
        overwrite: whether an existing file is replaced.

    Raises:
        OutputError: the suffix is another, the file exists and `overwrite` is false, or the disk refuses.
        MissingExtraError: ``.exr`` or ``.jxl`` without the extra.
    """
    suffix = _suffix(path)
    metadata, options = metadata or Metadata(), options or EncodeOptions()
    parts: Parts
    if suffix in (".exr", ".hdr"):
        parts = [(_encode_exr if suffix == ".exr" else _encode_hdr)(radiance)]
    elif suffix in RADIANCE_SUFFIXES:
        parts = (_encode_linear_dng if suffix == ".dng" else _encode_linear_tiff)(radiance, metadata)
    elif suffix in GAIN_MAP_SUFFIXES:
        parts = [encode_gain_map_jpeg(fused, radiance, metadata, EncodeOptions(quality=options.quality))]
    else:
        parts = (_encode_avif if suffix == ".avif" else _encode_jpeg_xl)(fused, radiance, metadata, options)
    write_atomically(path, parts, overwrite=overwrite)


def _encode_exr(linear: Floats) -> bytes:
    with missing_extra("writing OpenEXR", "exr", "OpenEXR"):
        import OpenEXR
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "software": "LightFuse"}
    halves = np.minimum(linear, np.float32(_LARGEST_HALF)).astype(np.float16)
    stream = BytesIO()
    with OpenEXR.File(header, {"RGB": halves}) as file:
        file.write(stream)
    return stream.getvalue()


def _encode_hdr(linear: Floats) -> bytes:
    import cv2  # Not imagecodecs: its buffer is too small for rows that run-length coding cannot shorten.

    _, encoded = cv2.imencode(".hdr", linear[..., ::-1])
    return bytes(encoded)


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix, known = Path(path).suffix.lower(), HDR_SUFFIXES
    if suffix not in known:
        raise cannot_write(path, f"give a name that ends in {', '.join(known[:-1])} or {known[-1]}")
    return suffix


# ---- Radiance alone: linear float TIFF and DNG -----------------------------------------------------------------------

_D65 = 21  # EXIF's light source.
_LINEAR_RAW = 34892
_XYZ_TO_REC_2020 = (
    1.716651, -0.355671, -0.253366,
    -0.666684, 1.616481, 0.015769,
    0.017640, -0.042771, 0.942103,
)  # fmt: skip


def _encode_linear_tiff(radiance: Floats, metadata: Metadata) -> Parts:
    """Encode merged light as a float TIFF: linear Rec. 2020."""
    light = _in_rec_2020(radiance)
    height, width, _ = light.shape
    tagged = replace(metadata, icc=rgb_profile(REC_2020, gamma=1.0), place=None)
    return encode_tiff(light, with_size(tagged, width, height), EncodeOptions(bit_depth=32))


def _encode_linear_dng(radiance: Floats, metadata: Metadata) -> Parts:
    """Encode merged light as a DNG of three linear samples a pixel (DNG 1.4: LinearRaw), half floats.

    The brightest value is white, as developers clip there; ``BaselineExposure`` tells them by how many stops to
    brighten the picture so that its mid-tones come out as the base exposure's. Half floats keep 11 bits in every tone.
    """
    light = _in_rec_2020(radiance)
    height, width, _ = light.shape
    white = max(1.0, float(light.max()))
    tags: Tree = {
        254: longs(0),  # The main picture.
        262: shorts(_LINEAR_RAW),
        339: shorts(3, 3, 3),  # Floats.
        50706: Value(BYTE, 4, bytes((1, 4, 0, 0))),  # DNG version, and the least that a reader must know:
        50707: Value(BYTE, 4, bytes((1, 1, 0, 0))),
        50708: Value(ASCII, 21, b"LightFuse linear DNG\0"),  # The camera model that the colours belong to.
        50714: shorts(0, 0, 0),  # Black and white level.
        50717: shorts(1, 1, 1),
        50721: _fractions(SRATIONAL, _XYZ_TO_REC_2020),
        50728: _fractions(RATIONAL, (1, 1, 1)),  # White as it was shot.
        50730: _fractions(SRATIONAL, (math.log2(white),)),  # Baseline exposure.
        50778: shorts(_D65),  # The light that the matrix holds for.
    }
    light *= np.float32(1 / white)
    tagged = with_size(replace(metadata, icc=None, place=None), width, height)
    return encode_tiff(light.astype(np.float16).view(np.uint16), tagged, EncodeOptions(), tags)


def _in_rec_2020(light: Floats) -> Floats:
    """Light of sRGB's primaries as a new array in Rec. 2020's."""
    import cv2

    unit = np.eye(3, dtype=np.float32)[None]
    matrix = transform(unit, rgb_profile(), rgb_profile(REC_2020, gamma=1.0))[0]  # Row by row: red, green, blue.
    wide: Floats = cv2.transform(light, np.ascontiguousarray(matrix.T))
    return np.maximum(wide, 0, out=wide)  # Rounding apart there is nothing below.


def _fractions(kind: int, values: tuple[float, ...]) -> Value:
    return numbers(kind, *(number for value in values for number in (round(value * 1_000_000), 1_000_000)))


# ---- For HDR screens: AVIF and JPEG XL -------------------------------------------------------------------------------

WHITE_NITS = 203.0
"""cd/m² of the fused picture's white: the level of diffuse white in HDR pictures (ITU-R BT.2408-7, 2.1)."""

_REC_2020_PQ = 9, 16, 9  # Primaries, transfer function and matrix by their numbers in ITU-T H.273.
_PQ_PEAK = 10_000.0  # cd/m²
# SMPTE ST 2084:2014, 5.2
_M1, _M2 = 2610 / 16384, 2523 / 4096 * 128
_C1, _C2, _C3 = 3424 / 4096, 2413 / 4096 * 32, 2392 / 4096 * 32
_ROWS_AT_ONCE = 64


def _encode_avif(fused: Array, radiance: Floats, metadata: Metadata, options: EncodeOptions) -> Parts:
    """The HDR rendition as an AVIF: Rec. 2020 primaries, PQ (nclx 9/16/9), 10 bits, or 12 if asked for."""
    light = _rendition(fused, radiance)
    coded = np.empty(light.shape, np.uint16)
    for top in range(0, light.shape[0], _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        coded[rows] = np.rint(pq(_in_rec_2020(light[rows]) * np.float32(WHITE_NITS)) * np.float32(65535))
    del light  # The encoder needs much memory of its own.
    depth = EncodeOptions(quality=options.quality, bit_depth=12 if options.bit_depth == 12 else 10)
    return encode_avif(coded, replace(metadata, icc=None), depth, _REC_2020_PQ)


def _encode_jpeg_xl(fused: Array, radiance: Floats, metadata: Metadata, options: EncodeOptions) -> Parts:
    """The HDR rendition as a JPEG XL shown as Rec. 2100 PQ."""
    light = _rendition(fused, radiance)
    nits = max(256.0, WHITE_NITS * float(light.max()))  # JPEG XL takes up to 255 for standard range.
    light *= np.float32(WHITE_NITS / nits)
    return encode_hdr_jxl(light, nits, metadata, options.quality)


def pq(nits: Floats) -> Floats:
    """Luminance in cd/m², 0 to 10,000, in the perceptual quantizer's code, 0 to 1 (SMPTE ST 2084:2014, 5.2)."""
    power = np.clip(nits / np.float32(_PQ_PEAK), 0, 1) ** np.float32(_M1)
    coded: Floats = ((_C1 + _C2 * power) / (1 + _C3 * power)) ** np.float32(_M2)
    return coded


def _rendition(fused: Array, radiance: Floats) -> Floats:
    """The fused picture in linear light with the gain of its gain map, H×W×3, white at 1."""
    import cv2

    height, width, _ = fused.shape
    light = look_up(fused, light_table(fused.dtype))
    stops = cv2.resize(gain_map(fused, radiance), (width, height), interpolation=cv2.INTER_LINEAR)
    light += np.float32(OFFSET)
    light *= np.exp2(stops)[..., None]
    light -= np.float32(OFFSET)
    return light
