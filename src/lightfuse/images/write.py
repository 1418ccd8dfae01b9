"""One picture written: pixels and metadata encoded in a format, whole under its own name or not at all."""

import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import rgb_problem
from lightfuse.errors import OutputError, check_extra
from lightfuse.images.colour import convert_profile, is_grey
from lightfuse.images.heif import encode_avif
from lightfuse.images.jpeg import encode_jpeg
from lightfuse.images.jxl import encode_jxl
from lightfuse.images.metadata import Format, Metadata, Parts, UnreadableError, with_size
from lightfuse.images.options import HOLD_ALPHA, HOLD_GREY, EncodeOptions, check_options, check_side, format_of
from lightfuse.images.png import encode_png
from lightfuse.images.tiff import encode_tiff
from lightfuse.images.webp import encode_webp
from lightfuse.system import cannot_write, check_writable, write_atomically

STDOUT = "-"
_ENCODERS: dict[Format, Callable[[NDArray[Any], Metadata, EncodeOptions], Parts]] = {
    "JPEG": encode_jpeg, "PNG": encode_png, "TIFF": encode_tiff, "WebP": encode_webp,
    "AVIF": encode_avif, "JPEG XL": encode_jxl,
}  # fmt: skip


def check_output(path: str | os.PathLike[str], *, overwrite: bool) -> None:
    """Check, before any work is done, that a picture can be written to `path` (``"-"`` is standard output).

    Raises:
        OutputError: the suffix is unknown, the file exists and `overwrite` is false, its folder is missing or closed
            to writing, or the path is a folder.
        MissingExtraError: the format needs an extra that is not installed.
    """
    if path == STDOUT:
        if sys.stdout.isatty():
            raise OutputError("a picture cannot be shown on a terminal; send standard output to a file or a pipe")
        return
    try:
        if not os.path.isdir(path):
            format_of(Path(path).suffix)
    except OutputError as error:
        raise cannot_write(path, error) from None
    check_extra(Path(path).suffix)
    check_writable(path, overwrite=overwrite)


def write_picture(
    path: str | os.PathLike[str],
    pixels: NDArray[Any],
    metadata: Metadata | None = None,
    options: EncodeOptions | None = None,
    *,
    overwrite: bool = False,
    suffix: str = ".png",
) -> None:
    """Write a picture in the format of the path's suffix; see `encode_picture` for the other arguments.

    The file appears whole or not at all: it is written under a temporary name (``.part``) beside its own and then
    moved. A file that appears at `path` meanwhile is not touched unless `overwrite` is true.

    Args:
        path: where to write; ``"-"`` is standard output.
        suffix: the format for standard output, used for nothing else.

    Raises:
        OutputError: see `check_output` and `encode_picture`; or the disk refuses.
        MissingExtraError: the format needs an extra that is not installed.
    """
    check_output(path, overwrite=overwrite)
    try:
        parts = encode_in_parts(pixels, suffix if path == STDOUT else Path(path).suffix, metadata, options)
        if path == STDOUT:
            sys.stdout.buffer.write(b"".join(parts))
            sys.stdout.buffer.flush()
            return
    except (OutputError, OSError) as error:
        raise cannot_write("standard output" if path == STDOUT else path, error) from None
    write_atomically(path, parts, overwrite=overwrite)


def encode_picture(
    pixels: NDArray[Any], suffix: str, metadata: Metadata | None = None, options: EncodeOptions | None = None
) -> bytes:
    """Encode a picture in the format of a file suffix.

    Pixels deeper than the format (or than `options.bit_depth`) are rounded to its depth. Metadata goes where the format
    has a place for it: EXIF into TIFF as tags; IPTC into JPEG and TIFF only; a JPEG cannot hold EXIF or XMP beyond
    64 kB (see `jpeg.insert_metadata`).

    Args:
        pixels: H×W×3 RGB, uint8, uint16 or float in [0, 1] (values outside are clipped); H×W×1 grey, which formats
            that cannot hold it get as RGB; H×W×4 with alpha, which is left out where a format cannot hold it, what is
            transparent turned black (see `HOLD_ALPHA`).
        suffix: such as ``".jpg"``.
        metadata: what to write besides the pixels; its ICC profile is theirs.
        options: quality, depth, compression.

    Raises:
        OutputError: the suffix is unknown, the format does not have what the options ask for, the pixels are not as
            above, or the format cannot hold a picture of that size or of a profile that cannot be used.
        MissingExtraError: the format needs an extra that is not installed.
    """
    return b"".join(encode_in_parts(pixels, suffix, metadata, options))


def encode_in_parts(
    pixels: NDArray[Any], suffix: str, metadata: Metadata | None, options: EncodeOptions | None
) -> Parts:
    """Encode a picture as `encode_picture` does, into parts that together are the file: nothing large is copied."""
    kind, options = format_of(suffix), options or EncodeOptions()
    check_options(options, kind)
    try:
        pixels, metadata = _for_format(_checked(pixels), metadata or Metadata(), kind)
        check_side(kind, max(pixels.shape))
        height, width, _ = pixels.shape
        return _ENCODERS[kind](pixels, with_size(metadata, width, height), options)
    except UnreadableError:
        raise OutputError(
            f"{kind} cannot hold this picture's colour profile, which cannot be used; write TIFF or PNG"
        ) from None


def _for_format(pixels: NDArray[Any], metadata: Metadata, kind: Format) -> tuple[NDArray[Any], Metadata]:
    """Return pixels in as many channels as the format holds, and metadata with a profile that fits them."""
    if pixels.shape[2] == 4 and kind not in HOLD_ALPHA:
        pixels = np.where(pixels[..., 3:] > 0, pixels[..., :3], pixels.dtype.type(0))
    if pixels.shape[2] == 1 and kind not in HOLD_GREY:
        pixels = np.repeat(pixels, 3, axis=2)
    if pixels.shape[2] != 1 and is_grey(metadata.icc):
        colours = convert_profile(np.ascontiguousarray(pixels[..., :3]), metadata.icc, None)
        pixels = np.dstack([colours, pixels[..., 3:]]) if pixels.shape[2] == 4 else colours
        metadata = replace(metadata, icc=None)
    return pixels, metadata


def _checked(pixels: NDArray[Any]) -> NDArray[Any]:
    if isinstance(pixels, np.ndarray) and pixels.dtype in (np.float16, np.float64):
        pixels = pixels.astype(np.float32)
    three = isinstance(pixels, np.ndarray) and pixels.ndim == 3 and pixels.shape[2] in (1, 4)
    problem = rgb_problem(np.broadcast_to(pixels[..., :1], (*pixels.shape[:2], 3)) if three else pixels)
    if problem:
        raise OutputError(f"the pixels {problem}")
    if pixels.dtype.kind == "f" and not (np.isfinite(pixels.min()) and np.isfinite(pixels.max())):
        raise OutputError("the pixels hold values that are not finite numbers")
    return pixels
