"""Where a picture's bytes come from: a path, standard input, or bytes in memory."""

import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import BinaryIO

from lightfuse.errors import PictureError
from lightfuse.images.container import Format, UnreadableError
from lightfuse.images.raw_scan import RAW_SUFFIXES, starts_like_raw

Source = str | os.PathLike[str] | bytes

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SNIFF_BYTES = 32
_JXL_STARTS = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
_OTHERS = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"8BPS": "a Photoshop file",
    b"%PDF": "a PDF",
    b"v/1\x01": "an OpenEXR file",
    b"#?RADIANCE": "a Radiance HDR file",
}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_AVIF_BRANDS = {b"avif", b"avis"}

INPUT_SUFFIXES = RAW_SUFFIXES | {
    ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".avif", ".jxl", ".heic", ".heif", ".hif",
}  # fmt: skip


def display_name(path: str | os.PathLike[str]) -> str:
    """Return a path as it may stand in a message: as it is, or escaped if it would break the line."""
    text = os.fspath(path)
    return text if text.isprintable() and text else repr(text)


def source_name(source: Source) -> str:
    """Return what messages call a source."""
    if isinstance(source, bytes):
        return "the given data"
    return "standard input" if source == "-" else display_name(source)


@contextmanager
def open_source(source: Source) -> Iterator[BinaryIO]:
    """Open a source as a seekable binary stream; what does not begin like a picture is refused before it is read whole.

    Raises:
        PictureError: the source is missing, a folder or a device, or cannot be read.
        UnreadableError: the source is empty or not a picture.
    """
    if isinstance(source, bytes):
        yield BytesIO(source)
        return
    if source == "-":
        yield _whole(sys.stdin.buffer)
        return
    _check_file(source)
    try:
        with open(source, "rb") as file:
            yield file if file.seekable() else _whole(file)
    except OSError as error:
        raise PictureError(f"{source_name(source)} cannot be read: {error.strerror or error}") from None


def _check_file(path: str | os.PathLike[str]) -> None:
    name = source_name(path)
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        raise PictureError(f"{name} does not exist; check the path") from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise PictureError(f"{name} cannot be read: {reason}") from None
    if stat.S_ISDIR(mode):
        raise PictureError(f"{name} is a folder; give a picture file")
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        raise PictureError(f"{name} is a device; give a picture file")


def _whole(pipe: BinaryIO) -> BinaryIO:
    """Read a pipe to its end, unless its beginning already shows that it is no picture."""
    head = pipe.read(_SNIFF_BYTES)
    sniff_format(head)
    return BytesIO(head + pipe.read())


def sniff_format(head: bytes) -> Format:
    """Tell a picture's format from its first 32 bytes; a raw file built like a TIFF is told to be a TIFF.

    Raises:
        UnreadableError: it is empty, or not in a format that can be read.
    """
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "PNG"
    if head[:4] in _TIFF_STARTS:
        return "TIFF"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head.startswith(_JXL_STARTS):
        return "JPEG XL"
    if starts_like_raw(head):
        return "RAW"
    if head[4:8] == b"ftyp":
        brands = {head[at : at + 4] for at in (8, *range(16, len(head), 4))}
        if brands & _AVIF_BRANDS:
            return "AVIF"
        if brands & _HEIC_BRANDS:
            return "HEIC"
    if not head:
        raise UnreadableError("is empty")
    kind = next((name for start, name in _OTHERS.items() if head.startswith(start)), None)
    what = f"{kind}, which cannot be read here" if kind else "not a picture"
    raise UnreadableError(f"is {what}; give a JPEG, PNG, TIFF, WebP, AVIF, JPEG XL, HEIC or camera raw file")


def has_raw_suffix(source: Source) -> bool:
    """Tell whether a path is named like a camera raw file."""
    return not isinstance(source, bytes) and os.path.splitext(os.fspath(source))[1].lower() in RAW_SUFFIXES
