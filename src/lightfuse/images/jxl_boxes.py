"""JPEG XL files (ISO/IEC 18181-2): the header and metadata read from their boxes and written to them."""

import struct
import sys
from dataclasses import dataclass
from typing import BinaryIO

from lightfuse.images.cicp import rgb_profile
from lightfuse.images.container import Container, UnreadableError, read_exactly
from lightfuse.images.isobmff import Box, file_boxes, read_box
from lightfuse.images.jxl_header import (
    GREY,
    HLG_CURVE,
    LINEAR_CURVE,
    PQ_CURVE,
    SIGNATURE,
    Colour,
    JxlHeader,
    read_jxl_header,
)
from lightfuse.images.jxl_icc_read import read_icc
from lightfuse.images.metadata import Metadata, make_upright

CONTAINER_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_HEADER_BYTES, _PROFILE_BYTES = 1 << 12, 1 << 22
_FIELDS = {b"Exif": "exif", b"xml ": "xmp"}
_HDR = {PQ_CURVE: "PQ", HLG_CURVE: "HLG"}
_DCI_CURVE = 17


@dataclass(frozen=True, slots=True)
class JxlStart:
    """How a file's codestream starts: its header, the ICC profile that follows it, and the bit where both end."""

    header: JxlHeader
    icc: bytes | None
    end: int


def scan_jxl(stream: BinaryIO) -> Container:
    """Read a JPEG XL's header and metadata, stepping over its pixels.

    Raises:
        UnreadableError: the file is damaged or cut short, or shows high dynamic range.
    """
    boxes = _boxes(stream)
    start = read_start(stream, boxes)
    header = start.header
    notes: tuple[str, ...] = ("it is an animation, of which the first frame was taken",) if header.animated else ()
    found = {"icc": start.icc if header.colour.icc else _profile(header.colour), "exif": None, "xmp": None}
    for box in boxes:
        kind, body = _metadata_box(stream, box)
        if kind == b"Exif" and body:
            body = body[4 + int.from_bytes(body[:4], "big") :]
        if kind in _FIELDS and body:
            found[_FIELDS[kind]] = found[_FIELDS[kind]] or body
    metadata, _, more = make_upright(Metadata(**found))
    depth = header.bits
    return Container("JPEG XL", header.width, header.height, depth, header.orientation, metadata, notes + more)


def _boxes(stream: BinaryIO) -> list[Box]:
    stream.seek(0)
    return list(file_boxes(stream)) if stream.read(12) == CONTAINER_SIGNATURE else []


def read_start(stream: BinaryIO, boxes: list[Box] | None = None) -> JxlStart:
    """Read the beginning of a file's codestream.

    Raises:
        UnreadableError: it is damaged or cut short.
    """
    boxes = _boxes(stream) if boxes is None else boxes
    header = read_jxl_header(_head(stream, boxes, _HEADER_BYTES))
    if not header.colour.icc:
        return JxlStart(header, None, header.end)
    icc, end = read_icc(_head(stream, boxes, _PROFILE_BYTES)[len(SIGNATURE) :], header)
    return JxlStart(header, icc, end)


def read_codestream(stream: BinaryIO) -> bytes:
    """Return a file's whole codestream."""
    return _head(stream, _boxes(stream), sys.maxsize)


def _head(stream: BinaryIO, boxes: list[Box], count: int) -> bytes:
    """Return the first bytes of the codestream, which may stand alone, in one box, or spread over several."""
    if not boxes:
        stream.seek(0)
        return stream.read(count if count < sys.maxsize else -1)
    parts = []
    for box in boxes:
        skipped = {b"jxlc": 0, b"jxlp": 4}.get(box.kind)
        if skipped is not None and count > 0:
            stream.seek(box.start + skipped)
            parts.append(read_exactly(stream, min(box.end - box.start - skipped, count)))
            count -= len(parts[-1])
    return b"".join(parts)


def _metadata_box(stream: BinaryIO, box: Box) -> tuple[bytes, bytes | None]:
    """Return the kind and contents of a metadata box, unpacked if it is compressed; contents None for other boxes."""
    if box.kind in _FIELDS:
        return box.kind, read_box(stream, box)
    if box.kind != b"brob":
        return box.kind, None
    import imagecodecs

    packed = read_box(stream, box)
    if packed[:4] not in _FIELDS:
        return packed[:4], None
    try:
        return packed[:4], bytes(imagecodecs.brotli_decode(packed[4:]))
    except Exception:  # Metadata that cannot be unpacked is no reason to refuse the picture.
        return packed[:4], None


def _profile(colour: Colour) -> bytes | None:
    if colour.curve in _HDR:
        raise UnreadableError(f"is an HDR picture ({_HDR[colour.curve]}); convert it to sRGB first")
    gamma = {LINEAR_CURVE: 1.0, _DCI_CURVE: 2.6}.get(colour.curve or 0)
    if colour.gamma:
        gamma = 1 / colour.gamma
    if colour.space == GREY:
        return None if gamma is None else rgb_profile(gamma=gamma)
    if colour.white is None and colour.primaries is None and gamma is None:
        return None
    given = {"white": colour.white, "primaries": colour.primaries, "gamma": gamma}
    return rgb_profile(**{name: value for name, value in given.items() if value is not None})


def wrap(codestream: bytes, metadata: Metadata, *, level_10: bool) -> bytes:
    """Return a codestream as a JPEG XL file with EXIF and XMP; `level_10` tells decoders that it asks more of them."""
    if not (metadata.exif or metadata.xmp or level_10):
        return codestream
    parts = [CONTAINER_SIGNATURE, _box(b"ftyp", b"jxl \0\0\0\0jxl ")]
    if level_10:
        parts.append(_box(b"jxll", b"\x0a"))
    if metadata.exif:
        parts.append(_box(b"Exif", bytes(4) + metadata.exif))
    if metadata.xmp:
        parts.append(_box(b"xml ", metadata.xmp))
    parts += [struct.pack(">I4s", len(codestream) + 8, b"jxlc"), codestream]
    return b"".join(parts)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body
