"""EXIF blocks and the image file directories (IFDs) they share with TIFF files: read, edited in place, laid out anew.

Sources: TIFF 6.0, section 2 (directories); EXIF 2.32, 4.5 and 4.6 (tags).
"""

import struct
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from io import SEEK_END, BytesIO
from typing import BinaryIO

PREFIX = b"Exif\0\0"
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
SUB_IFDS = frozenset({EXIF_IFD, GPS_IFD, INTEROP_IFD})
BYTE, ASCII, SHORT, LONG, UNDEFINED = 1, 2, 3, 4, 7
ORIENTATION, DNG_SERIAL = 0x0112, 0xC62F
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_SOFTWARE, _WIDTH, _HEIGHT, _EXIF_WIDTH, _EXIF_HEIGHT = 0x0131, 0x0100, 0x0101, 0xA002, 0xA003
_MAKER_NOTE = 0x927C

# The tags of a TIFF's first directory that describe the photograph and not how its pixels are laid out: description,
# make, model, resolution, software, date, artist, host, rating, copyright, Windows' titles, the two sub-directories.
_DESCRIPTIVE = frozenset(
    {270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096), EXIF_IFD, GPS_IFD}
)
# Bytes of one value, and of the unit that byte order swaps, per TIFF type (BYTE … DOUBLE, IFD).
_TYPE_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
_SWAP_UNIT = {3: 2, 4: 4, 5: 4, 8: 2, 9: 4, 10: 4, 11: 4, 12: 8, 13: 4}
_INTEGER_FORMAT = {BYTE: "B", SHORT: "H", LONG: "I"}
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
    """One directory: its well-formed entries, where its pointer to the next directory stands, and that pointer.

    `outside` are the tags whose values would lie outside the data.
    """

    entries: tuple[Entry, ...]
    next_at: int
    next: int
    outside: frozenset[int] = frozenset()


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
    """Read the directory at `offset`; entries of unknown type or with values outside the stream are skipped.

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
        raise IfdError("directory is truncated")
    entries, outside = [], set()
    for index, (tag, kind, values, pointer) in enumerate(struct.iter_unpack(order + "HHII", table)):
        size = values * _TYPE_SIZE.get(kind, 0)
        at = offset + 2 + 12 * index + 8 if size <= 4 else pointer
        if size and at + size <= end:
            entries.append(Entry(tag, kind, values, at, size))
        elif size:
            outside.add(tag)
    tail = stream.read(4)
    following = struct.unpack(order + "I", tail)[0] if len(tail) == 4 else 0
    return Directory(tuple(entries), offset + 2 + 12 * count, following, frozenset(outside))


def read_value(stream: BinaryIO, order: str, entry: Entry) -> Value:
    """Read an entry's value and convert its bytes to little-endian."""
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
    stream.seek(entry.offset)
    data = stream.read(_TYPE_SIZE[entry.type])
    return int.from_bytes(data, "little" if order == "<" else "big")


def read_integers(stream: BinaryIO, order: str, entry: Entry) -> list[int]:
    """Return all the entry's values if they are 16-bit or 32-bit unsigned integers, else an empty list."""
    if entry.type not in (SHORT, LONG, 13) or entry.size > _MAX_VALUE_BYTES:
        return []
    stream.seek(entry.offset)
    data = stream.read(entry.size)
    return list(struct.unpack(f"{order}{entry.count}{'H' if entry.type == SHORT else 'I'}", data))


def sub_directories(stream: BinaryIO, order: str, directory: Directory) -> Iterable[tuple[int, Directory]]:
    """Yield the tag and directory of each readable Exif, GPS and Interoperability directory under this one."""
    # One of each kind: a corrupt block full of pointers must not fan out.
    pointers = {entry.tag: entry for entry in directory.entries if entry.tag in SUB_IFDS}
    for tag, entry in pointers.items():
        with suppress(IfdError):
            yield tag, read_directory(stream, order, read_integer(stream, order, entry) or 0)


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


def block_of(tree: Tree) -> bytes | None:
    """Return directories as an EXIF block; None if there is nothing in them."""
    return b"II*\0" + struct.pack("<I", 8) + serialise(tree, 8) if tree else None


def open_exif(exif: bytes) -> tuple[BytesIO, str, Directory]:
    """Return a stream over an EXIF block, its byte order and its first directory; raise IfdError if it is corrupt."""
    stream = BytesIO(exif)
    order, first = read_header(stream)
    return stream, order, read_directory(stream, order, first)


def upright_exif(exif: bytes) -> tuple[bytes, int]:
    """Return the EXIF block with Orientation 1 and without its thumbnail, and the orientation (1 to 8) it had.

    Only the orientation's value and the pointer to the thumbnail's directory change; the thumbnail's bytes are cut off
    where they are the block's tail, and otherwise left as unreferenced bytes.

    Raises:
        IfdError: the block has no readable first directory.
    """
    stream, order, main = open_exif(exif)
    upright = bytearray(exif)
    orientation = 1
    for entry in main.entries:
        if entry.tag == ORIENTATION and entry.type in _INTEGER_FORMAT:
            found = read_integer(stream, order, entry)
            orientation = found if found is not None and 1 <= found <= 8 else 1
            struct.pack_into(order + _INTEGER_FORMAT[entry.type], upright, entry.offset, 1)
    if main.next:
        struct.pack_into(order + "I", upright, main.next_at, 0)
        del upright[_thumbnail_tail(stream, order, main) :]
    return bytes(upright), orientation


def _thumbnail_tail(stream: BytesIO, order: str, main: Directory) -> int:
    """Return the offset from which the block holds nothing but the thumbnail's bytes, or the block's length."""
    block = stream.getvalue()
    try:
        thumbnail = {e.tag: read_integer(stream, order, e) for e in read_directory(stream, order, main.next).entries}
    except IfdError:
        return len(block)
    start, length = thumbnail.get(_THUMBNAIL_OFFSET), thumbnail.get(_THUMBNAIL_LENGTH)
    if not start or not length or start < _end(stream, order, main) or block[start + length :].strip(b"\0"):
        return len(block)
    return start


def _end(stream: BinaryIO, order: str, directory: Directory, depth: int = 1) -> int:
    """Return the offset just past everything a directory and those below it refer to."""
    ends = [directory.next_at + 4, *(entry.offset + entry.size for entry in directory.entries)]
    if depth < _MAX_DEPTH:
        ends += [_end(stream, order, below, depth + 1) for _, below in sub_directories(stream, order, directory)]
    return max(ends)


def exif_from_tiff(stream: BinaryIO, *, raw: bool = False) -> bytes | None:
    """Gather a TIFF file's descriptive tags, Exif and GPS directories into an EXIF block; None if it has none.

    Args:
        stream: the file.
        raw: it is a camera raw file built like a TIFF, whose orientation and serial number are gathered too.

    Raises:
        IfdError: the file is not a classic TIFF (a BigTIFF, say) or its first directory is corrupt.
    """
    order, first = read_header(stream, any_magic=raw)
    wanted = _DESCRIPTIVE | {ORIENTATION, DNG_SERIAL} if raw else _DESCRIPTIVE
    return block_of(read_tree(stream, order, read_directory(stream, order, first), wanted))


def tiff_tags_from_exif(exif: bytes) -> Tree:
    """Return the descriptive tags, Exif and GPS directories of an EXIF block, for a TIFF file's first directory.

    Raises:
        IfdError: the block is corrupt.
    """
    return read_tree(*open_exif(exif), _DESCRIPTIVE)


def exif_with_software(exif: bytes | None, software: str) -> bytes:
    """Return an EXIF block whose Software tag says `software`; without a block, or with a corrupt one, a new one.

    Everything else stays where it is, so that offsets inside a maker note stay valid: only the first directory is
    written anew, at the block's end.
    """
    text = software.encode("ascii", "replace") + b"\0"
    try:
        stream, order, main = open_exif(exif or b"")
    except IfdError:
        return block_of({_SOFTWARE: Value(ASCII, len(text), text)}) or b""
    block = bytearray(stream.getvalue())
    (first,) = struct.unpack_from(order + "I", block, 4)
    entries: dict[int, bytes] = {}
    for at in range(first + 2, main.next_at, 12):
        entry = bytes(block[at : at + 12])
        entries.setdefault(struct.unpack_from(order + "H", entry)[0], entry)
    block += bytes(len(block) % 2)
    entries[_SOFTWARE] = struct.pack(order + "HHII", _SOFTWARE, ASCII, len(text), len(block))
    block += text.ljust(len(text) + len(text) % 2, b"\0")
    struct.pack_into(order + "I", block, 4, len(block))
    table = b"".join(entries[tag] for tag in sorted(entries))
    return bytes(block + struct.pack(order + "H", len(entries)) + table + struct.pack(order + "I", main.next))


def exif_with_size(exif: bytes, width: int, height: int) -> bytes:
    """Return an EXIF block that tells this size where it tells one; a corrupt block is returned as it is."""
    try:
        stream, order, main = open_exif(exif)
    except IfdError:
        return exif
    sized = bytearray(exif)
    sizes = {_WIDTH: width, _HEIGHT: height, _EXIF_WIDTH: width, _EXIF_HEIGHT: height}
    below = [directory for tag, directory in sub_directories(stream, order, main) if tag == EXIF_IFD]
    for entry in (entry for directory in (main, *below) for entry in directory.entries):
        value = sizes.get(entry.tag)
        if value is not None and entry.count == 1 and entry.type in (SHORT, LONG):
            short = entry.type == SHORT and value > 0xFFFF
            struct.pack_into(order + _INTEGER_FORMAT[entry.type], sized, entry.offset, 0 if short else value)
    return bytes(sized)


def without_maker_note(exif: bytes) -> bytes | None:
    """Return an EXIF block, laid out anew, without its thumbnail and the camera maker's private block.

    Raises:
        IfdError: the block is corrupt.
    """
    tree = read_tree(*open_exif(exif))
    shooting = tree.get(EXIF_IFD)
    if isinstance(shooting, dict):
        shooting.pop(_MAKER_NOTE, None)
    return block_of(tree)
