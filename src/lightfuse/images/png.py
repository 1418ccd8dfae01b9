"""PNG files (W3C PNG specification, third edition): chunks with header and metadata read and written, pixels coded."""

import struct
import zlib
from contextlib import suppress
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.colour import profile_of_chromaticities, profile_of_cicp, rgb_profile, same_colours
from lightfuse.images.exif import PREFIX
from lightfuse.images.metadata import Header, Metadata, MetadataBudget, Parts, UnreadableError, read_exactly
from lightfuse.images.options import EncodeOptions, bits_of
from lightfuse.images.pixels import to_depth

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_METADATA = frozenset({b"eXIf", b"iCCP", b"iTXt", b"tEXt", b"zTXt"})
_COLOURS = frozenset({b"cICP", b"sRGB", b"gAMA", b"cHRM"})
_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_XMP_KEYWORD = b"XML:com.adobe.xmp"
# ImageMagick's and ExifTool's texts for EXIF before PNG had a chunk for it: a line with the kind, a line with the
# length, and hexadecimal digits.
_RAW_EXIF = b"Raw profile type exif", b"Raw profile type APP1"
_UNSPECIFIED, _UNIT = b"\2\2", 100_000
_CHANNELS = {0: 1, 2: 3, 3: 3, 4: 2, 6: 4}  # By colour type.
_AFTER_HEADER = len(_SIGNATURE) + 25  # IHDR: length, type, 13 bytes, CRC.


def scan_png(stream: BinaryIO) -> Header:
    """Read a PNG's header and metadata, skipping its pixels."""
    stream.seek(len(_SIGNATURE))
    length, kind = struct.unpack(">I4s", read_exactly(stream, 8))
    if kind != b"IHDR" or length != 13:
        raise UnreadableError("is damaged: it is a PNG without its header")
    width, height, bit_depth, colour = struct.unpack(">IIBB", read_exactly(stream, 13)[:10])
    stream.seek(4, 1)
    found: dict[str, Any] = {}
    colours: dict[bytes, bytes] = {}
    budget = MetadataBudget()
    notes: tuple[str, ...] = ()
    while True:
        length, kind = struct.unpack(">I4s", read_exactly(stream, 8))
        if kind in _METADATA | _COLOURS:
            budget.spend(length)
            body = read_exactly(stream, length)
            if read_exactly(stream, 4) != struct.pack(">I", zlib.crc32(kind + body)):
                continue
            if kind in _COLOURS:
                colours.setdefault(kind, body)
            else:
                field, data = _block(kind, body, budget)
                if data:
                    found.setdefault(field, data)
        elif kind == b"IEND":
            read_exactly(stream, 4)
            break
        else:
            if kind == b"acTL":
                notes = ("it is an animation, of which the still picture was taken",)
            stream.seek(length + 3, 1)
            read_exactly(stream, 1)
    if "raw exif" in found:  # An eXIf chunk goes before it, wherever it stands.
        found.setdefault("exif", found.pop("raw exif"))
    try:
        found["icc"] = _profile(colours, found.get("icc"))
    except ValueError as error:
        notes += (f"{error} and was left out",)
    return Header.of("PNG", (width, height), bit_depth, Metadata(**found), notes, channels=_CHANNELS.get(colour, 0))


def _profile(chunks: dict[bytes, bytes], icc: bytes | None) -> bytes | None:
    """Return the profile by the chunk that goes before the others: cICP, iCCP, sRGB, gAMA and cHRM; None is sRGB.

    Raises:
        UnreadableError: the picture shows high dynamic range, or holds the narrow range of video.
        ValueError: gAMA or cHRM make no sense.
    """
    numbers = chunks.get(b"cICP", b"")
    if len(numbers) == 4 and numbers[2] == 0 and numbers[:2] != _UNSPECIFIED:
        if numbers[3] == 0:
            raise UnreadableError("holds the narrow range of values of video; convert it to full range first")
        told = profile_of_cicp(numbers[0], numbers[1])
        with suppress(UnreadableError):
            told = icc if icc is not None and same_colours(icc, told or rgb_profile()) else told
        return told
    if icc is not None or b"sRGB" in chunks:
        return icc
    points = chunks.get(b"cHRM", b"")
    corners = struct.unpack(">8I", points) if len(points) == 32 else ()
    exponent = int.from_bytes(chunks[b"gAMA"], "big") / _UNIT if b"gAMA" in chunks else None
    return profile_of_chromaticities(tuple(value / _UNIT for value in corners), exponent)


def _block(kind: bytes, body: bytes, budget: MetadataBudget) -> tuple[str, bytes | None]:
    """Return the field of Metadata that a chunk is for, and what it holds for it, if anything sound."""
    if kind == b"eXIf":
        return "exif", body
    keyword, _, rest = body.partition(b"\0")
    if kind == b"iCCP":
        return "icc", _unpacked(rest[1:], budget)
    if kind == b"iTXt" and keyword == _XMP_KEYWORD:
        text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        return "xmp", text if rest[:1] == b"\0" else _unpacked(text, budget)
    if keyword not in _RAW_EXIF:
        return "", None
    digits = rest if kind == b"tEXt" else _unpacked(rest[1:], budget)
    try:
        data = bytes.fromhex((digits or b"").split(None, 2)[2].decode("ascii"))
    except (ValueError, IndexError):
        return "", None
    return "raw exif", data.removeprefix(PREFIX) if data.startswith((PREFIX, b"II*\0", b"MM\0*")) else None


def _unpacked(packed: bytes, budget: MetadataBudget) -> bytes | None:
    stream, data = zlib.decompressobj(), b""
    with suppress(zlib.error):
        data = stream.decompress(packed, budget.remaining + 1)
        budget.spend(len(data), items=0)
    return data if stream.eof else None


def decode_png(data: bytes, _: Header) -> NDArray[Any]:
    """Decode a PNG: H×W or H×W×channels, uint8 or uint16.

    The decoder is given the chunks that make the pixels and no others: it has nothing to warn about, and no text or
    profile to unpack.
    """
    import imagecodecs

    view, at = memoryview(data), len(_SIGNATURE)
    kept: list[bytes | memoryview] = [_SIGNATURE]
    while at + 12 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, at)
        if kind in _PIXELS:
            kept.append(view[at : at + length + 12])
        at += length + 12
    return np.asarray(imagecodecs.png_decode(b"".join(kept)))


def encode_png(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions) -> Parts:
    """Encode H×W×1, 3 or 4 pixels as a PNG of 8 or 16 bits with its ICC profile, EXIF and XMP."""
    import imagecodecs

    # Level 1, run lengths, and differences to the left: on photographs as small as zlib's default, 5 times faster.
    fast = {"level": 1, "strategy": 3, "filter": 16}
    settings = {"auto": fast, "none": {"level": 0, "filter": 8}, "deflate": {"level": 6, "filter": 0xF8}}
    levels = np.ascontiguousarray(to_depth(pixels, bits_of("PNG", options, 8 * pixels.itemsize)))
    levels = levels[..., 0] if levels.shape[2] == 1 else levels
    png = bytes(imagecodecs.png_encode(levels, **settings[options.compression]))
    chunks = bytearray()
    if metadata.icc:
        chunks += _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if metadata.exif:
        chunks += _chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        chunks += _chunk(b"iTXt", _XMP_KEYWORD + bytes(5) + metadata.xmp)
    return [png[:_AFTER_HEADER], bytes(chunks), memoryview(png)[_AFTER_HEADER:]]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
