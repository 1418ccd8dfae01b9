"""An ICC profile as a JPEG XL codestream holds it (ISO/IEC 18181-1, annex E.4), written in the simplest valid way."""

from lightfuse.images.bits import BitWriter

_HEADER = 128
_INSERT = 1
_CODE_LENGTH_ORDER = (1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15)  # RFC 7932, 3.5.
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def write_icc(writer: BitWriter, icc: bytes) -> None:
    """Append a profile: its header as differences from what is expected, the rest as it is, without compression.

    The entropy coder is told of one distribution, a prefix code in which all 256 symbols are eight bits long.
    """
    encoded = _transformed(icc)
    writer.u64(len(encoded))
    writer.bits(0, 1)  # No LZ77.
    writer.bits(0b001, 3)  # All contexts share a distribution: a simple clustering, indices of no bits.
    writer.bits(1, 1)  # A prefix code.
    writer.bits(8, 4)  # Values below 2⁸ are their own symbols …
    writer.bits(0, 8)  # … and none is above.
    writer.bits(1 | 7 << 1 | 127 << 5, 12)  # 1 + 2⁷ + 127 symbols.
    writer.bits(0, 2)  # Their lengths are coded, none of the code lengths skipped:
    for length in _CODE_LENGTH_ORDER:
        writer.bits(*((1, 2) if length == 8 else (0, 2)))  # only a length of 8 occurs, so that it costs no bits.
    for byte in encoded:
        writer.bits(_REVERSED[byte], 8)


def _transformed(icc: bytes) -> bytes:
    header = bytes((byte - guess) & 0xFF for byte, guess in zip(icc, expected_header(icc, len(icc)), strict=False))
    rest = icc[_HEADER:]
    commands = b"\0" + (bytes([_INSERT]) + _varint(len(rest)) if rest else b"")  # No table of tags; one insertion.
    return _varint(len(icc)) + _varint(len(commands)) + commands + header + rest


def expected_header(icc: bytes, size: int) -> bytes:
    """Return the header that is expected of a profile of so many bytes; it depends on the profile's first 44 bytes.

    Unpacking knows the profile only up to the byte that it asks for next: what is not yet there counts as zero.
    """
    header = bytearray(_HEADER)
    header[0:4] = (size & 0xFFFFFFFF).to_bytes(4, "big")
    header[8] = 4
    header[12:24] = b"mntrRGB XYZ "
    header[36:40] = b"acsp"
    header[68:80] = b"".join(value.to_bytes(4, "big") for value in (63_190, 65_536, 54_061))
    header[80:84] = icc[4:8].ljust(4, b"\0")
    platform = icc[40:44]
    if platform[:1] == b"A":
        header[41:44] = b"PPL"
    elif platform[:1] == b"M":
        header[41:44] = b"SFT"
    elif platform[:2] == b"SG":
        header[42:44] = b"I "
    elif platform[:2] == b"SU":
        header[42:44] = b"NW"
    return bytes(header)


def _varint(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])
