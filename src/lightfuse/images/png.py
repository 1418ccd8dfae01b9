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
from lightfuse.images.xmp import IPTC_START, iptc_of_resources, resources_of_iptc

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_METADATA = frozenset({b"eXIf", b"iCCP", b"iTXt", b"tEXt", b"zTXt"})
_COLOURS = frozenset({b"cICP", b"sRGB", b"gAMA", b"cHRM"})
_PIXELS = frozenset({b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND"})
_XMP_KEYWORD = b"XML:com.adobe.xmp"
# ImageMagick's and ExifTool's convention for what PNG had no chunk for: a line with the kind, a line with the length,
# and hexadecimal digits.
_RAW_PROFILE = b"Raw profile type "
_UNSPECIFIED, _UNIT = b"\2\2", 100_000
_RAW_KINDS = {b"exif": "exif", b"APP1": "exif", b"iptc": "iptc", b"xmp": "xmp"}
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
                _collect(kind, body, found, budget)
        elif kind == b"IEND":
            read_exactly(stream, 4)
            break
        else:
            if kind == b"acTL":
                notes = ("it is an animation, of which the still picture was taken",)
            stream.seek(length + 3, 1)
            read_exactly(stream, 1)
    if "raw exif" in found:
        found.setdefault("exif", found.pop("raw exif"))
    channels = _CHANNELS.get(colour, 0)
    try:
        found["icc"] = _profile(colours, found.get("icc"), grey=channels in (1, 2))
    except ValueError as error:
        notes += (f"{error} and was left out",)
    return Header.of("PNG", (width, height), bit_depth, Metadata(**found), notes, channels=channels)


def _profile(chunks: dict[bytes, bytes], icc: bytes | None, *, grey: bool) -> bytes | None:
    """Return the profile by the chunk that goes before the others: cICP, iCCP, sRGB, gAMA and cHRM; None is sRGB.

    Raises:
        UnreadableError: the picture shows high dynamic range, or holds the narrow range of video.
        ValueError: gAMA or cHRM make no sense.
    """
    numbers = chunks.get(b"cICP", b"")
    if len(numbers) == 4 and numbers[2] == 0 and numbers[:2] != _UNSPECIFIED:
        if numbers[3] == 0:
            raise UnreadableError("holds the narrow range of values of video; convert it to full range first")
        told = profile_of_cicp(numbers[0], numbers[1], grey=grey)
        with suppress(UnreadableError):
            told = icc if icc is not None and same_colours(icc, told or rgb_profile()) else told
        return told
    if icc is not None or b"sRGB" in chunks:
        return icc
    points = chunks.get(b"cHRM", b"")
    corners = struct.unpack(">8I", points) if len(points) == 32 else ()
    exponent = int.from_bytes(chunks[b"gAMA"], "big") / _UNIT if b"gAMA" in chunks else None
    return profile_of_chromaticities(tuple(value / _UNIT for value in corners), exponent, grey=grey)


def _collect(kind: bytes, body: bytes, found: dict[str, bytes], budget: MetadataBudget) -> None:
    """Put what a chunk holds into `found`, by its field of Metadata, unless that is there; skip what is in disorder."""
    field, packed, data = _named(kind, body)
    if field is None or field in found:
        return
    unpacked: bytes | None = data
    if packed:
        stream = zlib.decompressobj()
        with suppress(zlib.error):
            unpacked = stream.decompress(data, budget.remaining + 1)
            budget.spend(len(unpacked), items=0)
        unpacked = unpacked if stream.eof else None
    if unpacked and kind in (b"tEXt", b"zTXt"):
        unpacked = _raw_profile(unpacked, field)
    if unpacked:
        found[field] = unpacked


def _named(kind: bytes, body: bytes) -> tuple[str | None, bool, bytes]:
    """Return the field of Metadata that a chunk is for, whether its data is compressed, and the data."""
    if kind == b"eXIf":
        return "exif", False, body
    keyword, _, rest = body.partition(b"\0")
    if kind == b"iCCP":
        return "icc", True, rest[1:]
    if kind == b"iTXt":
        text = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        return "xmp" if keyword == _XMP_KEYWORD and len(rest) >= 2 else None, rest[:1] != b"\0", text
    field = _RAW_KINDS.get(keyword.removeprefix(_RAW_PROFILE)) if keyword.startswith(_RAW_PROFILE) else None
    field = "raw exif" if field == "exif" else field  # An eXIf chunk goes before it, wherever it stands.
    return (field, False, rest) if kind == b"tEXt" else (field, True, rest[1:])


def _raw_profile(text: bytes, field: str) -> bytes | None:
    try:
        data = bytes.fromhex(text.split(None, 2)[2].decode("ascii"))
    except (ValueError, IndexError):
        return None
    if field == "iptc":
        return data if data.startswith(IPTC_START) else iptc_of_resources(data)
    if field == "raw exif":
        return data.removeprefix(PREFIX) if data.startswith((PREFIX, b"II*\0", b"MM\0*")) else None
    return data


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
    """Encode H×W×1, 3 or 4 pixels as a PNG of 8 or 16 bits with its ICC profile, EXIF, XMP and IPTC."""
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
    if metadata.iptc:
        resources = resources_of_iptc(metadata.iptc)
        text = b"\niptc\n%8d\n%b\n" % (len(resources), resources.hex().encode())
        chunks += _chunk(b"zTXt", _RAW_PROFILE + b"iptc\0\0" + zlib.compress(text))
    return [png[:_AFTER_HEADER], bytes(chunks), memoryview(png)[_AFTER_HEADER:]]


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
