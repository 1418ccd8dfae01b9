"""What the header of a picture file tells, the same for every format."""

from dataclasses import dataclass
from typing import BinaryIO, Literal

from lightfuse.images.metadata import Metadata

Format = Literal["JPEG", "PNG", "TIFF", "WebP", "AVIF", "JPEG XL", "HEIC", "RAW"]

CUT_SHORT = "is cut short: part of the file is missing, copy it again"


class UnreadableError(Exception):
    """A picture cannot be read; the text completes a sentence that starts with the picture's name."""


@dataclass(frozen=True, slots=True)
class Container:
    """A picture file's header.

    Attributes:
        format: the file's format.
        width, height: in pixels, as stored (before the orientation is applied).
        bit_depth: bits per sample as stored.
        orientation: EXIF orientation, 1 to 8.
        metadata: the file's metadata, already true for upright RGB pixels.
        notes: what a person may want to know of how the file was read, each a clause.
        channels: samples per pixel, 0 where the header does not say.
        scan_offset: where a JPEG's compressed pixels begin; 0 for other formats.
    """

    format: Format
    width: int
    height: int
    bit_depth: int
    orientation: int
    metadata: Metadata
    notes: tuple[str, ...] = ()
    channels: int = 0
    scan_offset: int = 0


def read_exactly(stream: BinaryIO, count: int) -> bytes:
    """Read `count` bytes; raise UnreadableError where the file ends before."""
    data = stream.read(count)
    if len(data) < count:
        raise UnreadableError(CUT_SHORT)
    return data
