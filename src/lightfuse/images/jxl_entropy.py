"""The entropy decoder of JPEG XL's small streams (ISO/IEC 18181-1, annex C): ANS or prefix codes, clusters, LZ77."""

from lightfuse.images.bits import U32, BitReader
from lightfuse.images.jxl_prefix import damaged, prefix_code

_LOG_RANGE = 12
_RANGE = 1 << _LOG_RANGE
_FINAL_STATE = 0x130000
_MIN_SYMBOL: U32 = ((224, 0), (512, 0), (4096, 0), (8, 15))
_MIN_LENGTH: U32 = ((3, 0), (4, 0), (5, 2), (9, 8))
_REPEATED = 13
# The prefix code in which the logarithms of counts are written: value → (its code, first bit lowest; its length).
_LOG_COUNTS = {
    10: (0, 3), 7: (2, 3), 6: (4, 3), 8: (5, 3), 9: (6, 3), 3: (3, 4), 5: (7, 4), 4: (9, 4), 1: (11, 4), 2: (15, 4),
    0: (17, 5), 11: (33, 6), 12: (1, 7), _REPEATED: (65, 7),
}  # fmt: skip
_LOG_COUNT_AT = {
    code | above << length: (value, length)
    for value, (code, length) in _LOG_COUNTS.items()
    for above in range(1 << 7 - length)
}


class EntropyDecoder:
    """Decodes a stream of integers, each in a context."""

    def __init__(self, reader: BitReader, contexts: int, *, nested: bool = False) -> None:
        self._reader = reader
        self._window: list[int] = []
        self._copied = self._copy_from = 0
        self._lz77: tuple[int, int, tuple[int, int, int]] | None = None
        if reader.bits(1):
            if nested and contexts <= 1:
                raise damaged()
            least, length = reader.u32(_MIN_SYMBOL), reader.u32(_MIN_LENGTH)
            self._lz77 = least, length, _split(reader, 8)
            contexts += 1
        self._clusters = _clusters(reader, contexts) if contexts > 1 else [0]
        count = max(self._clusters) + 1
        prefix = reader.bits(1)
        log_alphabet = 15 if prefix else 5 + reader.bits(2)
        self._splits = [_split(reader, log_alphabet) for _ in range(count)]
        self._state: int | None = None
        if prefix:
            sizes = [1 + _sixteen_bit(reader) for _ in range(count)]
            self._prefixes = [prefix_code(reader, size) for size in sizes]
        else:
            self._tables = [_alias_table(_distribution(reader), log_alphabet) for _ in range(count)]
            self._log_entry = _LOG_RANGE - log_alphabet
            self._state = reader.bits(32)

    def integer(self, context: int) -> int:
        """Return the next integer."""
        if self._copied:
            self._copied -= 1
            return self._remember(self._window[self._copy_from + len(self._window)])
        cluster = self._clusters[context]
        token = self._token(cluster)
        if self._lz77 is not None and token >= self._lz77[0]:
            least, shortest, split = self._lz77
            self._copied = self._value(token - least, split) + shortest - 1
            far = self._clusters[-1]
            distance = self._value(self._token(far), self._splits[far]) + 1
            if distance > len(self._window):
                raise damaged()
            self._copy_from = -distance
            return self._remember(self._window[-distance])
        value = self._value(token, self._splits[cluster])
        return self._remember(value) if self._lz77 is not None else value

    def finish(self) -> None:
        """Raise UnreadableError where the stream did not end as it must."""
        if self._state not in (None, _FINAL_STATE):
            raise damaged()

    def _remember(self, value: int) -> int:
        self._window.append(value)
        return value

    def _token(self, cluster: int) -> int:
        reader = self._reader
        if self._state is None:
            return self._prefixes[cluster].next(reader)
        counts, cutoffs, others, offsets = self._tables[cluster]
        rest = self._state & (_RANGE - 1)
        entry, at = rest >> self._log_entry, rest & ((1 << self._log_entry) - 1)
        symbol, offset = (others[entry], offsets[entry] + at) if at >= cutoffs[entry] else (entry, at)
        self._state = counts[symbol] * (self._state >> _LOG_RANGE) + offset
        if self._state < 1 << 16:
            self._state = self._state << 16 | reader.bits(16)
        return symbol

    def _value(self, token: int, split: tuple[int, int, int]) -> int:
        exponent, high, low = split
        if token < 1 << exponent:
            return token
        count = exponent - high - low + (token - (1 << exponent) >> high + low)
        if count > 32:
            raise damaged()
        bottom, token = token & ((1 << low) - 1), token >> low
        top = 1 << high | token & ((1 << high) - 1)
        return (top << count | self._reader.bits(count)) << low | bottom


def _split(reader: BitReader, log_alphabet: int) -> tuple[int, int, int]:
    """Read how integers are split into a token and further bits: exponent, bits of the top and bottom in the token."""
    exponent = reader.bits(log_alphabet.bit_length())
    if exponent == log_alphabet:
        return exponent, 0, 0
    high = reader.bits(exponent.bit_length())
    if high > exponent:
        raise damaged()
    low = reader.bits((exponent - high).bit_length())
    if high + low > exponent:
        raise damaged()
    return exponent, high, low


def _clusters(reader: BitReader, contexts: int) -> list[int]:
    """Read which distribution each context uses."""
    if reader.bits(1):
        bits = reader.bits(2)
        return [reader.bits(bits) for _ in range(contexts)]
    recency = reader.bits(1)
    decoder = EntropyDecoder(reader, 1, nested=contexts <= 2)
    clusters = [decoder.integer(0) for _ in range(contexts)]
    decoder.finish()
    if max(clusters) > 255:
        raise damaged()
    if recency:  # Indices into a list in which the last used stands first.
        order = list(range(256))
        for at, index in enumerate(clusters):
            clusters[at] = order.pop(index)
            order.insert(0, clusters[at])
    return clusters


def _eight_bit(reader: BitReader) -> int:
    if not reader.bits(1):
        return 0
    count = reader.bits(3)
    return (1 << count) + reader.bits(count)


def _sixteen_bit(reader: BitReader) -> int:
    if not reader.bits(1):
        return 0
    count = reader.bits(4)
    return (1 << count) + reader.bits(count)


def _distribution(reader: BitReader) -> list[int]:
    """Read how often each symbol occurs, in 4096ths."""
    if reader.bits(1):
        symbols = [_eight_bit(reader) for _ in range(reader.bits(1) + 1)]
        counts = [0] * (max(symbols) + 1)
        if len(symbols) == 1:
            counts[symbols[0]] = _RANGE
        else:
            counts[symbols[0]] = reader.bits(_LOG_RANGE)
            counts[symbols[1]] = _RANGE - counts[symbols[0]]
        return counts
    if reader.bits(1):
        size = _eight_bit(reader) + 1
        return [_RANGE // size + (symbol < _RANGE % size) for symbol in range(size)]
    return _general_distribution(reader)


def _general_distribution(reader: BitReader) -> list[int]:
    width = 0
    while width < 3 and reader.bits(1):
        width += 1
    shift = (1 << width | reader.bits(width)) - 1
    size = _eight_bit(reader) + 3
    logs: list[int] = []
    while len(logs) < size:
        value, length = _LOG_COUNT_AT[reader.peek(7)]
        reader.bits(length)
        if value == _REPEATED:
            logs += [-1] * (_eight_bit(reader) + 4)  # As often as the one before.
        else:
            logs.append(value)
    if len(logs) > size:
        raise damaged()
    omitted = logs.index(max(logs))
    counts: list[int] = []
    for at, log in enumerate(logs):
        if log < 0:
            counts.append(counts[at - 1] if at else 0)
        elif at == omitted or log < 2:
            counts.append(0 if at == omitted else log)
        else:
            precision = max(0, min(log - 1, shift - (_LOG_RANGE - log + 1 >> 1)))
            counts.append((1 << log - 1) + (reader.bits(precision) << log - 1 - precision))
    counts[omitted] = _RANGE - sum(counts)
    if counts[omitted] <= 0:
        raise damaged()
    return counts


def _alias_table(counts: list[int], log_alphabet: int) -> tuple[list[int], list[int], list[int], list[int]]:
    """Return the counts, and for each entry its cutoff, the symbol beyond that, and what is added to its position."""
    entries = 1 << log_alphabet
    size = _RANGE >> log_alphabet
    if len(counts) > entries:
        raise damaged()
    if _RANGE in counts:
        symbol = counts.index(_RANGE)
        return counts, [0] * entries, [symbol] * entries, [size * entry for entry in range(entries)]
    cutoffs = counts + [0] * (entries - len(counts))
    others, offsets = list(range(entries)), [0] * entries
    over = [entry for entry in range(entries) if cutoffs[entry] > size]
    under = [entry for entry in range(entries) if cutoffs[entry] < size]
    while over:
        if not under:
            raise damaged()
        rich, poor = over[-1], under.pop()
        cutoffs[rich] -= size - cutoffs[poor]
        others[poor], offsets[poor] = rich, cutoffs[rich]
        if cutoffs[rich] <= size:
            over.pop()
            if cutoffs[rich] < size:
                under.append(rich)
    for entry in range(entries):
        if cutoffs[entry] == size:
            others[entry], offsets[entry], cutoffs[entry] = entry, 0, 0
        else:
            offsets[entry] -= cutoffs[entry]
    return counts, cutoffs, others, offsets
