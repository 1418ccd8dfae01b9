"""PNG chunks (W3C PNG specification, third edition): the header and metadata read from them and written to them."""

import struct
import zlib
from typing import BinaryIO

from lightfuse.images.container import Container, UnreadableError, read_exactly
from lightfuse.images.metadata import Metadata, make_upright
from lightfuse.images.photoshop import IPTC_START, iptc_of_resources, resources_of_iptc

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_IPTC_KEYWORD = b"Raw profile type iptc"  # The convention of ImageMagick and ExifTool: Photoshop's resources in hex.
_KEPT = frozenset({b"eXIf", b"iCCP", b"iTXt", b"tEXt", b"zTXt"})
_MAX_INFLATED = 1 << 26
_AFTER_HEADER = len(SIGNATURE) + 25  # IHDR: length, type, 13 bytes, CRC.


def scan_png(stream: BinaryIO) -> Container:
    """Read a PNG's header and metadata, stepping over its pixels.

    Raises:
        UnreadableError: the file is damaged or cut short.
    """
    stream.seek(len(SIGNATURE))
    length, kind = struct.unpack(">I4s", read_exactly(stream, 8))
    if kind != b"IHDR" or length != 13:
        raise UnreadableError("is damaged: it is a PNG without its header")
    width, height, bit_depth = struct.unpack(">IIB", read_exactly(stream, 13)[:9])
    stream.seek(4, 1)
    found: dict[str, bytes] = {}
    notes: tuple[str, ...] = ()
    while True:
        length, kind = struct.unpack(">I4s", read_exactly(stream, 8))
        if kind in _KEPT:
            body = read_exactly(stream, length)
            whole = read_exactly(stream, 4) == struct.pack(">I", zlib.crc32(kind + body))
            block = _block(kind, body) if whole else None
            if block is not None:
                found.setdefault(*block)
        elif kind == b"IEND":
            read_exactly(stream, 4)
            break
        else:
            if kind == b"acTL":
                notes = ("it is an animation, of which the still picture was taken",)
            stream.seek(length + 3, 1)
            read_exactly(stream, 1)
    metadata, orientation, more = make_upright(Metadata(**found))
    return Container("PNG", width, height, bit_depth, orientation, metadata, notes + more)


def _block(kind: bytes, body: bytes) -> tuple[str, bytes] | None:
    """Return which field of Metadata a chunk holds, and its bytes; None for a chunk of no interest or in disorder."""
    if kind == b"eXIf":
        return "exif", body
    if kind == b"iCCP":
        icc = _inflate(body.partition(b"\0")[2][1:])
        return ("icc", icc) if icc else None
    keyword, _, rest = body.partition(b"\0")
    if kind in (b"tEXt", b"zTXt"):
        iptc = _iptc(rest if kind == b"tEXt" else _inflate(rest[1:])) if keyword == _IPTC_KEYWORD else None
        return ("iptc", iptc) if iptc else None
    if keyword != _XMP_KEYWORD or len(rest) < 2:
        return None
    text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
    xmp = _inflate(text) if rest[0] else text
    return ("xmp", xmp) if xmp else None


def _iptc(text: bytes | None) -> bytes | None:
    """Return the IPTC records written as a line with their kind, a line with their length, and hexadecimal digits."""
    try:
        data = bytes.fromhex(b"".join((text or b"").split()[2:]).decode("ascii"))
    except ValueError:
        return None
    return data if data.startswith(IPTC_START) else iptc_of_resources(data)


def _inflate(data: bytes) -> bytes | None:
    """Decompress zlib data; None where it is broken, or grows beyond all reason."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, _MAX_INFLATED)
    except zlib.error:
        return None
    return inflated if stream.eof else None


def insert_metadata(png: bytes, metadata: Metadata) -> bytes:
    """Return the PNG file with its ICC profile, EXIF, XMP and IPTC in chunks after its header."""
    chunks = bytearray()
    if metadata.icc:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if metadata.exif:
        chunks += _chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        chunks += _chunk(b"iTXt", _XMP_KEYWORD + bytes(5) + metadata.xmp)
    if metadata.iptc:
        resources = resources_of_iptc(metadata.iptc)
        text = b"\niptc\n%8d\n%b\n" % (len(resources), resources.hex().encode())
        chunks += _chunk(b"zTXt", _IPTC_KEYWORD + b"\0\0" + zlib.compress(text))
    return b"".join([png[:_AFTER_HEADER], chunks, memoryview(png)[_AFTER_HEADER:]]) if chunks else png


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
