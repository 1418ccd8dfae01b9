"""EXIF blocks: turned upright in place, and carried between TIFF tags and stand-alone blocks."""

import struct
from io import BytesIO
from typing import BinaryIO

from lightfuse.images.ifd import (
    BYTE,
    EXIF_IFD,
    GPS_IFD,
    LONG,
    SHORT,
    Directory,
    IfdError,
    Tree,
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
_MAKER_NOTE = 0x927C

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
    return _block(read_tree(stream, order, read_directory(stream, order, first), wanted=_DESCRIPTIVE))


def tiff_tags_from_exif(exif: bytes) -> Tree:
    """Return the descriptive tags, Exif and GPS directories of an EXIF block, for a TIFF file's first directory.

    Raises:
        IfdError: the block is corrupt.
    """
    return _tree(exif, _DESCRIPTIVE)


def without_maker_note(exif: bytes) -> bytes | None:
    """Return an EXIF block, laid out anew, without its thumbnail and the camera maker's private block.

    Raises:
        IfdError: the block is corrupt.
    """
    tree = _tree(exif)
    shooting = tree.get(EXIF_IFD)
    if isinstance(shooting, dict):
        shooting.pop(_MAKER_NOTE, None)
    return _block(tree)


def _tree(exif: bytes, wanted: frozenset[int] | None = None) -> Tree:
    stream = BytesIO(exif)
    order, first = read_header(stream)
    return read_tree(stream, order, read_directory(stream, order, first), wanted)


def _block(tree: Tree) -> bytes | None:
    return b"II*\0" + struct.pack("<I", 8) + serialise(tree, 8) if tree else None
