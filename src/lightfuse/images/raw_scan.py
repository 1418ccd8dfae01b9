"""Camera raw files recognised, and their headers read, without the extra that develops them."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from typing import BinaryIO

from lightfuse.images.container import Container, UnreadableError
from lightfuse.images.exif import block_of, exif_from_raw, without_maker_note
from lightfuse.images.ifd import (
    EXIF_IFD,
    Entry,
    IfdError,
    Tree,
    read_directory,
    read_header,
    read_integer,
    read_tree,
    sub_directories,
)
from lightfuse.images.isobmff import boxes, file_boxes, read_box
from lightfuse.images.jpeg_segments import scan_jpeg
from lightfuse.images.metadata import Metadata, make_upright

RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos", ".mrw",
    ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})  # fmt: skip
# The first bytes of raw files that are no plain TIFF (Olympus, Panasonic, Fujifilm, Canon, Sigma, Minolta, Phase One).
_RAW_STARTS = (
    b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILM", b"II\x1a\0\0\0HEAP", b"FOVb", b"\0MRM", b"IIII", b"MMMM",
)  # fmt: skip
_CR3 = b"ftypcrx "
_SUBFILE, _WIDTH, _HEIGHT, _PHOTOMETRIC, _SUB_IFDS, _DNG_VERSION = 254, 256, 257, 262, 330, 50706
_SENSOR_PHOTOMETRIC = (32803, 34892)
_PANASONIC_JPEG, _EXIF_WIDTH, _EXIF_HEIGHT = 0x002E, 0xA002, 0xA003
_RAF_JPEG_AT = 84
_MAX_JPEG = 1 << 26
_CR3_BLOCKS = (b"CMT1", b"CMT2")


def starts_like_raw(head: bytes) -> bool:
    """Tell from a file's first 16 bytes whether it is a raw file that cannot be mistaken for a TIFF."""
    return head.startswith(_RAW_STARTS) or head[4:12] == _CR3


def tiff_is_raw(stream: BinaryIO) -> bool:
    """Tell whether what starts like a TIFF is a raw file: its first page is a preview, or the sensor's own values."""
    try:
        order, first = read_header(stream)
        stream.seek(8)
        if stream.read(2) == b"CR":
            return True
        main = read_directory(stream, order, first)
    except IfdError:
        return False
    values = {entry.tag: read_integer(stream, order, entry) or 0 for entry in main.entries}
    reduced = bool(values.get(_SUBFILE, 0) & 1)
    return reduced or _DNG_VERSION in values or values.get(_PHOTOMETRIC) in _SENSOR_PHOTOMETRIC


def scan_raw(stream: BinaryIO) -> Container:
    """Read a raw file's header: its EXIF and, as far as that tells it, its size (0 × 0 where it does not).

    Developing turns the picture upright: the size is the upright one where it is known.
    """
    stream.seek(0)
    head = stream.read(_RAF_JPEG_AT + 8)
    width, height, exif = 0, 0, None
    with suppress(IfdError, UnreadableError, struct.error):
        if head.startswith(b"FUJIFILM"):
            width, height, exif = _of_jpeg(stream, *struct.unpack_from(">II", head, _RAF_JPEG_AT))
        elif head[4:12] == _CR3:
            exif = _of_cr3(stream)
        else:
            width, height, exif = _of_tiff(stream)
    if exif is not None:
        with suppress(IfdError):
            exif = without_maker_note(exif)  # It points into a file that is left behind.
    metadata, orientation, notes = make_upright(Metadata(exif=exif))
    if orientation >= 5:
        width, height = height, width
    return Container("RAW", width, height, 16, 1, metadata, notes)


def _of_tiff(stream: BinaryIO) -> tuple[int, int, bytes | None]:
    order, first = read_header(stream, any_magic=True)
    main = read_directory(stream, order, first)
    for entry in main.entries:
        if entry.tag == _PANASONIC_JPEG:
            return _of_jpeg(stream, entry.offset, entry.size)
    sizes = [(_of(stream, order, main.entries, _WIDTH), _of(stream, order, main.entries, _HEIGHT))]
    for entry in main.entries:
        if entry.tag == _SUB_IFDS and entry.size >= 4:
            stream.seek(entry.offset)
            for (offset,) in struct.iter_unpack(order + "I", stream.read(min(entry.size, 32) & ~3)):
                with suppress(IfdError):
                    below = read_directory(stream, order, offset)
                    sizes.append(
                        (_of(stream, order, below.entries, _WIDTH), _of(stream, order, below.entries, _HEIGHT))
                    )
    for tag, below in sub_directories(stream, order, main):
        if tag == EXIF_IFD:
            entries = below.entries
            sizes.append((_of(stream, order, entries, _EXIF_WIDTH), _of(stream, order, entries, _EXIF_HEIGHT)))
    width, height = max(sizes, key=lambda size: size[0] * size[1])
    return width, height, exif_from_raw(stream)


def _of(stream: BinaryIO, order: str, entries: tuple[Entry, ...], tag: int) -> int:
    return next((read_integer(stream, order, entry) or 0 for entry in entries if entry.tag == tag), 0)


def _of_jpeg(stream: BinaryIO, at: int, length: int) -> tuple[int, int, bytes | None]:
    """Read what the preview inside a raw file says: its upright size, nearly the picture's, and its EXIF."""
    stream.seek(at)
    container = scan_jpeg(BytesIO(stream.read(min(length, _MAX_JPEG))))
    width, height = container.width, container.height
    if container.orientation >= 5:
        width, height = height, width
    return width, height, container.metadata.exif


def _of_cr3(stream: BinaryIO) -> bytes | None:
    """Return the EXIF of a CR3: its main and its shooting directory stand in boxes of their own, each like a TIFF."""
    tree: Tree = {}
    for kind, body in _cr3_blocks(stream):
        block = BytesIO(body)
        order, first = read_header(block)
        directory = read_tree(block, order, read_directory(block, order, first))
        if kind == b"CMT1":
            tree |= directory
        else:
            tree[EXIF_IFD] = directory
    return block_of(tree)


def _cr3_blocks(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    for box in file_boxes(stream):
        if box.kind != b"moov":
            continue
        moov = read_box(stream, box)
        for inner in boxes(moov):
            if inner.kind == b"uuid":  # Canon's own, 16 bytes of name, then boxes.
                for block in boxes(moov, inner.start + 16, inner.end):
                    if block.kind in _CR3_BLOCKS:
                        yield block.kind, moov[block.start : block.end]
