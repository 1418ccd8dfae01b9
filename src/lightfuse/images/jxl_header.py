"""The header of a JPEG XL codestream (ISO/IEC 18181-1, annexes B, D, E): first fields read, colour rewritten.

This is what the library (see `jxl`) does not tell and cannot write: animation, XYB, and ICC profiles.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from lightfuse.errors import OutputError
from lightfuse.images.metadata import UnreadableError

SIGNATURE = b"\xff\x0a"
HEADER_BYTES = 1 << 12
_REST = 0b100  # After the colour encoding: no extensions, default transforms.
_ALPHA, _SPOT, _CFA = 0, 2, 5
_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_ICC_HEADER, _ICC_INSERT = 128, 1
_CODE_LENGTH_ORDER = (1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15)  # RFC 7932, 3.5.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
_NOT_UNDERSTOOD = "the JPEG XL encoder wrote a header that is not understood; write another format"
_TONE_MAPPING = 1 + 16 + 16 + 1 + 16  # Bits: not the default; intensity target, least nits, relative, linear below.
# Not the default, no ICC profile; RGB, D65, Rec. 2100's primaries, no gamma, PQ, relative colorimetric.
_REC_2100_PQ = ((0, 1), (0, 1), (0, 2), (1, 2), (2, 2), (9 - 2, 4), (0, 1), (2, 2), (16 - 2, 4), (1, 2))

Fields = Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class JxlHeader:
    """The first fields of a codestream's header, and where some stand, in bits after the signature.

    Attributes:
        width, height: once upright.
        animated: the picture is an animation; nothing behind this field was read.
        bits: per sample; is_float: they are floats.
        xyb: pixels are stored as XYB, so that the colour encoding only says how they want to be shown.
        has_icc: the colour encoding is an ICC profile that follows the header.
        has_extra: fields for tone mapping follow the colour encoding.
        depth_at, depth_end, xyb_at, colour_at: where the bit depth starts and ends, the `xyb` flag stands, and the
            colour encoding starts; 0 in a header of nothing but defaults.
    """

    width: int
    height: int
    animated: bool = False
    bits: int = 8
    is_float: bool = False
    xyb: bool = True
    has_icc: bool = False
    has_extra: bool = False
    depth_at: int = 0
    depth_end: int = 0
    xyb_at: int = 0
    colour_at: int = 0


class _Bits:
    """Reads fields from bytes, each byte's lowest bit first (18181-1, annex B)."""

    def __init__(self, data: bytes) -> None:
        self._value = int.from_bytes(data, "little")
        self._count = 8 * len(data)
        self.at = 0

    def take(self, count: int) -> int:
        """Return the next `count` bits; raise UnreadableError past the end."""
        if self.at + count > self._count:
            raise UnreadableError
        value = self._value >> self.at & ((1 << count) - 1)
        self.at += count
        return value

    def u32(self, *choices: tuple[int, int]) -> int:
        """Return a U32 field: for each of its four selectors, an offset and how many bits are added to it."""
        offset, count = choices[self.take(2)]
        return offset + self.take(count)

    def enum(self) -> int:
        """Return an Enum field."""
        return self.u32((0, 0), (1, 0), (2, 4), (18, 6))


def read_header(codestream: bytes) -> JxlHeader:
    """Read a codestream's header up to its colour encoding; raise UnreadableError where it is damaged or truncated."""
    if not codestream.startswith(SIGNATURE):
        raise UnreadableError("is damaged: it is a JPEG XL without a codestream")
    bits = _Bits(codestream[len(SIGNATURE) : HEADER_BYTES])
    width, height = _size(bits)
    if bits.take(1):  # All default: 8 bits, sRGB, stored as XYB.
        return JxlHeader(width, height)
    has_extra = bool(bits.take(1))
    if has_extra:
        if bits.take(3) >= 4:  # The orientation less 1, which the decoder applies.
            width, height = height, width
        if bits.take(1):
            _size(bits)
        if bits.take(1):
            by_8 = ((16, 0), (32, 0), (1, 5), (33, 9)) if bits.take(1) else ((1, 6), (65, 8), (321, 10), (1345, 12))
            bits.u32(*by_8)
            if not bits.take(3):
                bits.u32(*by_8)
        if bits.take(1):
            return JxlHeader(width, height, animated=True)
    depth_at = bits.at
    depth, is_float = _depth(bits)
    depth_end = bits.at
    bits.take(1)  # Whether 16-bit buffers are enough.
    for _ in range(bits.u32((0, 0), (1, 0), (2, 4), (1, 12))):
        _skip_extra_channel(bits)
    xyb_at = bits.at
    xyb = bool(bits.take(1))
    colour_at = bits.at
    has_icc = not bits.take(1) and bool(bits.take(1))
    places = depth_at, depth_end, xyb_at, colour_at
    return JxlHeader(width, height, False, depth, is_float, xyb, has_icc, has_extra, *places)


def _size(bits: _Bits) -> tuple[int, int]:
    """Return the width and height of a SizeHeader; the width may be given as a ratio of the height."""
    by_8 = bits.take(1)

    def side() -> int:
        return 8 * (1 + bits.take(5)) if by_8 else bits.u32((1, 9), (1, 13), (1, 18), (1, 30))

    height = side()
    ratio = bits.take(3)
    if not ratio:
        return side(), height
    across, down = _RATIOS[ratio - 1]
    return height * across // down, height


def _depth(bits: _Bits) -> tuple[int, bool]:
    """Return a bit depth, and whether it is of floats."""
    if bits.take(1):
        depth = bits.u32((32, 0), (16, 0), (24, 0), (1, 6))
        bits.take(4)
        return depth, True
    return bits.u32((8, 0), (10, 0), (12, 0), (1, 6)), False


def _skip_extra_channel(bits: _Bits) -> None:
    if bits.take(1):
        return
    kind = bits.enum()
    _depth(bits)
    bits.u32((0, 0), (3, 0), (4, 0), (1, 3))
    bits.take(8 * bits.u32((0, 0), (0, 4), (16, 5), (48, 10)))
    if kind == _ALPHA:
        bits.take(1)
    elif kind == _SPOT:
        bits.take(4 * 16)
    elif kind == _CFA:
        bits.u32((1, 0), (0, 2), (3, 4), (19, 8))


def with_colour(codestream: bytes, icc: bytes | None, depth: int) -> bytes:
    """Return our own encoder's codestream with a header that tells another colour encoding and bit depth.

    Only the header changes: pixels that are not stored as XYB are thereby taken for those of the profile; pixels that
    are stored as XYB are thereby shown in the profile's terms.

    Args:
        codestream: the whole of it.
        icc: the profile; None is sRGB.
        depth: bits per sample; 32 are floats.
    """
    # Floats of 32 bits, 8 of them the exponent, or integers of 8 or more.
    depth_field = (1 | 7 << 3, 7) if depth == 32 else (0, 3) if depth == 8 else (0b110 | depth - 1 << 3, 9)
    if icc is None:
        return _edited(codestream, [(1, 1)], depth_field)  # All default.
    return _edited(codestream, [(0b0010, 4)], depth_field, _icc_bits(icc))  # Not default, for RGB: a profile.


def with_rec_2100_pq(codestream: bytes) -> bytes:
    """Return our own encoder's codestream, stored as XYB with an intensity target, shown as Rec. 2100 PQ."""
    return _edited(codestream, _REC_2100_PQ)


def _edited(codestream: bytes, colour: Fields, depth: tuple[int, int] | None = None, icc: Fields = ()) -> bytes:
    """The codestream with other fields (value, width in bits) for its colour encoding, depth, and profile."""
    header, bits = read_header(codestream), _Bits(codestream[len(SIGNATURE) : HEADER_BYTES])

    def copied(start: int, end: int) -> tuple[int, int]:
        bits.at = start
        return bits.take(end - start), end - start

    before = copied(0, header.depth_at), depth or copied(header.depth_at, header.depth_end)
    fields = [*before, copied(header.depth_end, header.colour_at), *colour]
    if not bits.take(1):  # Not the default, but: no ICC profile, space, white, primaries, no gamma, curve, intent.
        icc_follows, *_, has_gamma = (bits.take(1), bits.enum(), bits.enum(), bits.enum(), bits.take(1))
        bits.enum(), bits.enum()
        if icc_follows or has_gamma:
            raise OutputError(_NOT_UNDERSTOOD)
    fields.append(copied(bits.at, bits.at + (_TONE_MAPPING if header.has_extra else 0)))
    fields.append(copied(bits.at, bits.at + 3))
    if fields[-1][0] != _REST:
        raise OutputError(_NOT_UNDERSTOOD)
    value = count = 0
    for field, width in (*fields, *icc):
        value |= field << count
        count += width
    frame_at = len(SIGNATURE) + (bits.at + 7) // 8
    return b"".join([SIGNATURE, value.to_bytes((count + 7) // 8, "little"), memoryview(codestream)[frame_at:]])


def _icc_bits(icc: bytes) -> Fields:
    """Return a profile as it follows the header (18181-1, E.4), in the simplest valid way: without compression.

    The profile's own header is coded as differences from what is expected, the rest as it is. The entropy coder is told
    of one distribution, a prefix code in which all 256 symbols are eight bits long.
    """
    differences = bytes((byte - guess) & 0xFF for byte, guess in zip(icc, _expected_header(icc), strict=False))
    rest = icc[_ICC_HEADER:]
    commands = b"\0" + (bytes([_ICC_INSERT]) + _varint(len(rest)) if rest else b"")  # No table of tags; one insertion.
    encoded = _varint(len(icc)) + _varint(len(commands)) + commands + differences + rest
    return [
        _u64(len(encoded)),
        (0, 1),  # No LZ77.
        (0b001, 3),  # All contexts share a distribution: a simple clustering, indices of no bits.
        (1, 1),  # A prefix code.
        (8, 4),  # Values below 2⁸ are their own symbols …
        (0, 8),  # … and none is above.
        (1 | 7 << 1 | 127 << 5, 12),  # 1 + 2⁷ + 127 symbols.
        (0, 2),  # Their lengths are coded, none of the code lengths skipped:
        # only 8 occurs, so that it costs no bits.
        *((1, 2) if length == 8 else (0, 2) for length in _CODE_LENGTH_ORDER),
        (int.from_bytes(encoded.translate(_REVERSED), "little"), 8 * len(encoded)),
    ]


def _expected_header(icc: bytes) -> bytes:
    """Return the header that is expected of a profile: it depends on the profile's size and first 44 bytes."""
    header = bytearray(_ICC_HEADER)
    header[0:4] = len(icc).to_bytes(4, "big")
    header[8] = 4
    header[12:24] = b"mntrRGB XYZ "
    header[36:40] = b"acsp"
    header[68:80] = b"".join(value.to_bytes(4, "big") for value in (63_190, 65_536, 54_061))
    header[80:84] = icc[4:8].ljust(4, b"\0")
    platform = {b"A": b"APPL", b"M": b"MSFT"}.get(icc[40:41]) or {b"SG": b"SGI ", b"SU": b"SUNW"}.get(icc[40:42])
    if platform is not None:
        known = 1 if platform in (b"APPL", b"MSFT") else 2  # The first letters are coded before they are known.
        header[40 + known : 44] = platform[known:]
    return bytes(header)


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _u64(value: int) -> tuple[int, int]:
    """Return a U64 field of a value above 272, as lengths of profiles are."""
    field, count = 3 | (value & 0xFFF) << 2, 14
    value >>= 12
    while value:
        field |= (1 | (value & 0xFF) << 1) << count
        count += 9
        value >>= 8
    return field, count + 1
