"""WebP files (WebP Container Specification): RIFF chunks with header and metadata read and written, pixels encoded."""

import struct
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.exif import PREFIX
from lightfuse.images.metadata import Header, Metadata, MetadataBudget, Parts, UnreadableError, read_exactly
from lightfuse.images.options import EncodeOptions
from lightfuse.images.pixels import to_depth

_ICC_FLAG, _EXIF_FLAG, _XMP_FLAG, _ANIMATION_FLAG = 0x20, 0x08, 0x04, 0x02
_METADATA = {b"ICCP": "icc", b"EXIF": "exif", b"XMP ": "xmp"}


def scan_webp(stream: BinaryIO) -> Header:
    """Read a WebP's header and metadata, skipping its pixels."""
    end = stream.seek(0, 2)
    stream.seek(4)
    riff_end = 8 + int.from_bytes(read_exactly(stream, 4), "little")
    if end < riff_end:
        raise UnreadableError
    size: tuple[int, int] | None = None
    found: dict[str, Any] = {}
    budget = MetadataBudget()
    notes: tuple[str, ...] = ()
    at = 12
    while at + 8 <= riff_end:
        stream.seek(at)
        kind, length = struct.unpack("<4sI", read_exactly(stream, 8))
        if kind in _METADATA and _METADATA[kind] not in found:
            budget.spend(length)
            found[_METADATA[kind]] = read_exactly(stream, length)
        elif size is None and kind in (b"VP8X", b"VP8 ", b"VP8L"):
            head = read_exactly(stream, 10 if length >= 10 else length)
            size = _size(kind, head)
            if kind == b"VP8X" and head[0] & _ANIMATION_FLAG:
                notes = ("it is an animation, of which the first frame was taken",)
        at += 8 + length + length % 2
    if size is None:
        raise UnreadableError("is damaged: it is a WebP without a frame header")
    if "exif" in found:
        found["exif"] = found["exif"].removeprefix(PREFIX)
    return Header.of("WebP", size, 8, Metadata(**found), notes)


def _size(kind: bytes, head: bytes) -> tuple[int, int]:
    """Return the width and height that a canvas (VP8X), lossy (VP8) or lossless (VP8L) chunk's first bytes tell."""
    if len(head) == 10 and kind == b"VP8X":
        return 1 + int.from_bytes(head[4:7], "little"), 1 + int.from_bytes(head[7:10], "little")
    if len(head) == 10 and kind == b"VP8 " and head[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", head[6:])
        return width & 0x3FFF, height & 0x3FFF
    if len(head) >= 5 and kind == b"VP8L" and head[0] == 0x2F:
        bits = int.from_bytes(head[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    raise UnreadableError("is damaged: its WebP header is truncated")


def decode_webp(data: bytes, _: Header) -> NDArray[Any]:
    """Decode a WebP's picture, or the first frame: H×W×3 or 4, uint8."""
    import imagecodecs

    return np.asarray(imagecodecs.webp_decode(data, index=0))


def encode_webp(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions) -> Parts:
    """Encode H×W×3 pixels, rounded to 8 bits, as a WebP with its ICC profile, EXIF and XMP."""
    import imagecodecs

    height, width, _ = pixels.shape
    levels = np.ascontiguousarray(to_depth(pixels, 8))
    webp = bytes(imagecodecs.webp_encode(levels, level=options.quality, lossless=options.lossless))
    blocks = (metadata.icc, _ICC_FLAG), (metadata.exif, _EXIF_FLAG), (metadata.xmp, _XMP_FLAG)
    flags = sum(flag for block, flag in blocks if block)
    if not flags:
        return [webp]
    # What the encoder wrote (one opaque VP8 or VP8L chunk) becomes an extended file.
    canvas = struct.pack("<I", flags) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    before = _chunk(b"VP8X", canvas) + _chunk(b"ICCP", metadata.icc)
    after = _chunk(b"EXIF", metadata.exif) + _chunk(b"XMP ", metadata.xmp)
    size = 4 + len(before) + len(webp) - 12 + len(after)
    return [b"RIFF" + struct.pack("<I", size) + b"WEBP" + before, memoryview(webp)[12:], after]


def _chunk(kind: bytes, body: bytes | None) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + bytes(len(body) % 2) if body else b""
