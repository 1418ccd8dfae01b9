"""Bits in the order of a JPEG XL codestream: the first bit is a byte's lowest (ISO/IEC 18181-1, annex B)."""

from lightfuse.images.container import CUT_SHORT, UnreadableError

# What a U32 is made of: for each of its four selectors, an offset and how many bits are added to it.
U32 = tuple[tuple[int, int], tuple[int, int], tuple[int, int], tuple[int, int]]
ENUM: U32 = ((0, 0), (1, 0), (2, 4), (18, 6))


class BitReader:
    """Reads fields from bytes, first bit first."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def bits(self, count: int) -> int:
        """Return the next `count` bits; raise UnreadableError past the end."""
        first, past = self.position >> 3, (self.position + count + 7) >> 3
        if past > len(self._data):
            raise UnreadableError(CUT_SHORT)
        value = int.from_bytes(self._data[first:past], "little") >> (self.position & 7) & ((1 << count) - 1)
        self.position += count
        return value

    def peek(self, count: int) -> int:
        """Return the next `count` bits without taking them, as if zeros followed the end."""
        first, past = self.position >> 3, (self.position + count + 7) >> 3
        return int.from_bytes(self._data[first:past], "little") >> (self.position & 7) & ((1 << count) - 1)

    def u32(self, choices: U32) -> int:
        """Return a U32 field."""
        offset, count = choices[self.bits(2)]
        return offset + self.bits(count)

    def u64(self) -> int:
        """Return a U64 field."""
        selector = self.bits(2)
        if selector < 3:
            return (0, 1, 17)[selector] + self.bits(4 * selector)
        value, shift = self.bits(12), 12
        while self.bits(1):
            value |= self.bits(4 if shift == 60 else 8) << shift
            if shift == 60:
                break
            shift += 8
        return value

    def enum(self) -> int:
        """Return an Enum field."""
        return self.u32(ENUM)


class BitWriter:
    """Writes fields into bytes, first bit first."""

    def __init__(self) -> None:
        self._value = 0
        self._count = 0

    def bits(self, value: int, count: int) -> None:
        """Append the `count` lowest bits of `value`."""
        self._value |= (value & ((1 << count) - 1)) << self._count
        self._count += count

    def enum(self, value: int) -> None:
        """Append an Enum field, of a value from 0 to 17."""
        if value < 2:
            self.bits(value, 2)
        else:
            self.bits(2 | value - 2 << 2, 6)

    def u64(self, value: int) -> None:
        """Append a U64 field."""
        if value == 0:
            self.bits(0, 2)
        elif value <= 16:
            self.bits(1 | value - 1 << 2, 6)
        elif value <= 272:
            self.bits(2 | value - 17 << 2, 10)
        else:
            self.bits(3 | (value & 0xFFF) << 2, 14)
            value >>= 12
            while value:  # Fits the 60 bits that groups of eight can hold.
                self.bits(1 | (value & 0xFF) << 1, 9)
                value >>= 8
            self.bits(0, 1)

    def to_bytes(self) -> bytes:
        """Return what was written, filled up with zero bits to a whole byte."""
        return self._value.to_bytes((self._count + 7) // 8, "little")
