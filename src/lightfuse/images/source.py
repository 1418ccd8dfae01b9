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

Source = str | os.PathLike[str] | bytes

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_SNIFF_BYTES = 32
_OTHERS = {
    b"GIF8": "a GIF",
    b"BM": "a BMP",
    b"8BPS": "a Photoshop file",
    b"%PDF": "a PDF",
    b"v/1\x01": "an OpenEXR file",
    b"\xff\x0a": "a JPEG XL",
    b"FUJIFILM": "a camera raw file",
    b"#?RADIANCE": "a Radiance HDR file",
}
_BOXES = {
    b"ftypavif": "an AVIF",
    b"ftypheic": "a HEIC",
    b"ftypheix": "a HEIC",
    b"ftypmif1": "a HEIC",
    b"ftypcrx ": "a camera raw file",
    b"JXL \r\n\x87\n": "a JPEG XL",
}


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
    """Tell a picture's format from its first 32 bytes.

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
    if not head:
        raise UnreadableError("is empty")
    kind = next((name for start, name in _OTHERS.items() if head.startswith(start)), None) or _BOXES.get(head[4:12])
    what = f"{kind}, which cannot be read here" if kind else "not a picture"
    raise UnreadableError(f"is {what}; give a JPEG, PNG, TIFF or WebP")
