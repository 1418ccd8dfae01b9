"""The image header of a JPEG XL codestream (ISO/IEC 18181-1, annexes D and E): read, and its colour rewritten."""

from dataclasses import dataclass

from lightfuse.images.bits import U32, BitReader, BitWriter
from lightfuse.images.cicp import XY
from lightfuse.images.container import UnreadableError
from lightfuse.images.jxl_icc import write_icc

SIGNATURE = b"\xff\x0a"
RGB, GREY, XYB = 0, 1, 2
SRGB_CURVE, LINEAR_CURVE, PQ_CURVE, HLG_CURVE = 13, 8, 16, 18

_SIDE: U32 = ((1, 9), (1, 13), (1, 18), (1, 30))
_RATIOS = ((0, 1), (1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_PREVIEW_BY_8: U32 = ((16, 0), (32, 0), (1, 5), (33, 9))
_PREVIEW: U32 = ((1, 6), (65, 8), (321, 10), (1345, 12))
_INTEGER_BITS: U32 = ((8, 0), (10, 0), (12, 0), (1, 6))
_FLOAT_BITS: U32 = ((32, 0), (16, 0), (24, 0), (1, 6))
_EXTRA_CHANNELS: U32 = ((0, 0), (1, 0), (2, 4), (1, 12))
_DIM_SHIFT: U32 = ((0, 0), (3, 0), (4, 0), (1, 3))
_NAME: U32 = ((0, 0), (0, 4), (16, 5), (48, 10))
_CFA: U32 = ((1, 0), (0, 2), (3, 4), (19, 8))
_TICKS_ABOVE: U32 = ((100, 0), (1000, 0), (1, 10), (1, 30))
_TICKS_BELOW: U32 = ((1, 0), (1001, 0), (1, 8), (1, 10))
_LOOPS: U32 = ((0, 0), (0, 3), (0, 16), (0, 32))
_XY: U32 = ((0, 19), (524_288, 19), (1_048_576, 20), (2_097_152, 21))
_CUSTOM = 2
_WHITES = {10: (1 / 3, 1 / 3), 11: (0.314, 0.351)}
_PRIMARIES = {
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),
    11: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),
}
_ALPHA, _SPOT, _CFA_CHANNEL = 0, 2, 5


@dataclass(frozen=True, slots=True)
class Colour:
    """A codestream's colour encoding.

    Attributes:
        icc: an ICC profile follows the header; the other fields then say nothing.
        space: 0 RGB, 1 grey, 2 XYB, 3 unknown.
        white, primaries: chromaticities (x, y) where they are not D65 and sRGB's: one pair, three pairs.
        curve: the transfer function's number (13 sRGB, 8 linear, 16 PQ, 18 HLG …), None where `gamma` is given.
        gamma: the encoding exponent.
    """

    icc: bool = False
    space: int = RGB
    white: XY | None = None
    primaries: tuple[XY, ...] | None = None
    curve: int | None = SRGB_CURVE
    gamma: float | None = None


@dataclass(frozen=True, slots=True)
class JxlHeader:
    """What a codestream's header tells.

    Attributes:
        width, height: in pixels, as stored (before the orientation is applied).
        bits, is_float: the depth of a sample.
        orientation: EXIF orientation, 1 to 8.
        animated, alpha: whether there are frames, and an alpha channel.
        xyb: the pixels are stored as XYB, so that the colour encoding only says how they want to be shown.
        colour: the colour encoding.
        depth_at, colour_at, colour_end, end: where in the header (in bits after the signature) the bit depth, the
            colour encoding, what follows that, and what follows the header stand.
        all_default, extra_fields: which shape the header has.
    """

    width: int
    height: int
    bits: int
    is_float: bool
    orientation: int
    animated: bool
    alpha: bool
    xyb: bool
    colour: Colour
    depth_at: int
    colour_at: int
    colour_end: int
    end: int
    all_default: bool = False
    extra_fields: bool = False


def read_jxl_header(codestream: bytes) -> JxlHeader:
    """Read a codestream's header from its first bytes (64 kB are plenty).

    Raises:
        UnreadableError: the header is damaged or cut short.
    """
    if not codestream.startswith(SIGNATURE):
        raise UnreadableError("is damaged: it is a JPEG XL without a codestream")
    reader = BitReader(codestream[2:])
    width, height = _size(reader)
    if reader.bits(1):  # All default: 8 bits, sRGB, stored as XYB.
        at = reader.position
        _skip_transforms(reader, xyb=True)
        return JxlHeader(
            width, height, 8, False, 1, False, False, True, Colour(), at, at, at, reader.position, all_default=True
        )
    orientation, animated = 1, False
    extra_fields = bool(reader.bits(1))
    if extra_fields:
        orientation, animated = _extra_fields(reader)
    depth_at = reader.position
    is_float, bits = _bit_depth(reader)
    reader.bits(1)  # Whether 16-bit buffers are enough.
    channels = [_extra_channel(reader) for _ in range(reader.u32(_EXTRA_CHANNELS))]
    xyb = bool(reader.bits(1))
    colour_at = reader.position
    colour = _colour(reader)
    colour_end = reader.position
    if extra_fields:
        _skip_tone_mapping(reader)
    _skip_extensions(reader)
    _skip_transforms(reader, xyb)
    return JxlHeader(
        width, height, bits, is_float, orientation, animated, _ALPHA in channels, xyb, colour,
        depth_at, colour_at, colour_end, reader.position, extra_fields=extra_fields,
    )  # fmt: skip


def _size(reader: BitReader) -> tuple[int, int]:
    by_8 = reader.bits(1)
    height = 8 * (reader.bits(5) + 1) if by_8 else reader.u32(_SIDE)
    across, down = _RATIOS[reader.bits(3)]
    if across:
        return height * across // down, height
    return (8 * (reader.bits(5) + 1) if by_8 else reader.u32(_SIDE)), height


def _extra_fields(reader: BitReader) -> tuple[int, bool]:
    orientation = 1 + reader.bits(3)
    if reader.bits(1):
        _size(reader)
    if reader.bits(1):
        _preview_size(reader)
    animated = bool(reader.bits(1))
    if animated:
        reader.u32(_TICKS_ABOVE)
        reader.u32(_TICKS_BELOW)
        reader.u32(_LOOPS)
        reader.bits(1)
    return orientation, animated


def _preview_size(reader: BitReader) -> None:
    side = _PREVIEW_BY_8 if reader.bits(1) else _PREVIEW
    reader.u32(side)
    if not reader.bits(3):
        reader.u32(side)


def _bit_depth(reader: BitReader) -> tuple[bool, int]:
    is_float = bool(reader.bits(1))
    bits = reader.u32(_FLOAT_BITS if is_float else _INTEGER_BITS)
    if is_float:
        reader.bits(4)
    return is_float, bits


def _extra_channel(reader: BitReader) -> int:
    """Read one extra channel's description and return its kind."""
    if reader.bits(1):
        return _ALPHA
    kind = reader.enum()
    _bit_depth(reader)
    reader.u32(_DIM_SHIFT)
    reader.bits(8 * reader.u32(_NAME))
    if kind == _ALPHA:
        reader.bits(1)
    elif kind == _SPOT:
        reader.bits(4 * 16)
    elif kind == _CFA_CHANNEL:
        reader.u32(_CFA)
    return kind


def _colour(reader: BitReader) -> Colour:
    if reader.bits(1):
        return Colour()
    icc, space = bool(reader.bits(1)), reader.enum()
    if icc:
        return Colour(icc=True, space=space)
    white: XY | None = None
    primaries: tuple[XY, ...] | None = None
    if space != XYB:
        kind = reader.enum()
        white = _xy(reader) if kind == _CUSTOM else _WHITES.get(kind)
        if space != GREY:
            kind = reader.enum()
            primaries = (_xy(reader), _xy(reader), _xy(reader)) if kind == _CUSTOM else _PRIMARIES.get(kind)
    curve, gamma = None, None
    if reader.bits(1):
        gamma = reader.bits(24) / 1e7
    else:
        curve = reader.enum()
    reader.enum()
    return Colour(False, space, white, primaries, curve, gamma)


def _xy(reader: BitReader) -> XY:
    packed = reader.u32(_XY), reader.u32(_XY)
    x, y = ((value >> 1 if value % 2 == 0 else -(value + 1 >> 1)) / 1e6 for value in packed)
    return x, y


def _skip_tone_mapping(reader: BitReader) -> None:
    if not reader.bits(1):
        reader.bits(16 + 16 + 1 + 16)


def _skip_extensions(reader: BitReader) -> None:
    present = reader.u64()
    reader.position += sum([reader.u64() for _ in range(present.bit_count())])


def _skip_transforms(reader: BitReader, xyb: bool) -> None:
    if reader.bits(1):
        return
    if xyb and not reader.bits(1):
        reader.bits(16 * 16)
    custom = reader.bits(3)
    reader.bits(16 * sum(weights for bit, weights in enumerate((15, 55, 210)) if custom >> bit & 1))


def with_colour(
    codestream: bytes, header: JxlHeader, start: int, icc: bytes | None, bits: int, is_float: bool
) -> bytes:
    """Return a codestream whose header says that its pixels are sRGB's, or those of an ICC profile.

    Only what the header says changes, not a pixel: the pixels of a codestream that is not stored as XYB are thereby
    taken for those of the profile; one that is stored as XYB is thereby shown in the profile's terms.

    Args:
        codestream: the whole of it.
        header: its header.
        start: the bit after the signature where header and profile end; the next whole byte begins the first frame.
        icc: the profile; None is sRGB.
        bits, is_float: the depth that the header shall tell; floats are of 32 bits.
    """
    reader, writer = BitReader(codestream[len(SIGNATURE) : len(SIGNATURE) + (start + 7) // 8]), BitWriter()
    if header.all_default:
        _copy(reader, writer, header.depth_at - 1)
        reader.position = header.depth_at
        writer.bits(0, 2)  # Not all default; no extra fields.
        _write_depth(writer, bits, is_float)
        writer.bits(1, 1)  # 16-bit buffers are enough.
        writer.bits(0, 2)  # No extra channels.
        writer.bits(1, 1)  # XYB.
        _write_colour(writer, icc)
        writer.bits(0, 2)  # No extensions.
    else:
        _copy(reader, writer, header.depth_at)
        _write_depth(writer, bits, is_float)
        _bit_depth(reader)
        _copy(reader, writer, header.colour_at)
        _write_colour(writer, icc)
        reader.position = header.colour_end
    _copy(reader, writer, header.end)
    if icc is not None:
        write_icc(writer, icc)
    return b"".join([SIGNATURE, writer.to_bytes(), memoryview(codestream)[len(SIGNATURE) + (start + 7) // 8 :]])


def _copy(reader: BitReader, writer: BitWriter, end: int) -> None:
    count = end - reader.position
    writer.bits(reader.bits(count), count)


def _write_colour(writer: BitWriter, icc: bytes | None) -> None:
    if icc is None:
        writer.bits(1, 1)
    else:
        writer.bits(0b10, 2)
        writer.enum(RGB)


def _write_depth(writer: BitWriter, bits: int, is_float: bool) -> None:
    writer.bits(is_float, 1)
    if is_float:
        writer.bits(0, 2)  # 32 bits, of which 8 are the exponent.
        writer.bits(7, 4)
    elif bits in (8, 10, 12):
        writer.bits((8, 10, 12).index(bits), 2)
    else:
        writer.bits(3 | bits - 1 << 2, 8)
