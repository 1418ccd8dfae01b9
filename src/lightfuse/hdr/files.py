"""Write HDR files by their suffix: Ultra HDR JPEG, OpenEXR or Radiance; under a temporary name, then moved."""

import os
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np

from lightfuse.errors import MissingExtraError
from lightfuse.hdr.merge import Array, Floats, Radiance
from lightfuse.hdr.ultra_hdr import encode_gain_map_jpeg
from lightfuse.images import EncodeOptions, Metadata
from lightfuse.system import already_exists, cannot_write, check_writable, write_atomically

GAIN_MAP_SUFFIXES = (".jpg", ".jpeg")
RADIANCE_SUFFIXES = (".exr", ".hdr")
_LARGEST_HALF = 65504.0


def check_hdr_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check, before any work is done, that `write_hdr` can write to a path.

    Raises:
        OutputError: the suffix is none of `GAIN_MAP_SUFFIXES` and `RADIANCE_SUFFIXES`, or see `check_writable`.
        MissingExtraError: ``.exr`` without the package OpenEXR.
    """
    suffix = _suffix(path)
    check_writable(path, overwrite=overwrite)
    if suffix == ".exr" and find_spec("OpenEXR") is None:
        raise MissingExtraError("writing OpenEXR", "exr")


def write_hdr(
    path: str | os.PathLike[str],
    fused: Array,
    radiance: Radiance | Floats,
    metadata: Metadata | None = None,
    options: EncodeOptions | None = None,
    *,
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write what the suffix asks for: a gain-map JPEG of the fused picture, or the radiance alone.

    OpenEXR (``.exr``, needs the extra ``exr``) holds half floats, 11 bits of precision a channel, ZIP-compressed;
    Radiance (``.hdr``) 8 bits a channel and a shared exponent a pixel.

    Args:
        path: ending in one of `GAIN_MAP_SUFFIXES` or `RADIANCE_SUFFIXES`.
        fused, metadata, options, quality: of a gain-map JPEG, see `encode_gain_map_jpeg`.
        radiance: H×W×3 float32, ≥ 0, linear, as `merge_radiance` gives it.
        overwrite: whether an existing file is replaced.

    Raises:
        PictureError: picture and radiance differ in size.
        OutputError: the suffix is another, the file exists and `overwrite` is false, or the disk refuses.
        MissingExtraError: ``.exr`` without the package OpenEXR.
    """
    suffix = _suffix(path)
    if os.path.lexists(path) and not overwrite:  # Before the work.
        raise already_exists(path)
    linear = radiance.pixels if isinstance(radiance, Radiance) else radiance
    if suffix == ".exr":
        encoded = _encode_exr(linear)
    elif suffix == ".hdr":
        encoded = _encode_hdr(linear)
    else:
        encoded = encode_gain_map_jpeg(fused, linear, metadata, quality, options)
    write_atomically(path, [encoded], overwrite=overwrite)


def _encode_exr(linear: Floats) -> bytes:
    try:
        import OpenEXR
    except ImportError:
        raise MissingExtraError("writing OpenEXR", "exr") from None
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
    suffix, known = Path(path).suffix.lower(), (*GAIN_MAP_SUFFIXES, *RADIANCE_SUFFIXES)
    if suffix not in known:
        raise cannot_write(path, f"give a name that ends in {', '.join(known[:-1])} or {known[-1]}")
    return suffix
