"""JPEG XL files (ISO/IEC 18181) by the extra `jxl` (pyjpegxl, libjxl): header and metadata read, pixels coded.

The library decodes to the colours it calls the picture's target profile, and cannot write ICC profiles; so the first
fields of the codestream's header (18181-1, annexes D and E) are read here, and those for colour rewritten.
"""

import struct
from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import srgb_to_linear
from lightfuse.errors import MissingExtraError, OutputError
from lightfuse.images.colour import refuse_hdr_profile, rgb_profile, same_colours, transform
from lightfuse.images.isobmff import Box, box, file_boxes, read_box
from lightfuse.images.jxl_header import HEADER_BYTES, SIGNATURE, JxlHeader, read_header, with_colour, with_rec_2100_pq
from lightfuse.images.metadata import Container, Metadata, MetadataBudget, Parts, UnreadableError, read_exactly
from lightfuse.images.options import EncodeOptions, bits_of
from lightfuse.images.pixels import to_depth

_CONTAINER_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_HEAD_BYTES = (1 << 22) + (1 << 12)  # Holds the header and the largest profile that libjxl reads.
_FIELDS = {b"Exif": "exif", b"xml ": "xmp"}
_READING_NEEDS = "is a JPEG XL, which needs an extra: pip install 'lightfuse[jxl]'"


def scan_jxl(stream: BinaryIO) -> Container:
    """Read a JPEG XL's header and metadata, but for its profile, without the library that decodes it."""
    parts = _boxes(stream)
    header = read_header(_codestream(stream, parts, HEADER_BYTES))
    if header.animated:
        raise UnreadableError("is an animated JPEG XL, which cannot be fused; give a still picture")
    blocks, notes = _metadata_blocks(stream, parts)
    size = header.width, header.height
    return Container.of("JPEG XL", size, header.bits, Metadata(**blocks), notes, orientation=1)


def decode_jxl(stream: BinaryIO) -> tuple[NDArray[Any], bytes | None]:
    """Decode a JPEG XL: H×W×channels, upright (uint8, uint16 over its full range, or float32), and its profile.

    Raises:
        UnreadableError: it shows high dynamic range, is CMYK, its profile cannot be used, or the extra is missing.
    """
    library = _library(UnreadableError(_READING_NEEDS))
    codestream = _codestream(stream, _boxes(stream), None)
    header = read_header(codestream)
    shown, profile = _profiles(library, header, codestream[:_HEAD_BYTES])
    converted = shown is not None and shown != profile and not same_colours(shown, profile or rgb_profile())
    # Linear light of 8 bits would be too coarse in the shadows, and without colours outside sRGB.
    deep = header.is_float or converted
    told, pixels = library.decode_to_numpy(codestream, dtype="float32" if deep else None)
    colours, alpha = pixels[..., : told.num_color_channels], pixels[..., told.num_color_channels :]
    if converted and shown is not None:
        colours = np.ascontiguousarray(colours[..., 0] if told.num_color_channels == 1 else colours)
        colours = np.clip(transform(colours, shown, profile or rgb_profile()), 0, 1)
    elif deep and header.xyb:
        colours = np.clip(colours, 0, 1)
    pixels = np.concatenate([colours, alpha], axis=2) if alpha.shape[2] else colours
    if deep and not header.is_float:
        pixels = to_depth(pixels, 8 if header.bits <= 8 else 16)
    return pixels, profile


def _library(missing: Exception) -> Any:
    try:
        import pyjpegxl
    except ImportError:
        raise missing from None
    return pyjpegxl


def _boxes(stream: BinaryIO) -> list[Box]:
    stream.seek(0)
    return list(file_boxes(stream)) if stream.read(12) == _CONTAINER_SIGNATURE else []


def _codestream(stream: BinaryIO, found: list[Box], count: int | None) -> bytes:
    """Return (the first `count` bytes of) the codestream, which may be the whole file, in one box, or in several.

    The decoder is given nothing else: it would unpack compressed metadata without a limit.
    """
    if not found:
        stream.seek(0)
        return stream.read(-1 if count is None else count)
    parts, size = [], 0
    for each in found:
        skipped = {b"jxlc": 0, b"jxlp": 4}.get(each.kind)
        if skipped is not None and (count is None or size < count):
            stream.seek(each.start + skipped)
            available = max(0, each.end - each.start - skipped)
            parts.append(read_exactly(stream, available if count is None else min(available, count - size)))
            size += len(parts[-1])
    return b"".join(parts)


def _metadata_blocks(stream: BinaryIO, found: list[Box]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the first EXIF and the first XMP block by their names in Metadata, unpacked, and notes."""
    budget, blocks, notes = MetadataBudget(), dict[str, Any](), dict[str, None]()
    for each in found:
        if each.kind not in (*_FIELDS, b"brob"):
            continue
        stream.seek(each.start)
        kind = stream.read(4) if each.kind == b"brob" else each.kind
        if kind not in _FIELDS or _FIELDS[kind] in blocks:
            continue
        body = read_box(stream, each, budget)
        if each.kind == b"brob":
            body = _unpacked(body[4:], budget)
            if not body:
                notes["its compressed metadata is damaged or too large and was left out"] = None
        blocks[_FIELDS[kind]] = body[4 + int.from_bytes(body[:4], "big") :] if kind == b"Exif" else body
    return blocks, tuple(notes)


def _unpacked(packed: bytes, budget: MetadataBudget) -> bytes:
    """Return brotli data unpacked within the budget; empty where it is broken or larger."""
    import imagecodecs

    try:
        body = bytes(imagecodecs.brotli_decode(packed, out=budget.remaining))
    except imagecodecs.BrotliError:
        return b""
    budget.spend(len(body))
    return body


def _profiles(library: Any, header: JxlHeader, head: bytes) -> tuple[bytes | None, bytes | None]:
    """Return the ICC profile of the colours that the decoder gives, and of those that the picture is to have.

    None stands for sRGB. The two differ for grey pictures, and for pictures stored as XYB with an ICC profile, which
    the decoder gives in linear light.

    Raises:
        UnreadableError: the picture shows high dynamic range, is CMYK, or its profile cannot be read.
    """
    shown: bytes | None = library.probe(head).icc
    profile = shown
    if header.xyb and header.has_icc:  # Not stored as XYB, as which it is read here, its colours are its profile's.
        original = bytearray(head)
        at = 8 * len(SIGNATURE) + header.xyb_at
        original[at // 8] ^= 1 << at % 8
        profile = library.probe(bytes(original)).icc
    if header.has_icc and (profile is None or shown is None):
        raise UnreadableError("is damaged: its colour profile cannot be read")
    if profile is None:
        return shown, None
    refuse_hdr_profile(profile)
    if profile[16:20] == b"CMYK":
        raise UnreadableError("is CMYK; convert it to RGB")
    if profile[16:20] == b"GRAY" or (not header.has_icc and same_colours(profile, rgb_profile())):
        return shown, None
    return shown, profile


def encode_jxl(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions) -> Parts:
    """Encode H×W×3 pixels (uint8, uint16 or float) as a JPEG XL file with its ICC profile, EXIF and XMP.

    The library calls integers sRGB and floats linear light. Lossless, the pixels are stored as they are and the header
    corrected. Lossy, JPEG XL stores what the eye sees (XYB) and not the pixels: what is not integer sRGB is converted
    to linear light first, colours outside sRGB as values below 0 or above 1, and the header then says in which profile
    they want to be shown.

    Raises:
        OutputError: the colour profile cannot be used.
        MissingExtraError: the extra is not installed.
    """
    pyjpegxl = _library(MissingExtraError("writing JPEG XL", "jxl"))
    icc = metadata.icc
    depth = bits_of("JPEG XL", options, 8 * pixels.itemsize)
    levels = np.ascontiguousarray(to_depth(pixels, depth))
    direct = icc is None and depth != 32
    try:
        if icc is not None:
            light = transform(to_depth(levels[:1, :1] if options.lossless else levels, 32), icc, rgb_profile(gamma=1.0))
        else:
            light = levels if direct or options.lossless else srgb_to_linear(levels)
    except UnreadableError:
        raise OutputError(
            "a JPEG XL cannot hold this picture's colour profile, which cannot be used; write another format"
        ) from None
    # The fastest efforts that are nearly as small as libjxl's own choice of 7.
    if options.lossless:
        encoded = pyjpegxl.encode_from_numpy(levels, lossless=True, speed=pyjpegxl.EncoderSpeed.Falcon)
    else:
        distance, speed = _distance(options.quality), pyjpegxl.EncoderSpeed.Cheetah
        encoded = pyjpegxl.encode_from_numpy(np.ascontiguousarray(light), quality=distance, speed=speed)
    return _packed(encoded, metadata, None if direct else partial(with_colour, icc=icc, depth=depth))


def encode_hdr_jxl(light: NDArray[np.float32], nits: float, metadata: Metadata, quality: int) -> Parts:
    """Encode linear light as a JPEG XL that is shown as Rec. 2100 PQ.

    Args:
        light: H×W×3, sRGB's primaries (other colours have values outside [0, 1]), 1 is ``nits`` cd/m².
        nits: the brightest that the picture shows.
        metadata: its EXIF and XMP are written.
        quality: 1 to 100.

    Raises:
        MissingExtraError: the extra is not installed.
    """
    pyjpegxl = _library(MissingExtraError("writing JPEG XL", "jxl"))
    encoded = pyjpegxl.encode_from_numpy(
        light, quality=_distance(quality), speed=pyjpegxl.EncoderSpeed.Cheetah, intensity_target=nits
    )
    return _packed(encoded, metadata, with_rec_2100_pq)


def _packed(encoded: bytes, metadata: Metadata, edit: Callable[[bytes], bytes] | None) -> Parts:
    """A file of the (edited) codestream, with EXIF and XMP."""
    stream = BytesIO(encoded)
    found = _boxes(stream)
    codestream = _codestream(stream, found, None)
    if edit is not None:
        codestream = edit(codestream)
    level_10 = any(each.kind == b"jxll" for each in found)
    if not (metadata.exif or metadata.xmp or level_10):
        return [codestream]
    parts: Parts = [_CONTAINER_SIGNATURE, box(b"ftyp", b"jxl \0\0\0\0jxl ")]
    if level_10:  # Tells decoders that the codestream asks more of them.
        parts.append(box(b"jxll", b"\x0a"))
    if metadata.exif:
        parts.append(box(b"Exif", bytes(4) + metadata.exif))
    if metadata.xmp:
        parts.append(box(b"xml ", metadata.xmp))
    return [*parts, struct.pack(">I4s", len(codestream) + 8, b"jxlc"), codestream]


def _distance(quality: int) -> float:
    """Return the Butteraugli distance of a quality from 1 to 100, as libjxl's JxlEncoderDistanceFromQuality does."""
    if quality >= 30:
        return 0.1 + (100 - quality) * 0.09
    return 53 / 3000 * quality**2 - 23 / 20 * quality + 25
