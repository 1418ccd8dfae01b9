"""JPEG XL files (ISO/IEC 18181) by the extra `jxl` (pyjpegxl, libjxl): header and metadata read, pixels coded.

The library calls the integers that it encodes sRGB, and floats linear light. For other colours the first fields of the
header that it wrote (18181-1, annexes D and E) are replaced here.
"""

import struct
from io import BytesIO
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import MissingExtraError, OutputError
from lightfuse.images.colour import REC_2020, is_grey, rgb_profile, same_colours, transform
from lightfuse.images.isobmff import Box, box, file_boxes, read_box
from lightfuse.images.metadata import Header, Metadata, MetadataBudget, Parts, UnreadableError, read_exactly
from lightfuse.images.options import EncodeOptions, bits_of
from lightfuse.images.pixels import to_depth

_SIGNATURE = b"\xff\x0a"
_CONTAINER_SIGNATURE = b"\0\0\0\x0cJXL \r\n\x87\n"
_HEAD_BYTES = (1 << 22) + (1 << 12)  # Holds the header and the largest profile that libjxl reads.
_FIELDS = {b"Exif": "exif", b"xml ": "xmp"}
_READING_NEEDS = "is a JPEG XL, which needs an extra: pip install 'lightfuse[jxl]'"
_SDR_NITS = 255  # libjxl's intensity target for all that is not of high dynamic range.

# Colours, as bits of a header in the order in which they stand, each number's lowest first: all default, or not the
# default, no ICC profile, RGB, D65; primaries; no gamma; transfer function; relative colorimetric.
_SRGB = "1"
_LINEAR = "000010" + "10" + "0" + "010110" + "10"
_REC_2020_SRGB = "000010" + "011110" + "0" + "011101" + "10"
_REC_2100_PQ = "000010" + "011110" + "0" + "010111" + "10"


def scan_jxl(stream: BinaryIO) -> Header:
    """Read a JPEG XL's header and metadata, but for its profile; needs the extra.

    Raises:
        UnreadableError: it is animated or shows high dynamic range, or the extra is missing.
    """
    library, parts = _library(UnreadableError(_READING_NEEDS)), _boxes(stream)
    head = _codestream(stream, parts, _HEAD_BYTES)
    told = library.probe(head)
    if _is_animated(head):
        raise UnreadableError("is an animated JPEG XL, which cannot be fused; give a still picture")
    if told.intensity_target > _SDR_NITS:
        raise UnreadableError("is an HDR picture; convert it to sRGB first")
    blocks, notes = _metadata_blocks(stream, parts)
    size = told.width, told.height
    return Header.of("JPEG XL", size, told.bits_per_sample, Metadata(**blocks), notes, orientation=1)


def decode_jxl(stream: BinaryIO) -> tuple[NDArray[Any], bytes | None]:
    """Decode a JPEG XL: H×W×channels, upright (uint8, uint16 over its full range, or float32), and its profile.

    What is stored as the eye sees (XYB) with an ICC profile is decoded to linear light of sRGB's primaries. Of 8 bits
    that becomes sRGB, as does grey.

    Raises:
        UnreadableError: it is CMYK, its profile cannot be used, or the extra is missing.
    """
    library = _library(UnreadableError(_READING_NEEDS))
    codestream = _codestream(stream, _boxes(stream), None)
    told = library.probe(codestream[:_HEAD_BYTES])
    profile: bytes = told.icc or rgb_profile()
    if profile[16:20] == b"CMYK":
        raise UnreadableError("is CMYK; convert it to RGB")
    if same_colours(profile, rgb_profile()):
        return library.decode_to_numpy(codestream)[1], None
    if not is_grey(profile) and (told.bits_per_sample > 8 or not same_colours(profile, rgb_profile(gamma=1.0))):
        return library.decode_to_numpy(codestream)[1], profile
    # Linear light of 8 bits would be too coarse in the shadows.
    _, pixels = library.decode_to_numpy(codestream, dtype="float32")
    colours, alpha = np.split(pixels, [told.num_color_channels], axis=2)
    colours = transform(np.ascontiguousarray(colours[..., 0] if is_grey(profile) else colours), profile, rgb_profile())
    return to_depth(np.dstack([np.clip(colours, 0, 1), alpha]), 8 if told.bits_per_sample <= 8 else 16), None


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


def encode_jxl(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions) -> Parts:
    """Encode H×W×3 pixels (uint8, uint16 or float) as a JPEG XL file with its EXIF and XMP.

    Of the colours that JPEG XL names, pictures in sRGB are written in sRGB, those of another profile in Rec. 2020 with
    sRGB's curve, of 16 bits at least. Lossy, JPEG XL stores what the eye sees (XYB), which the header's colours only
    say how to show.

    Raises:
        UnreadableError: the colour profile cannot be used.
        MissingExtraError: the extra is not installed.
    """
    pyjpegxl = _library(MissingExtraError("writing JPEG XL", "jxl"))
    depth, icc = bits_of("JPEG XL", options, 8 * pixels.itemsize), metadata.icc or rgb_profile()
    is_srgb = same_colours(icc, rgb_profile())
    depth = depth if is_srgb else max(depth, 16)
    levels = to_depth(pixels, depth)
    if not options.lossless and (depth == 32 or not is_srgb):
        levels = transform(to_depth(levels, 32), icc, rgb_profile(gamma=1.0))
    elif not is_srgb:
        levels = transform(levels, icc, rgb_profile(REC_2020))
    levels = np.ascontiguousarray(levels)
    # The fastest efforts that are nearly as small as libjxl's own choice of 7.
    if options.lossless:
        encoded = pyjpegxl.encode_from_numpy(levels, lossless=True, speed=pyjpegxl.EncoderSpeed.Falcon)
        written = _header(depth, _LINEAR if depth == 32 else _SRGB, xyb=False)
    else:
        distance, speed = _distance(options.quality), pyjpegxl.EncoderSpeed.Cheetah
        encoded = pyjpegxl.encode_from_numpy(levels, quality=distance, speed=speed)
        written = _header(32, _LINEAR)
    if is_srgb and depth != 32:
        return _packed(encoded, metadata)
    wanted = _header(depth, _SRGB if is_srgb else _REC_2020_SRGB, xyb=not options.lossless)
    return _packed(encoded, metadata, written, wanted)


def encode_hdr_jxl(light: NDArray[np.float32], nits: float, metadata: Metadata, quality: int) -> Parts:
    """Encode linear light as a JPEG XL that is shown as Rec. 2100 PQ.

    Args:
        light: H×W×3, sRGB's primaries (other colours have values outside [0, 1]), 1 is ``nits`` cd/m².
        nits: the brightest that the picture shows, above 255.
        metadata: its EXIF and XMP are written.
        quality: 1 to 100.

    Raises:
        MissingExtraError: the extra is not installed.
    """
    pyjpegxl = _library(MissingExtraError("writing JPEG XL", "jxl"))
    nits = float(np.float16(nits))  # As the header holds it.
    encoded = pyjpegxl.encode_from_numpy(
        light, quality=_distance(quality), speed=pyjpegxl.EncoderSpeed.Cheetah, intensity_target=nits
    )
    return _packed(encoded, metadata, _header(32, _LINEAR, nits), _header(32, _REC_2100_PQ, nits))


def _packed(encoded: bytes, metadata: Metadata, before: str = "", after: str = "") -> Parts:
    """A file of the codestream, its header's fields ``before`` replaced by those ``after``, with EXIF and XMP."""
    stream = BytesIO(encoded)
    found = _boxes(stream)
    codestream = _codestream(stream, found, None)
    if after:
        codestream = _with_header(codestream, before, after)
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


# ---- The header of a codestream: its size, then fields, as bits in the order in which they stand --------------------


def _header(depth: int, colour: str, nits: float | None = None, *, xyb: bool = True) -> str:
    """The fields behind the size as libjxl writes them of an opaque RGB picture of 16 bits or (32) floats."""
    more, tones = "0", ""
    if nits is not None:
        more = "1" + "000" + "000"  # Upright, no other size, preview or animation.
        tones = "0" + f"{int.from_bytes(struct.pack('<e', nits), 'little'):016b}"[::-1] + "0" * 33
    bit_depth = "1001110" if depth == 32 else "011111100"
    stored = "1" + "00" + "1" if xyb else "0" + "00" + "0"  # Whether 16-bit buffers do; no extra channels; XYB.
    return "0" + more + bit_depth + stored + colour + tones + "00" + "1"  # No extensions, default transforms.


def _with_header(codestream: bytes, before: str, after: str) -> bytes:
    """Return our own encoder's codestream with other fields behind the size."""
    bits, size = _bits_and_size(codestream)
    if not bits.startswith(before, size):
        raise OutputError("the JPEG XL encoder wrote a header that is not understood; write another format")
    header = bits[:size] + after
    frame_at = len(_SIGNATURE) + (size + len(before) + 7) // 8
    written = int(header[::-1], 2).to_bytes((len(header) + 7) // 8, "little")
    return b"".join([_SIGNATURE, written, memoryview(codestream)[frame_at:]])


def _is_animated(codestream: bytes) -> bool:
    """Tell whether the first fields say so: more than defaults, any orientation, no other size, no preview."""
    bits, size = _bits_and_size(codestream)
    return bits.startswith("01", size) and bits.startswith("001", size + 5)


def _bits_and_size(codestream: bytes) -> tuple[str, int]:
    """Return the bits that a header begins with, and how many of them are the size."""
    bits = "".join(f"{byte:08b}"[::-1] for byte in codestream[len(_SIGNATURE) : 64])
    widths = {"00": 9, "10": 13, "01": 18, "11": 30}

    def after_side(at: int) -> int:
        return at + 5 if bits[0] == "1" else at + 2 + widths[bits[at : at + 2]]

    ratio_at = after_side(1)  # The width may be given as a ratio of the height.
    has_ratio = bits[ratio_at : ratio_at + 3] != "000"
    return bits, ratio_at + 3 if has_ratio else after_side(ratio_at + 3)
