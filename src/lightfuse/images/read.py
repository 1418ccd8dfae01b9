"""One picture read: from a path, standard input or bytes to upright RGB pixels and metadata."""

import logging
import os
import select
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO, TypeVar

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError
from lightfuse.images import raw
from lightfuse.images.colour import adobe_rgb_profile, is_grey
from lightfuse.images.exif import is_adobe_rgb
from lightfuse.images.heif import decode_avif, decode_heic, scan_heif
from lightfuse.images.jpeg import decode_jpeg, scan_jpeg
from lightfuse.images.jxl import decode_jxl, scan_jxl
from lightfuse.images.metadata import Format, Header, Picture, UnreadableError
from lightfuse.images.pixels import split, turn_upright
from lightfuse.images.png import decode_png, scan_png
from lightfuse.images.tiff import SEVERAL_PAGES, count_pages, decode_tiff, scan_tiff
from lightfuse.images.webp import decode_webp, scan_webp
from lightfuse.system import display_name

Source = str | os.PathLike[str] | bytes
"""Where a picture's bytes come from: a path, ``"-"`` for standard input, or bytes in memory."""

INPUT_SUFFIXES = raw.RAW_SUFFIXES | {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".tif", ".tiff", ".webp", ".avif", ".jxl", ".heic", ".heif",
    ".hif",
}  # fmt: skip
_SNIFF_BYTES = 32
_SECONDS_FOR_WRITER = 10.0  # How long a named pipe may wait for the program that writes to it
_STARTS: dict[Format, tuple[bytes, ...]] = {
    "JPEG": (b"\xff\xd8\xff",),
    "PNG": (b"\x89PNG\r\n\x1a\n",),
    "TIFF": (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"),
    "JPEG XL": (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n"),
}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}

T = TypeVar("T")

# The decoders log what they find odd; without a handler that would reach a person's terminal.
for _name in ("imagecodecs", "tifffile"):
    logging.getLogger(_name).addHandler(logging.NullHandler())


_SCANNERS: dict[Format, Callable[[BinaryIO], Header]] = {
    "JPEG": scan_jpeg, "PNG": scan_png, "TIFF": scan_tiff, "WebP": scan_webp, "JPEG XL": scan_jxl, "RAW": raw.scan_raw,
    "AVIF": partial(scan_heif, kind="AVIF"), "HEIC": partial(scan_heif, kind="HEIC"),
}  # fmt: skip
_DECODERS: dict[Format, Callable[[bytes, Header], NDArray[Any]]] = {
    "JPEG": decode_jpeg, "PNG": decode_png, "WebP": decode_webp, "AVIF": decode_avif, "HEIC": decode_heic,
}  # fmt: skip


def read_picture(
    source: Source,
    *,
    white_balance: raw.Gains | None = None,
    max_pixels: int = 500_000_000,
    white_level: float | None = None,
    transparent: bool = False,
) -> Picture:
    """Read a JPEG, PNG, TIFF, WebP, AVIF, JPEG XL (extra `jxl`), HEIC (extra `heif`) or camera raw (extra `raw`) file.

    8 bits are read as uint8; 10, 12 and 16 bits as uint16 over its full range; floats as float32, values above 1 taken
    as white. Grey becomes RGB. Of a PNG or WebP animation or a TIFF with several pages the first is taken. Raw files
    are developed to 16-bit sRGB. A file whose EXIF says Adobe RGB gets that profile.

    Args:
        source: a path, ``"-"`` for standard input, or a file's bytes.
        white_balance: of raw files: give all frames of a bracket the base exposure's, as `raw_white_balance` tells it;
            None is the file's own, so that frames shot with automatic white balance would differ.
        max_pixels: a picture whose header claims more is refused before memory is taken for it.
        white_level: the value that is white where it is not the largest of its type (4095 of 12 bits stored in 16).
        transparent: accept partly transparent pictures, and return their alpha.

    Raises:
        PictureError: the file is missing, damaged, truncated, too large, of a kind that cannot be fused, or needs an
            extra that is not installed.
    """
    with _opened(source) as stream:
        header = _scan(stream, source)
        raw.check_size(header.width, header.height, max_pixels)
        if header.format == "RAW":
            developed = raw.develop(stream, white_balance, max_pixels)
            return Picture(developed, source_name(source), header.metadata, header.shot, notes=header.notes)
        decoded, header = _guarded("its pixels cannot be decoded", lambda: _decode(stream, header))
        return _picture(decoded, header, source_name(source), white_level, transparent=transparent)


def read_pages(
    source: Source, *, max_pixels: int = 500_000_000, white_level: float | None = None
) -> list[Picture] | None:
    """Read every page of a TIFF that is as large as the first; None where there are not several.

    See `read_picture`. Transparent pages are accepted. Metadata is the first page's.

    Raises:
        PictureError: see `read_picture`; `max_pixels` holds for all pages together.
    """
    with _opened(source) as stream:
        header = _scan(stream, source)
        is_tiff = header.format == "TIFF"
        count = _guarded("its pages cannot be read", lambda: count_pages(stream)) if is_tiff else 1
        if count < 2:
            return None
        raw.check_size(header.width, header.height * count, max_pixels)
        pages = _guarded("its pixels cannot be decoded", lambda: decode_tiff(stream, every_page=True))
        notes = tuple(note for note in header.notes if note != SEVERAL_PAGES)
        header, name = replace(header, notes=notes), source_name(source)
        return [_picture(page, header, f"{name} (page {n})", white_level) for n, page in enumerate(pages, 1)]


def _picture(
    decoded: NDArray[Any], header: Header, name: str, white_level: float | None, *, transparent: bool = True
) -> Picture:
    if header.format != "HEIC" and decoded.shape[:2] != (header.height, header.width):
        raise UnreadableError("is damaged: its pixels do not have the size its header claims")
    pixels, alpha, notes = split(decoded, white_level, transparent=transparent)
    grey = decoded.ndim == 2 or decoded.shape[2] < 3
    metadata, notes = header.metadata, header.notes + notes
    if metadata.icc is not None and is_grey(metadata.icc) != grey:
        # Grey with a profile of RGB becomes RGB. The reverse is refused by the scanners that know of grey.
        grey = False
        if is_grey(metadata.icc):
            metadata = replace(metadata, icc=None)
    turned = turn_upright(pixels, header.orientation)
    if alpha is not None:
        alpha = turn_upright(np.ascontiguousarray(alpha), header.orientation)
    return Picture(turned, name, metadata, header.shot, alpha, grey, notes)


def probe_picture(source: Source) -> Header:
    """Read a picture's header without decoding a pixel.

    Raises:
        PictureError: the file is missing, or its header is damaged or not a picture's.
    """
    with _opened(source) as stream:
        return _scan(stream, source)


def raw_white_balance(source: Source) -> raw.Gains:
    """Return the camera's white balance of a raw file, daylight's where the camera wrote none.

    Args:
        source: a path, or a file's bytes.

    Raises:
        PictureError: the file cannot be read, is not a raw file, or the extra is not installed.
    """
    with _opened(source) as stream, raw.opened_raw(stream) as opened:
        return raw.white_balance(opened)


def read_raw_small(source: Source) -> NDArray[np.uint8]:
    """Return a raw file's picture at half its size, upright, H×W×3 uint8, to be looked at or compared.

    Raises:
        PictureError: the file cannot be read, is not a raw file, or the extra is not installed.
    """
    with _opened(source) as stream:
        return raw.develop_small(stream)


def source_name(source: Source) -> str:
    """Return what messages call a source."""
    if isinstance(source, bytes):
        return "the given data"
    return "standard input" if source == "-" else display_name(source)


@contextmanager
def _opened(source: Source) -> Iterator[BinaryIO]:
    """Open a source as a seekable binary stream; whatever cannot be read inside becomes a PictureError that names it.

    What does not begin like a picture is refused before it is read whole.
    """
    try:
        if isinstance(source, bytes):
            yield BytesIO(source)
        elif source == "-":
            yield _whole(sys.stdin.buffer)
        else:
            mode = os.stat(source).st_mode
            if stat.S_ISDIR(mode):
                raise UnreadableError("is a folder; give a picture file")
            if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
                raise UnreadableError("is a device; give a picture file")
            is_pipe = stat.S_ISFIFO(mode)
            with open(os.open(source, os.O_RDONLY | os.O_NONBLOCK) if is_pipe else source, "rb") as file:
                if is_pipe:
                    _wait_for_writer(file.fileno())
                yield file if file.seekable() else _whole(file)
    except UnreadableError as error:
        raise PictureError(f"{source_name(source)} {error}") from None
    except MemoryError:
        raise PictureError(f"{source_name(source)} needs more memory than there is") from None
    except FileNotFoundError:
        raise PictureError(f"{source_name(source)} does not exist; check the path") from None
    except (OSError, ValueError) as error:  # The latter: a path with a null character.
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{source_name(source)} cannot be read: {reason}") from None


def _wait_for_writer(pipe: int) -> None:
    """Wait, not for ever, for a program that writes to a named pipe that is open without blocking; let it block."""
    if not select.select([pipe], [], [], _SECONDS_FOR_WRITER)[0]:
        with suppress(BlockingIOError):  # A program is there, but has written nothing so far.
            if not os.read(pipe, 1):
                raise UnreadableError("is a pipe that no program writes to; give a picture file")
    os.set_blocking(pipe, True)


def _whole(pipe: BinaryIO) -> BinaryIO:
    """Read a pipe to its end, unless its beginning already shows that it is not a picture."""
    head = pipe.read(_SNIFF_BYTES)
    sniff_format(head)
    return BytesIO(head + pipe.read())


def sniff_format(head: bytes) -> Format:
    """Tell a picture's format from its first 32 bytes; a raw file built like a TIFF is told to be a TIFF.

    Raises:
        UnreadableError: it is empty, or not in a format that can be read.
    """
    for kind, starts in _STARTS.items():
        if head.startswith(starts):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if raw.starts_like_raw(head):
        return "RAW"
    if head[4:8] == b"ftyp":
        brands = {head[at : at + 4] for at in (8, *range(16, len(head), 4))}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    if not head:
        raise UnreadableError("is empty")
    raise UnreadableError(
        "is not a picture that can be read; give a JPEG, PNG, TIFF, WebP, AVIF, JPEG XL, HEIC or camera raw file"
    )


def _scan(stream: BinaryIO, source: Source) -> Header:
    kind = sniff_format(stream.read(_SNIFF_BYTES))
    raw_name = not isinstance(source, bytes) and os.path.splitext(os.fspath(source))[1].lower() in raw.RAW_SUFFIXES
    if kind == "TIFF" and (raw_name or raw.tiff_is_raw(stream)):
        kind = "RAW"
    header = _guarded("its header cannot be read", lambda: _SCANNERS[kind](stream))
    metadata = header.metadata
    if kind not in ("RAW", "JPEG XL") and metadata.icc is None and metadata.exif and is_adobe_rgb(metadata.exif):
        header = replace(header, metadata=replace(metadata, icc=adobe_rgb_profile()))
    if kind != "RAW" and (header.width < 1 or header.height < 1):
        raise UnreadableError("is damaged: its header claims a picture without pixels")
    return header


def _decode(stream: BinaryIO, header: Header) -> tuple[NDArray[Any], Header]:
    """Return the stored pixels (H×W or H×W×channels; uint8, uint16 over its full range, or float), and the header."""
    if header.format == "TIFF":
        return decode_tiff(stream)[0], header
    if header.format == "JPEG XL":
        pixels, icc = decode_jxl(stream)
        return pixels, replace(header, metadata=replace(header.metadata, icc=icc))
    stream.seek(0)
    data = stream.getvalue() if isinstance(stream, BytesIO) else stream.read()
    return _DECODERS[header.format](data, header), header


def _guarded(fault: str, work: Callable[[], T]) -> T:
    """Return what `work` returns; whatever a decoder raises for broken data becomes an UnreadableError.

    What decoders say is not repeated: it may be bytes of the file.
    """
    try:
        return work()
    except (UnreadableError, MemoryError, OSError):
        raise
    except Exception:  # imagecodecs and tifffile meet broken data with nearly any exception there is.
        raise UnreadableError(f"is damaged: {fault}") from None
