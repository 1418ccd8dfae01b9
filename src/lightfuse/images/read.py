"""One picture read: from a path, standard input or bytes to upright RGB pixels and metadata."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from numpy.typing import NDArray

from lightfuse.errors import PictureError
from lightfuse.images.container import Container, Format, UnreadableError
from lightfuse.images.decode import decode, one_line
from lightfuse.images.heif_boxes import scan_avif, scan_heic
from lightfuse.images.jpeg_segments import scan_jpeg
from lightfuse.images.metadata import Metadata
from lightfuse.images.pixels import to_rgb, turn_upright
from lightfuse.images.png_chunks import scan_png
from lightfuse.images.raw import RawSettings, develop
from lightfuse.images.raw_scan import scan_raw, tiff_is_raw
from lightfuse.images.shot import ShotInfo, shot_info
from lightfuse.images.source import Source, has_raw_suffix, open_source, sniff_format, source_name
from lightfuse.images.tiff_read import scan_tiff
from lightfuse.images.webp_chunks import scan_webp


def _scan_jxl(stream: BinaryIO) -> Container:
    from lightfuse.images.jxl_boxes import scan_jxl  # A dozen modules that no other format needs.

    return scan_jxl(stream)


_SCANNERS: dict[Format, Callable[[BinaryIO], Container]] = {
    "JPEG": scan_jpeg,
    "PNG": scan_png,
    "TIFF": scan_tiff,
    "WebP": scan_webp,
    "AVIF": scan_avif,
    "JPEG XL": _scan_jxl,
    "HEIC": scan_heic,
    "RAW": scan_raw,
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a picture file's header tells.

    Attributes:
        width, height: in pixels, once upright; of a raw file 0 where only developing it would tell.
        format: the file's format.
        bit_depth: bits per sample as stored.
        shot: how the exposure was shot, as far as its EXIF says.
    """

    width: int
    height: int
    format: Format
    bit_depth: int
    shot: ShotInfo = field(default_factory=ShotInfo)


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


def read_picture(source: Source, *, raw: RawSettings | None = None, max_pixels: int = 500_000_000) -> Picture:
    """Read a JPEG, PNG, TIFF, WebP, AVIF, JPEG XL, HEIC (extra `heif`) or camera raw (extra `raw`) picture.

    8 bits are read as uint8; 10, 12 and 16 bits as uint16 over its full range; floats as float32. Grey becomes RGB. Of
    an animation or a TIFF with several pages the first is taken. Raw files are developed to 16-bit sRGB.

    Args:
        source: a path, ``"-"`` for standard input, or a file's bytes.
        raw: how raw files are developed: give all frames of a bracket the same, with the base exposure's white balance.
        max_pixels: a picture whose header claims more is refused before memory is taken for it.

    Raises:
        PictureError: the file is missing, damaged, cut short, too large, of a kind that cannot be fused, or needs an
            extra that is not installed.
    """
    name = source_name(source)
    try:
        with open_source(source) as stream:
            container = _scan(stream, source)
            _check_size(container, max_pixels)
            if container.format == "RAW":
                pixels: NDArray[Any] = develop(stream, raw or RawSettings(), max_pixels)
            else:
                pixels = _upright(decode(stream, container), container)
    except UnreadableError as error:
        raise PictureError(f"{name} {error}") from None
    except MemoryError:
        raise PictureError(f"{name} needs more memory than there is") from None
    return Picture(pixels, container.metadata, name, container.notes)


def _upright(decoded: NDArray[Any], container: Container) -> NDArray[Any]:
    if decoded.shape[:2] != (container.height, container.width):
        raise UnreadableError("is damaged: its pixels do not have the size its header claims")
    return turn_upright(to_rgb(decoded), container.orientation)


def probe_picture(source: Source) -> Header:
    """Read a picture's header without decoding a pixel.

    Raises:
        PictureError: the file is missing, or its header is damaged or not a picture's.
    """
    try:
        with open_source(source) as stream:
            container = _scan(stream, source)
    except UnreadableError as error:
        raise PictureError(f"{source_name(source)} {error}") from None
    width, height = container.width, container.height
    if container.orientation >= 5:
        width, height = height, width
    shot = shot_info(container.metadata, container.orientation)
    return Header(width, height, container.format, container.bit_depth, shot)


def _scan(stream: BinaryIO, source: Source) -> Container:
    kind = sniff_format(stream.read(32))
    if kind == "TIFF" and (has_raw_suffix(source) or tiff_is_raw(stream)):
        kind = "RAW"
    try:
        container = _SCANNERS[kind](stream)
    except (UnreadableError, MemoryError, OSError):
        raise
    except Exception as error:  # tifffile meets a broken file with nearly any exception there is.
        raise UnreadableError(f"is damaged: {one_line(error)}") from None
    if kind != "RAW" and (container.width < 1 or container.height < 1):
        raise UnreadableError("is damaged: its header claims a picture without pixels")
    return container


def _check_size(container: Container, max_pixels: int) -> None:
    if container.width * container.height > max_pixels:
        raise UnreadableError(
            f"claims {container.width:,} × {container.height:,} pixels, more than the {max_pixels:,} allowed; "
            "raise --max-pixels to read it"
        )
