"""EXIF blocks and the image file directories (IFDs) they share with TIFF files: read, edited in place, laid out anew.

Sources: TIFF 6.0, section 2 (directories); BigTIFF (libtiff's description); EXIF 2.32, 4.5 and 4.6 (tags).
"""

import struct
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from io import SEEK_END, BytesIO
from typing import BinaryIO

import numpy as np

PREFIX = b"Exif\0\0"
EXIF_IFD, GPS_IFD, INTEROP_IFD = 0x8769, 0x8825, 0xA005
_SUB_IFDS = frozenset({EXIF_IFD, GPS_IFD, INTEROP_IFD})
BYTE, ASCII, SHORT, LONG, RATIONAL, UNDEFINED, SRATIONAL = 1, 2, 3, 4, 5, 7, 10
_DESCRIPTION, ORIENTATION, DNG_SERIAL = 0x010E, 0x0112, 0xC62F
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_SOFTWARE, _WIDTH, _HEIGHT, _EXIF_WIDTH, _EXIF_HEIGHT = 0x0131, 0x0100, 0x0101, 0xA002, 0xA003
_MAKER_NOTE, _COLOUR_SPACE, _INTEROP_INDEX = 0x927C, 0xA001, 0x0001
_SRGB, _ADOBE_RGB, _UNCALIBRATED = 1, 2, 0xFFFF

# The tags of a TIFF's first directory that describe the photograph and not how its pixels are laid out: description,
# make, model, resolution, software, date, artist, host, rating, copyright, Windows' titles, the two sub-directories.
DESCRIPTIVE = frozenset(
    {270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096), EXIF_IFD, GPS_IFD}
)
# Bytes of one value, and of the unit that byte order swaps, per TIFF type (BYTE … DOUBLE, IFD, LONG8 … IFD8).
_TYPE_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_SWAP_UNIT = {5: 4, 10: 4} | {kind: size for kind, size in _TYPE_SIZE.items() if kind not in (5, 10)}
_INTEGER_FORMAT = {BYTE: "B", SHORT: "H", LONG: "I", 13: "I", 16: "Q", 18: "Q"}
# What scientific programs write into ImageDescription tells how the planes of that file are laid out, no other's.
_LAYOUTS = (b"ImageJ=", b'{"shape"', b"<?xml", b"<OME")
_MAX_DEPTH = 3  # IFD0 → Exif → Interoperability is as deep as EXIF goes; anything deeper is a loop.
_MAX_VALUE_BYTES = 1 << 24  # Entries may overlap, so a small file could ask for gigabytes.
_MAX_ENTRIES = 1 << 16


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


def numbers(kind: int, *values: int) -> Value:
    """Return a tag's value: integers, or rationals, each a numerator and a denominator."""
    letter = {SHORT: "H", SRATIONAL: "i"}.get(kind, "I")
    data = struct.pack(f"<{len(values)}{letter}", *values)
    return Value(kind, len(data) // _TYPE_SIZE[kind], data)


shorts, longs = partial(numbers, SHORT), partial(numbers, LONG)


class Directories:
    """Reads the directories of a TIFF file or an EXIF block.

    Args:
        data: a stream, or an EXIF block.
        any_magic: admit what camera makers put in place of TIFF's 42.

    Attributes:
        order: the byte order, ``"<"`` or ``">"``.
        main: the first directory.

    Raises:
        IfdError: there is no header, or the first directory does not lie inside the data.
    """

    def __init__(self, data: BinaryIO | bytes, *, any_magic: bool = False) -> None:
        self.stream = BytesIO(data) if isinstance(data, bytes) else data
        self._end = self.stream.seek(0, SEEK_END)
        self.stream.seek(0)
        head = self.stream.read(16)
        order, version = {b"II": "<", b"MM": ">"}.get(head[:2]), head[2:4] if head[:1] == b"I" else head[3:1:-1]
        self._big = version == b"+\0"
        if order is None or len(head) < (16 if self._big else 8) or not (version in (b"*\0", b"+\0") or any_magic):
            raise IfdError("no TIFF header")
        self.order = order
        # The formats of an offset and of the number of entries, and the length of an entry.
        self._offset, self._count, self._step = ("Q", "Q", 20) if self._big else ("I", "H", 12)
        (first,) = struct.unpack_from(order + self._offset, head, 8 if self._big else 4)
        self.main = self.read(first)

    def read(self, offset: int) -> Directory:
        """Read the directory at `offset`; entries of unknown type or with values outside the data are skipped.

        Raises:
            IfdError: the directory itself does not lie inside the data.
        """
        head, room = struct.calcsize("=" + self._count), struct.calcsize("=" + self._offset)
        if not 8 <= offset <= self._end - head:
            raise IfdError("directory outside the data")
        self.stream.seek(offset)
        (count,) = struct.unpack(self.order + self._count, self.stream.read(head))
        table = self.stream.read(self._step * count) if count < _MAX_ENTRIES else b""
        if len(table) < self._step * count:
            raise IfdError("directory is truncated")
        entries, outside = [], set()
        fields = struct.iter_unpack(f"{self.order}HH{self._offset}{self._offset}", table)
        for index, (tag, kind, values, pointer) in enumerate(fields):
            size = values * _TYPE_SIZE.get(kind, 0)
            at = offset + head + self._step * (index + 1) - room if size <= room else pointer
            if size and at + size <= self._end:
                entries.append(Entry(tag, kind, values, at, size))
            elif size:
                outside.add(tag)
        tail = self.stream.read(room)
        following = struct.unpack(self.order + self._offset, tail)[0] if len(tail) == room else 0
        return Directory(tuple(entries), offset + head + self._step * count, following, frozenset(outside))

    def value(self, entry: Entry) -> Value:
        """Return an entry's value, its bytes converted to little-endian."""
        self.stream.seek(entry.offset)
        data = self.stream.read(entry.size)
        unit = _SWAP_UNIT.get(entry.type, 1)
        if self.order == ">" and unit > 1:
            data = np.frombuffer(data, f"u{unit}").byteswap().tobytes()
        return Value(entry.type, entry.count, data)

    def integers(self, entry: Entry, most: int | None = None) -> list[int]:
        """Return (the first `most` of) an entry's values if they are unsigned integers, else an empty list."""
        letter, count = _INTEGER_FORMAT.get(entry.type), min(entry.count, most or entry.count)
        if letter is None or count * _TYPE_SIZE[entry.type] > _MAX_VALUE_BYTES:
            return []
        self.stream.seek(entry.offset)
        form = f"{self.order}{count}{letter}"
        return list(struct.unpack(form, self.stream.read(struct.calcsize(form))))

    def firsts(self, directory: Directory) -> dict[int, int]:
        """Return the first value of each entry of a directory, by tag; 0 where it is not an unsigned integer."""
        return {entry.tag: next(iter(self.integers(entry, 1)), 0) for entry in directory.entries}

    def below(self, directory: Directory) -> dict[int, Directory]:
        """Return each readable Exif, GPS and Interoperability directory under this one, by its tag."""
        # One of each kind: a corrupt block full of pointers must not fan out.
        found = {}
        for tag, entry in {entry.tag: entry for entry in directory.entries if entry.tag in _SUB_IFDS}.items():
            with suppress(IfdError):
                found[tag] = self.read(next(iter(self.integers(entry, 1)), 0))
        return found

    def tree(self, directory: Directory, wanted: Collection[int] | None = None, depth: int = 1) -> Tree:
        """Read a directory with all below it; `wanted` limits the tags of this level, not of those below.

        Raises:
            IfdError: the values together are implausibly large.
        """
        entries = [e for e in directory.entries if (wanted is None or e.tag in wanted) and e.tag not in _SUB_IFDS]
        if sum(entry.size for entry in entries) > _MAX_VALUE_BYTES:
            raise IfdError("values too large")
        tree: Tree = {entry.tag: self.value(entry) for entry in reversed(entries)}  # Of two alike the first counts.
        if depth < _MAX_DEPTH:
            for tag, below in self.below(directory).items():
                if wanted is None or tag in wanted:
                    tree[tag] = self.tree(below, depth=depth + 1)
        return tree


def serialise(tree: Tree, base: int) -> bytes:
    """Lay a tree out as little-endian bytes that are to stand at the (even) offset `base` of their file."""
    tree = {tag: node for tag, node in tree.items() if isinstance(node, dict) or node.type <= 13}
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


def block_of(tree: Tree) -> bytes:
    """Return directories as an EXIF block; empty if there is nothing in them."""
    return b"II*\0" + struct.pack("<I", 8) + serialise(tree, 8) if tree else b""


def upright_exif(exif: bytes) -> tuple[bytes, int]:
    """Return the EXIF block with Orientation 1 and without its thumbnail, and the orientation (1 to 8) it had.

    Only the orientation's value and the pointer to the thumbnail's directory change; the thumbnail's bytes are cut off
    where they are the block's tail, and otherwise left as unreferenced bytes.

    Raises:
        IfdError: the block has no readable first directory.
    """
    found = _open_block(exif)
    upright = bytearray(exif)
    orientation = 1
    for entry in found.main.entries:
        if entry.tag == ORIENTATION and entry.type in (BYTE, SHORT, LONG):
            (value,) = found.integers(entry, 1)
            orientation = value if 1 <= value <= 8 else 1
            struct.pack_into(found.order + _INTEGER_FORMAT[entry.type], upright, entry.offset, 1)
    if found.main.next:
        struct.pack_into(found.order + "I", upright, found.main.next_at, 0)
        with suppress(IfdError):
            thumbnail = found.firsts(found.read(found.main.next))
            start, length = thumbnail.get(_THUMBNAIL_OFFSET, 0), thumbnail.get(_THUMBNAIL_LENGTH, 0)
            if length and start > found.main.next_at and not exif[start + length :].strip(b"\0"):
                del upright[start:]
    return bytes(upright), orientation


def _open_block(exif: bytes) -> Directories:
    if exif[2:4] in (b"+\0", b"\0+"):
        raise IfdError("an EXIF block is no BigTIFF")
    return Directories(exif)


def exif_from_tiff(stream: BinaryIO, *, raw: bool = False) -> bytes:
    """Gather a TIFF file's descriptive tags, Exif and GPS directories into an EXIF block; empty if it has none.

    Args:
        stream: the file.
        raw: it is a camera raw file built like a TIFF, whose orientation and serial number are gathered too.

    Raises:
        IfdError: the file's first directory is corrupt.
    """
    found = Directories(stream, any_magic=raw)
    tree = found.tree(found.main, DESCRIPTIVE | {ORIENTATION, DNG_SERIAL} if raw else DESCRIPTIVE)
    description = tree.get(_DESCRIPTION)
    if isinstance(description, Value) and description.data.lstrip().startswith(_LAYOUTS):
        del tree[_DESCRIPTION]
    return block_of(tree)


def exif_with_software(exif: bytes | None, software: str) -> bytes:
    """Return an EXIF block whose Software tag says `software`; without a block, or with a corrupt one, a new one.

    Everything else stays where it is, so that offsets inside a maker note stay valid: only the first directory is
    written anew, at the block's end.
    """
    text = software.encode("ascii", "replace") + b"\0"
    try:
        found = _open_block(exif or b"")
    except IfdError:
        return block_of({_SOFTWARE: Value(ASCII, len(text), text)})
    order, block = found.order, bytearray(exif or b"")
    (first,) = struct.unpack_from(order + "I", block, 4)
    entries: dict[int, bytes] = {}
    for at in range(first + 2, found.main.next_at, 12):
        entry = bytes(block[at : at + 12])
        entries.setdefault(struct.unpack_from(order + "H", entry)[0], entry)
    block += bytes(len(block) % 2)
    entries[_SOFTWARE] = struct.pack(order + "HHII", _SOFTWARE, ASCII, len(text), len(block))
    block += text.ljust(len(text) + len(text) % 2, b"\0")
    struct.pack_into(order + "I", block, 4, len(block))
    table = b"".join(entries[tag] for tag in sorted(entries))
    return bytes(block + struct.pack(order + "H", len(entries)) + table + struct.pack(order + "I", found.main.next))


def exif_with_size(exif: bytes, width: int, height: int, *, srgb: bool = False) -> bytes:
    """Return an EXIF block that tells this size where it tells one and, of sRGB pixels, no Adobe RGB.

    A corrupt block is returned as it is.
    """
    try:
        found = _open_block(exif)
    except IfdError:
        return exif
    sized = bytearray(exif)
    sizes = {_WIDTH: width, _HEIGHT: height, _EXIF_WIDTH: width, _EXIF_HEIGHT: height}
    below = found.below(found.main).get(EXIF_IFD)
    for entry in found.main.entries + (below.entries if below else ()):
        value = sizes.get(entry.tag)
        if value is not None and entry.count == 1 and entry.type in (SHORT, LONG):
            short = entry.type == SHORT and value > 0xFFFF
            struct.pack_into(found.order + _INTEGER_FORMAT[entry.type], sized, entry.offset, 0 if short else value)
    for entry in _adobe_rgb_entries(found) if srgb else ():
        told = struct.pack(found.order + "H", _SRGB) if entry.tag == _COLOUR_SPACE else b"R98\0"
        sized[entry.offset : entry.offset + len(told)] = told
    return bytes(sized)


def is_adobe_rgb(exif: bytes) -> bool:
    """Tell whether an EXIF block says Adobe RGB, as DCF 2.0 prescribes (R03) or as some cameras do (ColorSpace 2)."""
    try:
        return bool(_adobe_rgb_entries(_open_block(exif)))
    except IfdError:
        return False


def _adobe_rgb_entries(found: Directories) -> list[Entry]:
    """Return the entries (ColorSpace, InteroperabilityIndex) by which an EXIF block says Adobe RGB; empty if none."""
    shooting = found.below(found.main).get(EXIF_IFD)
    interop = found.below(shooting).get(INTEROP_IFD) if shooting else None
    spaces = [e for e in shooting.entries if e.tag == _COLOUR_SPACE and e.type == SHORT][-1:] if shooting else []
    indices = [e for e in interop.entries if e.tag == _INTEROP_INDEX and e.size == 4][-1:] if interop else []
    space = found.integers(spaces[0], 1)[0] if spaces else _UNCALIBRATED
    is_r03 = bool(indices) and found.value(indices[0]).data[:3] == b"R03"
    return spaces + indices if space == _ADOBE_RGB or (space == _UNCALIBRATED and is_r03) else []


def without_maker_note(exif: bytes) -> bytes:
    """Return an EXIF block, laid out anew, without its thumbnail and the camera maker's private block.

    Raises:
        IfdError: the block is corrupt.
    """
    found = Directories(exif)
    tree = found.tree(found.main)
    shooting = tree.get(EXIF_IFD)
    if isinstance(shooting, dict):
        shooting.pop(_MAKER_NOTE, None)
    return block_of(tree)
