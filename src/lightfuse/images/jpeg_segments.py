"""JPEG segments (ITU-T T.81, annex B): the header and metadata read from them and written to them."""

import re
import struct
from collections.abc import Iterator
from typing import BinaryIO

from lightfuse.images import exif as exif_blocks
from lightfuse.images import photoshop as photoshop_resources
from lightfuse.images.container import CUT_SHORT, Container, UnreadableError, read_exactly
from lightfuse.images.ifd import IfdError
from lightfuse.images.metadata import Metadata, make_upright

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOS, _APP0, _APP1, _APP2, _APP13 = 0xDA, 0xE0, 0xE1, 0xE2, 0xED
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 … SOF15 without DHT, JPG and DAC.
_BARE = frozenset({0x01, 0xD8, *range(0xD0, 0xD8)})  # Markers without a length: TEM, SOI, RST0 … RST7.
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_PADDING = re.compile(rb"\s+(<\?xpacket end)")
_ICC = b"ICC_PROFILE\0"
_MAX_PAYLOAD = 0xFFFF - 2
_MAX_FILL = 1 << 16


def scan_jpeg(stream: BinaryIO) -> Container:
    """Read a JPEG's header, up to where its compressed pixels begin.

    Raises:
        UnreadableError: the header is damaged or cut short.
    """
    frame: tuple[int, int, int, int] | None = None
    exif = xmp = None
    photoshop = b""
    icc_parts: dict[int, bytes] = {}
    icc_count = 0
    for marker, payload in _segments(stream):
        if marker in _FRAMES and frame is None and len(payload) >= 6:
            frame = struct.unpack(">BHHB", payload[:6])
        elif marker == _APP1 and payload.startswith(exif_blocks.PREFIX) and exif is None:
            exif = payload[len(exif_blocks.PREFIX) :]
        elif marker == _APP1 and payload.startswith(_XMP) and xmp is None:
            xmp = payload[len(_XMP) :]
        elif marker == _APP2 and payload.startswith(_ICC) and len(payload) > len(_ICC) + 2:
            number, icc_count = payload[len(_ICC)], payload[len(_ICC) + 1]
            icc_parts[number] = payload[len(_ICC) + 2 :]
        elif marker == _APP13 and payload.startswith(photoshop_resources.PREFIX):
            photoshop += payload[len(photoshop_resources.PREFIX) :]
    if frame is None:
        raise UnreadableError("is damaged: it is a JPEG without a frame header")
    notes: tuple[str, ...] = ()
    icc = None
    if icc_parts and sorted(icc_parts) == list(range(1, icc_count + 1)):
        icc = b"".join(icc_parts[number] for number in sorted(icc_parts))
    elif icc_parts:
        notes = ("its colour profile is incomplete and was left out",)
    iptc = photoshop_resources.iptc_of_resources(photoshop)
    bit_depth, height, width, channels = frame
    metadata, orientation, more = make_upright(Metadata(icc=icc, exif=exif, xmp=xmp, iptc=iptc))
    return Container(
        "JPEG", width, height, bit_depth, orientation, metadata, notes + more, channels, scan_offset=stream.tell()
    )


def _segments(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the marker and payload of each segment (payloads of no interest empty) until the first scan begins."""
    stream.seek(len(_SOI))
    while True:
        marker = _next_marker(stream)
        if marker in _BARE:
            continue
        if marker == _EOI[1]:
            raise UnreadableError("is damaged: it is a JPEG without pixels")
        length = int.from_bytes(read_exactly(stream, 2), "big") - 2
        if length < 0:
            raise UnreadableError("is damaged: one of its JPEG segments has no length")
        payload = read_exactly(stream, length)
        if marker == _SOS:
            return
        yield marker, payload


def _next_marker(stream: BinaryIO) -> int:
    if read_exactly(stream, 1) != b"\xff":
        raise UnreadableError("is damaged: its JPEG header breaks off")
    for _ in range(_MAX_FILL):  # Any number of 0xFF may fill the space before a marker.
        code = read_exactly(stream, 1)[0]
        if code != 0xFF:
            return code
    raise UnreadableError("is damaged: its JPEG header breaks off")


def check_complete(data: bytes, container: Container) -> None:
    """Raise UnreadableError where a JPEG's end marker is missing: libjpeg would paint the missing part grey.

    Inside compressed pixels 0xFF is always followed by 0x00 or a restart marker, so 0xFFD9 after the first scan's start
    can only be the end marker.
    """
    if not data.endswith(_EOI) and data.find(_EOI, container.scan_offset) < 0:
        raise UnreadableError(CUT_SHORT)


def insert_metadata(jpeg: bytes, metadata: Metadata) -> bytes:
    """Return the JPEG file with EXIF, XMP, the ICC profile and IPTC in APP1, APP2 and APP13 segments.

    An EXIF block too large for its one segment (64 kB) is written without its maker note, XMP without the blanks that
    pad it; EXIF and XMP still too large, and IPTC too large, cannot be held by a JPEG and are left out.
    """
    segments = bytearray()
    exif = _fitting_exif(metadata.exif)
    if exif:
        segments += _segment(_APP1, exif_blocks.PREFIX + exif)
    xmp = metadata.xmp
    if xmp and len(_XMP) + len(xmp) > _MAX_PAYLOAD:
        xmp = _XMP_PADDING.sub(rb"\n\1", xmp)
    if xmp and len(_XMP) + len(xmp) <= _MAX_PAYLOAD:
        segments += _segment(_APP1, _XMP + xmp)
    if metadata.icc:
        room = _MAX_PAYLOAD - len(_ICC) - 2
        parts = [metadata.icc[start : start + room] for start in range(0, len(metadata.icc), room)]
        if len(parts) <= 255:
            for number, part in enumerate(parts, start=1):
                segments += _segment(_APP2, _ICC + bytes([number, len(parts)]) + part)
    if metadata.iptc:
        iptc = photoshop_resources.PREFIX + photoshop_resources.resources_of_iptc(metadata.iptc)
        segments += _segment(_APP13, iptc) if len(iptc) <= _MAX_PAYLOAD else b""
    if not segments:
        return jpeg
    at = len(_SOI)
    if jpeg[at : at + 2] == bytes([0xFF, _APP0]):  # JFIF wants its APP0 first.
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return b"".join([jpeg[:at], segments, memoryview(jpeg)[at:]])


def _fitting_exif(exif: bytes | None) -> bytes | None:
    room = _MAX_PAYLOAD - len(exif_blocks.PREFIX)
    if exif is None or len(exif) <= room:
        return exif
    try:
        smaller = exif_blocks.without_maker_note(exif)
    except IfdError:
        return None
    return smaller if smaller is not None and len(smaller) <= room else None


def _segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
