"""ISO base media boxes and the items of a `meta` box (ISO/IEC 14496-12, 8.11): what AVIF and HEIC files are made of."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BytesIO
from typing import BinaryIO

from lightfuse.images.metadata import MetadataBudget, UnreadableError, read_exactly

_MAX_BOXES = 1 << 16
_MAX_TABLE = 1 << 20  # Bytes of a table of items: hundreds of tiles take a few thousand.
_MAX_EXTENTS = 1 << 16
_TOO_MANY = "is damaged: it has implausibly many boxes"


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its four-letter kind, and where its contents begin and end in the stream or bytes they came from."""

    kind: bytes
    start: int
    end: int


@dataclass(slots=True)
class Item:
    """One item of a file: what it is, where its bytes stand, and its properties' boxes in the order they apply."""

    kind: bytes = b""
    content_type: bytes = b""
    construction: int = 0
    extents: list[tuple[int, int]] = field(default_factory=list)
    properties: list[tuple[bytes, bytes]] = field(default_factory=list)


def box(kind: bytes, body: bytes) -> bytes:
    """Return a box with these contents."""
    return struct.pack(">I4s", len(body) + 8, kind) + body


def file_boxes(stream: BinaryIO, at: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield a file's outermost boxes, or those from `at` to `end`.

    Raises:
        UnreadableError: a box reaches beyond the end.
    """
    end = stream.seek(0, 2) if end is None else end
    for _ in range(_MAX_BOXES):
        if at + 8 > end:
            return
        stream.seek(at)
        size, kind = struct.unpack(">I4s", read_exactly(stream, 8))
        start = at + 8
        if size == 1:
            size, start = int.from_bytes(read_exactly(stream, 8), "big"), at + 16
        elif size == 0:
            size = end - at
        if size < start - at:
            raise UnreadableError("is damaged: one of its boxes has no size")
        if at + size > end:
            raise UnreadableError
        yield Box(kind, start, at + size)
        at += size
    raise UnreadableError(_TOO_MANY)


def boxes(data: bytes, at: int = 0, end: int | None = None) -> Iterator[Box]:
    """Yield the boxes that stand in `data` from `at` to `end`; see `file_boxes`."""
    return file_boxes(BytesIO(data), at, end)


def read_box(stream: BinaryIO, found: Box, budget: MetadataBudget) -> bytes:
    """Return a box's contents; raise UnreadableError where they exceed the budget."""
    budget.spend(found.end - found.start)
    stream.seek(found.start)
    return read_exactly(stream, found.end - found.start)


class Items:
    """The items of a `meta` box's contents.

    Attributes:
        primary: the number of the item that is the picture.
        items: every item by its number.
        raw: the boxes inside the `meta` box by kind, each with its contents.
    """

    def __init__(self, meta: bytes) -> None:
        self.raw: dict[bytes, bytes] = {}
        for inner in boxes(meta, 4):
            self.raw.setdefault(inner.kind, meta[inner.start : inner.end])
        self.items: dict[int, Item] = {}
        try:
            self._read_information(self.raw.get(b"iinf", b""))
            self._read_locations(self.raw.get(b"iloc", b""))
            self._read_properties(self.raw.get(b"iprp", b""))
            primary = self.raw[b"pitm"]
            self.primary = int.from_bytes(primary[4 : 8 if primary[0] else 6], "big")
            self.picture = self.items[self.primary]
        except (struct.error, IndexError, KeyError):
            raise UnreadableError("is damaged: the list of its items is truncated") from None

    def _read_information(self, body: bytes) -> None:
        for entry in boxes(body, 6 if body[0] == 0 else 8):
            version = body[entry.start]
            if entry.kind != b"infe" or version < 2:
                continue
            number, at = _integer(body, entry.start + 4, 2 if version == 2 else 4)
            kind = body[at + 2 : at + 6]
            _, _, rest = body[at + 6 : entry.end].partition(b"\0")
            self._item(number).kind = kind
            self._item(number).content_type = rest.partition(b"\0")[0] if kind == b"mime" else b""

    def _read_locations(self, body: bytes) -> None:
        _check_length(body)
        version = body[0]
        offset_size, length_size = body[4] >> 4, body[4] & 15
        base_size, index_size = body[5] >> 4, body[5] & 15 if version else 0
        wide = 4 if version == 2 else 2
        count, at = _integer(body, 6, wide)
        total = 0
        for _ in range(count):
            number, at = _integer(body, at, wide)
            item = self._item(number)
            if version:
                item.construction, at = body[at + 1] & 15, at + 2
            base, at = _integer(body, at + 2, base_size)
            extents, at = _integer(body, at, 2)
            total += extents
            if total > _MAX_EXTENTS:  # Extents whose fields are all of no size take no room in the file.
                raise UnreadableError("is damaged: its items are in implausibly many pieces")
            for _ in range(extents):
                offset, at = _integer(body, at + index_size, offset_size)
                length, at = _integer(body, at, length_size)
                item.extents.append((base + offset, length))

    def _read_properties(self, body: bytes) -> None:
        parts = {part.kind: (part.start, part.end) for part in boxes(body)}
        known = [(part.kind, body[part.start : part.end]) for part in boxes(body, *parts[b"ipco"])]
        at, end = parts[b"ipma"]
        _check_length(body[at:end])
        version, wide = body[at], body[at + 3] & 1
        count, at = _integer(body, at + 4, 4)
        for _ in range(count):
            number, at = _integer(body, at, 2 if version == 0 else 4)
            links, at = body[at], at + 1
            for _ in range(links):
                index, at = _integer(body, at, 2 if wide else 1)
                index &= 0x7FFF if wide else 0x7F
                if index:
                    self._item(number).properties.append(known[index - 1])

    def _item(self, number: int) -> Item:
        return self.items.setdefault(number, Item())

    def property(self, kind: bytes) -> bytes | None:
        """Return the contents of the picture's first property of a kind."""
        return next((body for name, body in self.picture.properties if name == kind), None)

    def read(self, stream: BinaryIO, item: Item, budget: MetadataBudget) -> bytes | None:
        """Return an item's bytes; None where they do not lie in the file."""
        if item.construction > 1:
            return None
        budget.spend(sum(length for _, length in item.extents))
        parts = []
        for offset, length in item.extents:
            if item.construction == 1:
                parts.append(self.raw.get(b"idat", b"")[offset : offset + length])
            else:
                stream.seek(offset)
                parts.append(stream.read(length))
            if len(parts[-1]) < length:
                return None
        return b"".join(parts)


def _check_length(table: bytes) -> None:
    if len(table) > _MAX_TABLE:
        raise UnreadableError("is damaged: the list of its items is implausibly long")


def _integer(data: bytes, at: int, size: int) -> tuple[int, int]:
    """Return a big-endian integer of `size` bytes and where it ends; raise IndexError past the end."""
    if at + size > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + size], "big"), at + size
