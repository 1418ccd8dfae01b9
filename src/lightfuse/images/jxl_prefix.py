"""Prefix codes as JPEG XL takes them from Brotli (RFC 7932, sections 3.4 and 3.5)."""

from dataclasses import dataclass

from lightfuse.images.bits import BitReader
from lightfuse.images.container import UnreadableError

_LONGEST = 15
_CODE_LENGTH_ORDER = (1, 2, 3, 4, 0, 5, 17, 6, 16, 7, 8, 9, 10, 11, 12, 13, 14, 15)  # RFC 7932, 3.5.
_CODE_LENGTHS = {0: (0, 2), 4: (1, 2), 3: (2, 2), 2: (3, 3), 1: (7, 4), 5: (15, 4)}
_CODE_LENGTH_AT = {
    code | above << length: (value, length)
    for value, (code, length) in _CODE_LENGTHS.items()
    for above in range(1 << 4 - length)
}


@dataclass(frozen=True, slots=True)
class PrefixCode:
    """A prefix code.

    Attributes:
        lengths: the lengths that occur, ascending.
        symbols: the symbol of each code, by its length and its bits with the first one lowest.
        lone: the only symbol there is, which costs no bits.
    """

    lengths: tuple[int, ...]
    symbols: dict[tuple[int, int], int]
    lone: int | None = None

    def next(self, reader: BitReader) -> int:
        """Read the next symbol."""
        if self.lone is not None:
            return self.lone
        ahead = reader.peek(_LONGEST)
        for length in self.lengths:
            symbol = self.symbols.get((length, ahead & ((1 << length) - 1)))
            if symbol is not None:
                reader.bits(length)
                return symbol
        raise damaged()


def damaged() -> UnreadableError:
    """Return the error for a profile that cannot be unpacked."""
    return UnreadableError("is damaged: its colour profile cannot be unpacked")


def prefix_code(reader: BitReader, size: int) -> PrefixCode:
    """Read a prefix code over so many symbols; raise UnreadableError where it is none."""
    if size == 1:
        return PrefixCode((), {}, lone=0)
    skipped = reader.bits(2)
    if skipped == 1:
        return _simple_prefix_code(reader, size)
    lengths = [0] * 18
    space = 32
    for symbol in _CODE_LENGTH_ORDER[skipped:]:
        if space <= 0:
            break
        length, bits = _CODE_LENGTH_AT[reader.peek(4)]
        reader.bits(bits)
        lengths[symbol] = length
        space -= 32 >> length if length else 0
    code = _canonical(lengths)
    return _canonical(_symbol_lengths(reader, code, size))


def _simple_prefix_code(reader: BitReader, size: int) -> PrefixCode:
    count = reader.bits(2) + 1
    bits = (size - 1).bit_length()
    symbols = [reader.bits(bits) for _ in range(count)]
    if max(symbols) >= size:
        raise damaged()
    shape = {1: (0,), 2: (1, 1), 3: (1, 2, 2), 4: (2, 2, 2, 2)}[count]
    if count == 4 and reader.bits(1):
        shape = (1, 2, 3, 3)
    lengths = [0] * size
    for symbol, length in zip(symbols, shape, strict=True):
        lengths[symbol] = length
    return _canonical(lengths) if count > 1 else PrefixCode((), {}, lone=symbols[0])


def _symbol_lengths(reader: BitReader, code: PrefixCode, size: int) -> list[int]:
    lengths: list[int] = []
    space, previous, repeat, repeated = 1 << 15, 8, 0, -1
    while len(lengths) < size and space > 0:
        symbol = code.next(reader)
        if symbol < 16:
            lengths.append(symbol)
            repeat = 0
            if symbol:
                previous = symbol
                space -= 1 << 15 >> symbol
            continue
        extra, value = (2, previous) if symbol == 16 else (3, 0)
        if value != repeated or not repeat:
            repeat, repeated = 0, value
        old = repeat
        repeat = (repeat - 2 << extra if repeat else 0) + reader.bits(extra) + 3
        lengths += [value] * (repeat - old)
        space -= (repeat - old) * (1 << 15 >> value) if value else 0
    if len(lengths) > size or space:
        raise damaged()
    return lengths + [0] * (size - len(lengths))


def _canonical(lengths: list[int]) -> PrefixCode:
    """Return the prefix code whose symbols have these lengths."""
    used = [symbol for symbol, length in enumerate(lengths) if length]
    if len(used) == 1:
        return PrefixCode((), {}, lone=used[0])
    symbols: dict[tuple[int, int], int] = {}
    bits = previous = 0
    for length, symbol in sorted((lengths[symbol], symbol) for symbol in used):
        bits <<= length - previous
        previous = length
        if bits >> length:
            raise damaged()
        symbols[length, int(f"{bits:0{length}b}"[::-1], 2)] = symbol
        bits += 1
    if not symbols:
        raise damaged()
    return PrefixCode(tuple(sorted({length for length, _ in symbols})), symbols)
