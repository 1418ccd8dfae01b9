"""Write HDR files by their suffix, under a temporary name, then moved."""

import os
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np

from lightfuse.errors import MissingExtraError, missing_extra
from lightfuse.hdr.linear import encode_linear_dng, encode_linear_tiff
from lightfuse.hdr.merge import Array, Floats, Radiance
from lightfuse.hdr.rendition import encode_hdr_avif, encode_hdr_jpeg_xl
from lightfuse.hdr.ultra_hdr import encode_gain_map_jpeg
from lightfuse.images import EncodeOptions, Metadata
from lightfuse.images.metadata import Parts
from lightfuse.system import cannot_write, check_writable, write_atomically

GAIN_MAP_SUFFIXES = (".jpg", ".jpeg")
RENDITION_SUFFIXES = (".avif", ".jxl")
RADIANCE_SUFFIXES = (".exr", ".hdr", ".tif", ".tiff", ".dng")
HDR_SUFFIXES = (*GAIN_MAP_SUFFIXES, *RENDITION_SUFFIXES, *RADIANCE_SUFFIXES)
_LARGEST_HALF = 65504.0


def check_hdr_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check, before any work is done, that `write_hdr` can write to a path.

    Raises:
        OutputError: the suffix is none of `HDR_SUFFIXES`, or see `check_writable`.
        MissingExtraError: ``.exr`` or ``.jxl`` without the extra.
    """
    suffix = _suffix(path)
    check_writable(path, overwrite=overwrite)
    for needed, package, what in ((".exr", "OpenEXR", "OpenEXR"), (".jxl", "pyjpegxl", "JPEG XL")):
        if suffix == needed and find_spec(package) is None:
            raise MissingExtraError(f"writing {what}", needed[1:])


def write_hdr(
    path: str | os.PathLike[str],
    fused: Array,
    radiance: Radiance | Floats,
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
    and a shared exponent a pixel) it has the primaries of the frames. Half floats hold 11 bits of precision.

    Args:
        path: ending in one of `HDR_SUFFIXES`.
        fused: the fused picture, RGB, H×W×3, uint8, uint16 or float32 in [0, 1].
        metadata: of the base exposure; its profile is that of ``fused`` and tells the radiance's primaries.
        options: of pictures for HDR screens, see `encode_gain_map_jpeg`.
        radiance: H×W×3 float32, ≥ 0, linear, as `merge_radiance` gives it.
        overwrite: whether an existing file is replaced.

    Raises:
        PictureError: picture and radiance differ in size.
        OutputError: the suffix is another, the file exists and `overwrite` is false, or the disk refuses.
        MissingExtraError: ``.exr`` or ``.jxl`` without the extra.
    """
    suffix = _suffix(path)
    linear = radiance.pixels if isinstance(radiance, Radiance) else radiance
    metadata, options = metadata or Metadata(), options or EncodeOptions()
    parts: Parts
    if suffix in (".exr", ".hdr"):
        parts = [(_encode_exr if suffix == ".exr" else _encode_hdr)(linear)]
    elif suffix in RADIANCE_SUFFIXES:
        parts = (encode_linear_dng if suffix == ".dng" else encode_linear_tiff)(linear, metadata)
    elif suffix in GAIN_MAP_SUFFIXES:
        parts = [encode_gain_map_jpeg(fused, linear, metadata, options=options)]
    else:
        parts = (encode_hdr_avif if suffix == ".avif" else encode_hdr_jpeg_xl)(fused, linear, metadata, options)
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
