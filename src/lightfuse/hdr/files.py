"""HDR files by their suffix: a gain-map JPEG, or the merged light itself; whole under their own name, or not at all."""

import os
from collections.abc import Callable
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import numpy as np

from lightfuse.errors import MissingExtraError
from lightfuse.hdr.merge import Radiance
from lightfuse.hdr.transfer import Array, Light
from lightfuse.hdr.ultra_hdr import encode_gain_map_jpeg
from lightfuse.images import EncodeOptions, Metadata
from lightfuse.system import already_exists, cannot_write, check_writable, write_atomically

GAIN_MAP_SUFFIXES = (".jpg", ".jpeg")
RADIANCE_SUFFIXES = (".exr", ".hdr")
_LARGEST_HALF = 65504.0


def check_hdr_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check, before any work is done, that `write_hdr` can write to a path.

    Raises:
        OutputError: the suffix is none of `GAIN_MAP_SUFFIXES` and `RADIANCE_SUFFIXES`, the file exists and `overwrite`
            is false, or its folder is missing or closed to writing.
        MissingExtraError: ``.exr`` without the package OpenEXR.
    """
    suffix = _suffix(path, (*GAIN_MAP_SUFFIXES, *RADIANCE_SUFFIXES))
    check_writable(path, overwrite=overwrite)
    if suffix == ".exr" and find_spec("OpenEXR") is None:
        raise MissingExtraError("writing OpenEXR", "exr")


def write_hdr(
    path: str | os.PathLike[str],
    fused: Array,
    light: Radiance | Light,
    metadata: Metadata | None = None,
    options: EncodeOptions | None = None,
    *,
    quality: int | None = None,
    overwrite: bool = False,
) -> None:
    """Write what the suffix asks for: a gain-map JPEG of the fused picture, or the merged light (`write_radiance`).

    Args:
        path: ending in one of `GAIN_MAP_SUFFIXES` or `RADIANCE_SUFFIXES`.
        fused, light, metadata, options, quality: see `encode_gain_map_jpeg`; OpenEXR and Radiance hold light alone.
        overwrite: whether an existing file is replaced.

    Raises:
        PictureError: picture and light differ in size.
        OutputError: see `check_hdr_output`; or the disk refuses.
        MissingExtraError: ``.exr`` without the package OpenEXR.
    """
    if _suffix(path, (*GAIN_MAP_SUFFIXES, *RADIANCE_SUFFIXES)) in RADIANCE_SUFFIXES:
        write_radiance(path, light, overwrite=overwrite)
        return
    linear = light.light if isinstance(light, Radiance) else light
    _write(path, lambda: encode_gain_map_jpeg(fused, linear, metadata, quality, options), overwrite=overwrite)


def write_radiance(path: str | os.PathLike[str], light: Radiance | Light, *, overwrite: bool = False) -> None:
    """Write linear light in the format of the path's suffix.

    OpenEXR (``.exr``, needs the extra ``exr``) holds half floats, 11 bits of precision a channel, ZIP-compressed;
    Radiance (``.hdr``) 8 bits a channel and an exponent a pixel. The file is written under a temporary name
    (``.part``) beside its own and then moved; the temporary file goes whatever happens.

    Args:
        path: ending in one of `RADIANCE_SUFFIXES`.
        light: H×W×3 float32, ≥ 0, linear, as `merge_light` gives it.
        overwrite: whether an existing file is replaced.

    Raises:
        OutputError: the suffix is another, the file exists and `overwrite` is false, or the disk refuses.
        MissingExtraError: ``.exr`` without the package OpenEXR.
    """
    encode = _exr if _suffix(path, RADIANCE_SUFFIXES) == ".exr" else _hdr
    linear = light.light if isinstance(light, Radiance) else light
    _write(path, lambda: encode(linear), overwrite=overwrite)


def _exr(light: Light) -> bytes:
    try:
        import OpenEXR
    except ImportError:
        raise MissingExtraError("writing OpenEXR", "exr") from None
    header = {"compression": OpenEXR.ZIP_COMPRESSION, "type": OpenEXR.scanlineimage, "software": "LightFuse"}
    halves = np.minimum(light, np.float32(_LARGEST_HALF)).astype(np.float16)
    stream = BytesIO()
    with OpenEXR.File(header, {"RGB": halves}) as file:
        file.write(stream)
    return stream.getvalue()


def _hdr(light: Light) -> bytes:
    import cv2  # Not imagecodecs: its buffer is too small for what run lengths cannot shorten.

    _, encoded = cv2.imencode(".hdr", light[..., ::-1])
    return bytes(encoded)


def _suffix(path: str | os.PathLike[str], known: tuple[str, ...]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in known:
        ends = f"{', '.join(known[:-1])} or {known[-1]}"
        raise cannot_write(path, f"give a name that ends in {ends}")
    return suffix


def _write(path: str | os.PathLike[str], encode: Callable[[], bytes], *, overwrite: bool) -> None:
    if os.path.lexists(path) and not overwrite:  # Told before the work.
        raise already_exists(path)
    write_atomically(path, [encode()], overwrite=overwrite)
