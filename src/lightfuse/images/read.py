"""One picture read: from a path, standard input or bytes to upright RGB pixels and metadata."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError
from lightfuse.images.container import Container, Format, UnreadableError
from lightfuse.images.jpeg_segments import check_complete, scan_jpeg
from lightfuse.images.metadata import Metadata
from lightfuse.images.pixels import to_rgb, turn_upright, twelve_to_sixteen_bits
from lightfuse.images.png_chunks import scan_png
from lightfuse.images.source import Source, open_source, sniff_format, source_name
from lightfuse.images.tiff_read import decode_tiff, scan_tiff
from lightfuse.images.webp_chunks import scan_webp

_SCANNERS: dict[Format, Callable[[BinaryIO], Container]] = {
    "JPEG": scan_jpeg,
    "PNG": scan_png,
    "TIFF": scan_tiff,
    "WebP": scan_webp,
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture file's header tells: size in pixels once upright, format, and bits per sample as stored."""

    width: int
    height: int
    format: Format
    bit_depth: int


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture.

    Attributes:
        pixels: H×W×3 RGB, uint8, uint16 or float32 in [0, 1], C-contiguous, upright.
        metadata: the file's metadata, true for these pixels.
        name: what messages call the picture.
        notes: what a person may want to know of how it was read, each a clause ("its EXIF is corrupt and left out").
    """

    pixels: NDArray[Any]
    metadata: Metadata
    name: str
    notes: tuple[str, ...] = ()


def read_picture(source: Source, *, max_pixels: int = 500_000_000) -> Picture:
    """Read a JPEG, PNG, TIFF or WebP picture.

    8 bits are read as uint8; 12 and 16 bits as uint16; float TIFFs as float32. Grey becomes RGB. Of an animation or a
    TIFF with several pages the first is taken.

    Args:
        source: a path, ``"-"`` for standard input, or a file's bytes.
        max_pixels: a picture whose header claims more is refused before memory is taken for it.

    Raises:
        PictureError: the file is missing, damaged, cut short, too large, or of a kind that cannot be fused.
    """
    name = source_name(source)
    try:
        with open_source(source) as stream:
            container = _scan(stream)
            _check_size(container, max_pixels)
            decoded = _decode(stream, container)
        if decoded.shape[:2] != (container.height, container.width):
            raise UnreadableError("is damaged: its pixels do not have the size its header claims")
        pixels = turn_upright(to_rgb(decoded), container.orientation)
    except UnreadableError as error:
        raise PictureError(f"{name} {error}") from None
    except MemoryError:
        raise PictureError(f"{name} needs more memory than there is") from None
    return Picture(pixels, container.metadata, name, container.notes)


def probe_picture(source: Source) -> Header:
    """Read a picture's header without decoding a pixel.

    Raises:
        PictureError: the file is missing, or its header is damaged or not a picture's.
    """
    try:
        with open_source(source) as stream:
            container = _scan(stream)
    except UnreadableError as error:
        raise PictureError(f"{source_name(source)} {error}") from None
    width, height = container.width, container.height
    if container.orientation >= 5:
        width, height = height, width
    return Header(width, height, container.format, container.bit_depth)


def _scan(stream: BinaryIO) -> Container:
    scanner = _SCANNERS[sniff_format(stream.read(32))]
    try:
        container = scanner(stream)
    except (UnreadableError, MemoryError, OSError):
        raise
    except Exception as error:  # tifffile meets a broken file with nearly any exception there is.
        raise UnreadableError(f"is damaged: {_one_line(error)}") from None
    if container.width < 1 or container.height < 1:
        raise UnreadableError("is damaged: its header claims a picture without pixels")
    return container


def _check_size(container: Container, max_pixels: int) -> None:
    if container.width * container.height > max_pixels:
        raise UnreadableError(
            f"claims {container.width:,} × {container.height:,} pixels, more than the {max_pixels:,} allowed; "
            "raise --max-pixels to read it"
        )


def _decode(stream: BinaryIO, container: Container) -> NDArray[Any]:
    """Return the stored pixels as the decoder gives them: H×W or H×W×channels."""
    try:
        if container.format == "TIFF":
            return decode_tiff(stream)
        stream.seek(0)
        data = stream.getvalue() if isinstance(stream, BytesIO) else stream.read()
        return _decode_bytes(data, container)
    except (UnreadableError, MemoryError, OSError):
        raise
    except Exception as error:  # imagecodecs and tifffile meet broken data with nearly any exception there is.
        raise UnreadableError(f"is damaged: {_one_line(error)}") from None


def _decode_bytes(data: bytes, container: Container) -> NDArray[Any]:
    import imagecodecs

    decoded: NDArray[Any]
    if container.format == "JPEG":
        if container.channels not in (1, 3):
            raise UnreadableError("is CMYK; convert it to RGB")
        if container.bit_depth not in (8, 12):
            raise UnreadableError(f"is a JPEG of {container.bit_depth} bits per sample; convert it to 8 bits")
        check_complete(data, container)
        decoded = imagecodecs.jpeg8_decode(data)
        return twelve_to_sixteen_bits(decoded) if decoded.dtype == np.uint16 else decoded
    decoded = imagecodecs.png_decode(data) if container.format == "PNG" else imagecodecs.webp_decode(data, index=0)
    return decoded


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
