"""Image file directories, the tag structure that TIFF files and EXIF blocks share (TIFF 6.0, section 2)."""

import struct
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import SEEK_END
from typing import BinaryIO

EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
SUB_IFDS = frozenset({EXIF_IFD, GPS_IFD, INTEROP_IFD})

BYTE, ASCII, SHORT, LONG = 1, 2, 3, 4
# Bytes of one value, and of the unit that byte order swaps, per TIFF type (BYTE … DOUBLE, IFD).
_TYPE_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SWAP_UNIT = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}

_MAX_DEPTH = 3  # IFD0 → Exif → Interoperability is as deep as EXIF goes; anything deeper is a loop.
_MAX_VALUE_BYTES = 1 << 24  # Entries may overlap, so a small file could ask for gigabytes.


class IfdError(ValueError):
    """The bytes are not a readable image file directory."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One tag of a directory: where its value stands, not the value itself."""

    tag: int
    type: int
    count: int
    offset: int
    size: int


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory: its well-formed entries, where its pointer to the next directory stands, and that pointer."""

    entries: tuple[Entry, ...]
    next_at: int
    next: int


@dataclass(frozen=True, slots=True)
class Value:
    """A tag's value, its bytes little-endian."""

    type: int
    count: int
    data: bytes


Tree = dict[int, "Value | Tree"]


def read_header(stream: BinaryIO, *, any_magic: bool = False) -> tuple[str, int]:
    """Return the byte order (``"<"`` or ``">"``) and the first directory's offset; raise IfdError if there is none.

    `any_magic` admits what camera makers put in place of TIFF's 42.
    """
    stream.seek(0)
    head = stream.read(8)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(head[:4])
    if order is None and any_magic:
        order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise IfdError("no TIFF header")
    return order, struct.unpack(order + "I", head[4:])[0]


def read_directory(stream: BinaryIO, order: str, offset: int) -> Directory:
    """Read the directory at `offset`; entries of unknown type or with values outside the stream are passed over.

    Raises:
        IfdError: the directory itself does not lie inside the stream.
    """
    end = stream.seek(0, SEEK_END)
    if not 8 <= offset <= end - 2:
        raise IfdError("directory outside the data")
    stream.seek(offset)
    (count,) = struct.unpack(order + "H", stream.read(2))
    table = stream.read(12 * count)
    if len(table) < 12 * count:
        raise IfdError("directory cut short")
    entries = []
    for index, (tag, kind, values, pointer) in enumerate(struct.iter_unpack(order + "HHII", table)):
        size = values * _TYPE_SIZE.get(kind, 0)
        at = offset + 2 + 12 * index + 8 if size <= 4 else pointer
        if size and at + size <= end:
            entries.append(Entry(tag, kind, values, at, size))
    next_at = offset + 2 + 12 * count
    tail = stream.read(4)
    return Directory(tuple(entries), next_at, struct.unpack(order + "I", tail)[0] if len(tail) == 4 else 0)


def read_value(stream: BinaryIO, order: str, entry: Entry) -> Value:
    """Read an entry's value and turn its bytes little-endian."""
    stream.seek(entry.offset)
    data = stream.read(entry.size)
    unit = _SWAP_UNIT.get(entry.type, 1)
    if order == ">" and unit > 1:
        swapped = bytearray(data)
        for byte in range(unit):
            swapped[byte::unit] = data[unit - 1 - byte :: unit]
        data = bytes(swapped)
    return Value(entry.type, entry.count, data)


def read_integer(stream: BinaryIO, order: str, entry: Entry) -> int | None:
    """Return the entry's first value if it is an unsigned integer, else None."""
    if entry.type not in (BYTE, SHORT, LONG, 13):
        return None
    return int.from_bytes(read_value(stream, order, entry).data[: _TYPE_SIZE[entry.type]], "little")


def sub_directories(stream: BinaryIO, order: str, directory: Directory) -> Iterable[tuple[int, Directory]]:
    """Yield the tag and directory of each readable Exif, GPS and Interoperability directory hanging under this one."""
    # One of each kind: a corrupt block full of pointers must not fan out.
    pointers = {entry.tag: entry for entry in directory.entries if entry.tag in SUB_IFDS}
    for tag, entry in pointers.items():
        offset = read_integer(stream, order, entry)
        below = None
        with suppress(IfdError):
            below = read_directory(stream, order, offset or 0)
        if below is not None:
            yield tag, below


def read_tree(
    stream: BinaryIO, order: str, directory: Directory, wanted: Collection[int] | None = None, depth: int = 1
) -> Tree:
    """Read a directory with all below it; `wanted` limits the tags of this level, not of those below.

    Raises:
        IfdError: the values together are implausibly large.
    """
    entries = [e for e in directory.entries if (wanted is None or e.tag in wanted) and e.tag not in SUB_IFDS]
    if sum(entry.size for entry in entries) > _MAX_VALUE_BYTES:
        raise IfdError("values too large")
    tree: Tree = {entry.tag: read_value(stream, order, entry) for entry in entries}
    if depth < _MAX_DEPTH:
        for tag, below in sub_directories(stream, order, directory):
            if wanted is None or tag in wanted:
                tree[tag] = read_tree(stream, order, below, depth=depth + 1)
    return tree


def serialise(tree: Tree, base: int) -> bytes:
    """Lay a tree out as little-endian bytes that are to stand at the (even) offset `base` of their file."""
    directory = bytearray(struct.pack("<H", len(tree)))
    values = bytearray()
    values_at = base + 2 + 12 * len(tree) + 4
    for tag in sorted(tree):
        node = tree[tag]
        if len(values) % 2:
            values += b"\0"  # TIFF wants values on even offsets.
        at = values_at + len(values)
        if isinstance(node, dict):
            directory += struct.pack("<HHII", tag, LONG, 1, at)
            values += serialise(node, at)
        elif len(node.data) <= 4:
            directory += struct.pack("<HHI", tag, node.type, node.count) + node.data.ljust(4, b"\0")
        else:
            directory += struct.pack("<HHII", tag, node.type, node.count, at)
            values += node.data
    return bytes(directory + bytes(4) + values)
