"""An ICC profile as a JPEG XL codestream holds it (ISO/IEC 18181-1, annex E.4), unpacked."""

from lightfuse.images.bits import BitReader
from lightfuse.images.container import UnreadableError
from lightfuse.images.jxl_entropy import EntropyDecoder
from lightfuse.images.jxl_header import JxlHeader
from lightfuse.images.jxl_icc import expected_header

_CONTEXTS = 41
_HEADER = 128
_MAX_SIZE = 1 << 22
_NAMED = (
    b"cprt", b"wtpt", b"bkpt", b"rXYZ", b"gXYZ", b"bXYZ", b"kXYZ", b"rTRC", b"gTRC",
    b"bTRC", b"kTRC", b"chad", b"desc", b"chrm", b"dmnd", b"dmdd", b"lumi",
)  # fmt: skip
_TWENTY_BYTES = {b"rXYZ", b"gXYZ", b"bXYZ", b"kXYZ", b"wtpt", b"bkpt", b"lumi"}
_TYPES = (b"XYZ ", b"desc", b"text", b"mluc", b"para", b"curv", b"sf32", b"gbd ")
_UNKNOWN_TAG, _CURVE_TAGS, _COLOUR_TAGS, _FIRST_NAMED = 1, 2, 3, 4
_OFFSET_GIVEN, _SIZE_GIVEN = 64, 128
_INSERT, _SHUFFLE_2, _SHUFFLE_4, _PREDICT, _XYZ, _FIRST_TYPE = 1, 2, 3, 4, 10, 16


def read_icc(codestream: bytes, header: JxlHeader) -> tuple[bytes, int]:
    """Return the profile that follows a codestream's header, and the bit where it ends.

    Args:
        codestream: its first bytes, without the signature.
        header: the header.

    Raises:
        UnreadableError: the profile is damaged or cut short.
    """
    reader = BitReader(codestream)
    reader.position = header.end
    size = reader.u64()
    if size > _MAX_SIZE:
        raise UnreadableError("is damaged: its colour profile is implausibly large")
    decoder = EntropyDecoder(reader, _CONTEXTS)
    encoded = bytearray()
    before = last = 0
    for at in range(size):
        context = 0 if at <= _HEADER else 1 + _kind_of_last(last) + 8 * _kind_of_before(before)
        before, last = last, decoder.integer(context)
        if last > 255:
            raise UnreadableError("is damaged: its colour profile cannot be unpacked")
        encoded.append(last)
    decoder.finish()
    try:
        return _Unpacker(bytes(encoded)).profile(), reader.position
    except IndexError:
        raise UnreadableError("is damaged: its colour profile cannot be unpacked") from None


def _kind_of_last(byte: int) -> int:
    if bytes([byte]).isalpha():
        return 0
    if 48 <= byte <= 57 or byte in b".,":
        return 1
    if byte < 16:
        return 2 + min(byte, 2)
    return 6 if byte == 255 else 5 if byte > 240 else 7


def _kind_of_before(byte: int) -> int:
    if bytes([byte]).isalpha():
        return 0
    if 48 <= byte <= 57 or byte in b".,":
        return 1
    return 2 if byte < 16 else 3 if byte > 240 else 4


class _Stream:
    """Bytes taken one after another; past the end an IndexError is raised."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def empty(self) -> bool:
        return self._at >= len(self._data)

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1]

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise IndexError
        self._at += count
        return self._data[self._at - count : self._at]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80 or shift > 63:
                return value

    def rest(self) -> bytes:
        return self._data[self._at :]


class _Unpacker:
    """Follows the commands that rebuild a profile."""

    def __init__(self, encoded: bytes) -> None:
        stream = _Stream(encoded)
        self._size = stream.varint()
        self._commands = _Stream(stream.take(stream.varint()))
        self._data = _Stream(stream.rest())
        self._icc = bytearray()

    def profile(self) -> bytes:
        self._header()
        if self._size > _HEADER:
            self._tags()
            while not self._commands.empty and len(self._icc) <= _MAX_SIZE:
                self._content(self._commands.byte())
        if len(self._icc) != self._size:
            raise IndexError
        return bytes(self._icc)

    def _header(self) -> None:
        for at in range(min(_HEADER, self._size)):
            guess = expected_header(bytes(self._icc), self._size)[at]
            self._icc.append((self._data.byte() + guess) & 0xFF)

    def _tags(self) -> None:
        count = self._commands.varint()
        if not count:
            return
        self._number(count - 1)
        start, size = _HEADER + (count - 1) * 12, 0
        while not self._commands.empty:
            command = self._commands.byte()
            kind = command & 63
            if kind == 0:
                return
            if kind == _UNKNOWN_TAG:
                name = self._data.take(4)
            else:
                name = {_CURVE_TAGS: b"rTRC", _COLOUR_TAGS: b"rXYZ"}.get(kind) or _NAMED[kind - _FIRST_NAMED]
            start += size
            if command & _OFFSET_GIVEN:
                start = self._commands.varint()
            size = 20 if name in _TWENTY_BYTES else size
            if command & _SIZE_GIVEN:
                size = self._commands.varint()
            self._tag(name, start, size)
            if kind == _CURVE_TAGS:
                self._tag(b"gTRC", start, size)
                self._tag(b"bTRC", start, size)
            elif kind == _COLOUR_TAGS:
                self._tag(b"gXYZ", start + size, size)
                self._tag(b"bXYZ", start + 2 * size, size)

    def _tag(self, name: bytes, start: int, size: int) -> None:
        self._icc += name
        self._number(start)
        self._number(size)

    def _number(self, value: int) -> None:
        self._icc += (value & 0xFFFFFFFF).to_bytes(4, "big")

    def _content(self, command: int) -> None:
        if command == _INSERT:
            self._icc += self._data.take(self._commands.varint())
        elif command in (_SHUFFLE_2, _SHUFFLE_4):
            width = 2 if command == _SHUFFLE_2 else 4
            self._icc += _interleaved(self._data.take(self._commands.varint()), width)
        elif command == _PREDICT:
            self._predicted()
        elif command == _XYZ:
            self._icc += b"XYZ \0\0\0\0" + self._data.take(12)
        elif command >= _FIRST_TYPE:
            self._icc += _TYPES[command - _FIRST_TYPE] + bytes(4)
        else:
            raise IndexError

    def _predicted(self) -> None:
        flags = self._commands.byte()
        width, order = (flags & 3) + 1, flags >> 2 & 3
        stride = self._commands.varint() if flags & 16 else width
        if width == 3 or order == 3 or stride < width or stride * 4 >= len(self._icc):
            raise IndexError
        data = self._data.take(self._commands.varint())
        if width > 1:
            data = _interleaved(data, width)
        for first in range(0, len(data), width):
            at = len(self._icc)
            p1, p2, p3 = (
                int.from_bytes(self._icc[at - n * stride : at - n * stride + width], "big") for n in (1, 2, 3)
            )
            guess = (p1, 2 * p1 - p2, 3 * p1 - 3 * p2 + p3)[order] & ((1 << 8 * width) - 1)
            self._icc += bytes(
                (byte + expected) & 0xFF
                for byte, expected in zip(data[first : first + width], guess.to_bytes(width, "big"), strict=False)
            )


def _interleaved(data: bytes, width: int) -> bytes:
    """Return bytes that stand sorted by their place in a number of `width` bytes, put back number by number."""
    height = (len(data) + width - 1) // width
    order = [at for row in range(height) for at in range(row, len(data), height)]
    return bytes(data[at] for at in order)
