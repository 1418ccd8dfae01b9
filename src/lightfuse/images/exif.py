"""EXIF blocks: turned upright in place, and carried between TIFF tags and stand-alone blocks."""

import struct
from io import BytesIO
from typing import BinaryIO

from lightfuse.images.ifd import (
    ASCII,
    BYTE,
    EXIF_IFD,
    GPS_IFD,
    LONG,
    SHORT,
    Directory,
    IfdError,
    Tree,
    Value,
    read_directory,
    read_header,
    read_integer,
    read_tree,
    serialise,
    sub_directories,
)

PREFIX = b"Exif\0\0"
ORIENTATION = 0x0112
_THUMBNAIL_OFFSET, _THUMBNAIL_LENGTH = 0x0201, 0x0202
_SOFTWARE, _WIDTH, _HEIGHT, _EXIF_WIDTH, _EXIF_HEIGHT = 0x0131, 0x0100, 0x0101, 0xA002, 0xA003
_MAKER_NOTE, _DNG_SERIAL = 0x927C, 0xC62F

# The tags of a TIFF's first directory that describe the photograph and not how its pixels are laid out: description,
# make, model, resolution, software, date, artist, host, rating, copyright, Windows' titles, the two sub-directories.
_DESCRIPTIVE = frozenset(
    {270, 271, 272, 282, 283, 296, 305, 306, 315, 316, 18246, 18249, 33432, *range(40091, 40096), EXIF_IFD, GPS_IFD}
)
_INTEGER_FORMAT = {BYTE: "B", SHORT: "H", LONG: "I"}


def upright_exif(exif: bytes) -> tuple[bytes, int]:
    """Return the EXIF block with Orientation 1 and without its thumbnail, and the orientation (1 to 8) it had.

    Only the orientation's value and the pointer to the thumbnail's directory change; the thumbnail's bytes are cut off
    where they are the block's tail, and otherwise left as unreferenced bytes.

    Raises:
        IfdError: the block has no readable first directory.
    """
    stream = BytesIO(exif)
    order, first = read_header(stream)
    main = read_directory(stream, order, first)
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


def _thumbnail_tail(stream: BinaryIO, order: str, main: Directory) -> int:
    """Return the offset from which the block holds nothing but the thumbnail's bytes, or the block's length."""
    stream.seek(0)
    block = stream.read()
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
    if depth < 3:
        ends += [_end(stream, order, below, depth + 1) for _, below in sub_directories(stream, order, directory)]
    return max(ends)


def exif_from_tiff(stream: BinaryIO) -> bytes | None:
    """Gather a TIFF file's descriptive tags, Exif and GPS directories into an EXIF block; None if it has none.

    Raises:
        IfdError: the file is not a classic TIFF (a BigTIFF, say) or its first directory is corrupt.
    """
    order, first = read_header(stream)
    return block_of(read_tree(stream, order, read_directory(stream, order, first), wanted=_DESCRIPTIVE))


def exif_from_raw(stream: BinaryIO) -> bytes | None:
    """Gather the same and the orientation from a camera raw file that is built like a TIFF.

    Raises:
        IfdError: its first directory is corrupt.
    """
    order, first = read_header(stream, any_magic=True)
    wanted = _DESCRIPTIVE | {ORIENTATION, _DNG_SERIAL}
    return block_of(read_tree(stream, order, read_directory(stream, order, first), wanted))


def tiff_tags_from_exif(exif: bytes) -> Tree:
    """Return the descriptive tags, Exif and GPS directories of an EXIF block, for a TIFF file's first directory.

    Raises:
        IfdError: the block is corrupt.
    """
    return _tree(exif, _DESCRIPTIVE)


def with_software(exif: bytes | None, software: str) -> bytes:
    """Return an EXIF block whose Software tag says `software`; without a block, or with a corrupt one, a new one.

    Everything else stays where it is, so that what a maker's note points at is still found there: only the first
    directory is written anew, at the block's end.
    """
    text = software.encode("ascii", "replace") + b"\0"
    try:
        stream = BytesIO(exif or b"")
        order, first = read_header(stream)
        main = read_directory(stream, order, first)
    except IfdError:
        return block_of({_SOFTWARE: Value(ASCII, len(text), text)}) or b""
    block = bytearray(exif or b"")
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


def with_size(exif: bytes, width: int, height: int) -> bytes:
    """Return an EXIF block that tells this size where it tells one; a corrupt block is returned as it is."""
    stream = BytesIO(exif)
    try:
        order, first = read_header(stream)
        main = read_directory(stream, order, first)
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
    tree = _tree(exif)
    shooting = tree.get(EXIF_IFD)
    if isinstance(shooting, dict):
        shooting.pop(_MAKER_NOTE, None)
    return block_of(tree)


def _tree(exif: bytes, wanted: frozenset[int] | None = None) -> Tree:
    stream = BytesIO(exif)
    order, first = read_header(stream)
    return read_tree(stream, order, read_directory(stream, order, first), wanted)


def block_of(tree: Tree) -> bytes | None:
    """Return directories as an EXIF block; None if there is nothing in them."""
    return b"II*\0" + struct.pack("<I", 8) + serialise(tree, 8) if tree else None
