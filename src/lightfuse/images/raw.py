"""Camera raw files: recognised and their headers read without the extra `raw` (rawpy, LibRaw) that develops them.

Every frame of a bracket is developed with the same settings, so that exposures stay as many stops apart as shot.
"""

import os
import re
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import SEEK_END, BytesIO
from tempfile import TemporaryFile
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.exif import (
    EXIF_IFD,
    Directories,
    Directory,
    IfdError,
    Tree,
    block_of,
    exif_from_tiff,
    without_maker_note,
)
from lightfuse.images.isobmff import boxes, file_boxes, read_box
from lightfuse.images.jpeg import scan_jpeg
from lightfuse.images.metadata import Header, Metadata, MetadataBudget, UnreadableError

RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".iiq", ".kdc", ".mef", ".mos", ".mrw",
    ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})  # fmt: skip
# The first bytes of raw files that are no plain TIFF (Olympus, Panasonic, Fujifilm, Canon, Sigma, Minolta, Phase One).
_RAW_STARTS = (
    b"IIRO", b"IIRS", b"MMOR", b"IIU\0", b"FUJIFILM", b"II\x1a\0\0\0HEAP", b"FOVb", b"\0MRM", b"IIII", b"MMMM",
)  # fmt: skip
_CR3 = b"ftypcrx "
_CR3_BLOCKS = (b"CMT1", b"CMT2")
_SUBFILE, _WIDTH, _HEIGHT, _PHOTOMETRIC = 254, 256, 257, 262
_STRIP_OFFSETS, _STRIP_ROWS, _STRIP_COUNTS = 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_COUNTS, _SUB_IFDS, _DNG_VERSION = 322, 323, 324, 325, 330, 50706
_SENSOR_PHOTOMETRIC = (32803, 34892)
_PANASONIC_WIDTH, _PANASONIC_HEIGHT, _PANASONIC_FORMAT, _PANASONIC_JPEG, _PANASONIC_OFFSET = 2, 3, 0x2D, 0x2E, 0x118
_RAF_JPEG_AT, _RAF_SENSOR_AT = 84, 100
_MAX_JPEG = 1 << 26
_MAX_DIRECTORIES = 16
_SRGB_CURVE = (2.4, 12.92)
_DAMAGED = "is damaged or truncated; copy it again"
_LIBRAW_MESSAGE = re.compile(rb"[^\n]*: (?:Unexpected end of file|data corrupted at \d+)\n")
_stderr = threading.Lock()

Gains = tuple[float, float, float, float]
"""White balance: what red, green, blue and second green are multiplied by."""


def starts_like_raw(head: bytes) -> bool:
    """Tell from a file's first 16 bytes whether it is a raw file that cannot be mistaken for a TIFF."""
    return head.startswith(_RAW_STARTS) or head[4:12] == _CR3


def tiff_is_raw(stream: BinaryIO) -> bool:
    """Tell whether what starts like a TIFF is a raw file: its first page is a preview, or the sensor's own values."""
    stream.seek(8)
    if stream.read(2) == b"CR":
        return True
    try:
        found = Directories(stream)
    except IfdError:
        return False
    values = found.firsts(found.main)
    reduced = bool(values.get(_SUBFILE, 0) & 1)
    return reduced or _DNG_VERSION in values or values.get(_PHOTOMETRIC) in _SENSOR_PHOTOMETRIC


def scan_raw(stream: BinaryIO) -> Header:
    """Read a raw file's EXIF; developing turns the picture upright."""
    stream.seek(0)
    head = stream.read(_RAF_JPEG_AT + 8)
    exif = None
    with suppress(IfdError, UnreadableError, struct.error):
        if head.startswith(b"FUJIFILM"):
            exif = _of_jpeg(stream, *struct.unpack_from(">II", head, _RAF_JPEG_AT))
        elif head[4:12] == _CR3:
            exif = _of_cr3(stream)
        else:
            exif = _of_tiff(stream)
    if exif is not None:
        with suppress(IfdError):
            exif = without_maker_note(exif)  # It points into a file that is left behind.
    return Header.of("RAW", (0, 0), 16, Metadata(exif=exif), orientation=1)


def _directories(stream: BinaryIO) -> tuple[Directories, list[Directory]]:
    """Return a file's directories, and those in which pixels may be described: chained, and under the first."""
    block = Directories(stream, any_magic=True)
    found = [block.main]
    pointers = [block.main.next]
    pointers += [at for entry in block.main.entries if entry.tag == _SUB_IFDS for at in block.integers(entry)]
    while pointers and len(found) < _MAX_DIRECTORIES:
        with suppress(IfdError):
            found.append(block.read(pointers.pop(0)))
            pointers.append(found[-1].next)
    return block, found


def _of_tiff(stream: BinaryIO) -> bytes | None:
    for entry in Directories(stream, any_magic=True).main.entries:
        if entry.tag == _PANASONIC_JPEG:
            return _of_jpeg(stream, entry.offset, entry.size)
    return exif_from_tiff(stream, raw=True)


def _of_jpeg(stream: BinaryIO, at: int, length: int) -> bytes | None:
    """Return the EXIF of the preview inside a raw file."""
    stream.seek(at)
    return scan_jpeg(BytesIO(stream.read(min(length, _MAX_JPEG)))).metadata.exif


def _of_cr3(stream: BinaryIO) -> bytes:
    """Return the EXIF of a CR3: its main and its shooting directory stand in boxes of their own, each like a TIFF."""
    tree: Tree = {}
    budget = MetadataBudget()
    for outer in (box for box in file_boxes(stream) if box.kind == b"moov"):
        moov = read_box(stream, outer, budget)
        for inner in (box for box in boxes(moov) if box.kind == b"uuid"):  # 16 bytes of name, then boxes.
            for block in boxes(moov, inner.start + 16, inner.end):
                if block.kind in _CR3_BLOCKS:
                    found = Directories(moov[block.start : block.end])
                    directory = found.tree(found.main)
                    tree |= directory if block.kind == b"CMT1" else {EXIF_IFD: directory}
    return block_of(tree)


def check_complete(stream: BinaryIO) -> None:
    """Raise UnreadableError where part of a raw file's pixels is missing: LibRaw would fill it with black or noise."""
    size = stream.seek(0, SEEK_END)
    stream.seek(0)
    head = stream.read(_RAF_SENSOR_AT + 8)
    if head.startswith(b"FUJIFILM"):
        missing = len(head) < _RAF_SENSOR_AT + 8 or sum(struct.unpack_from(">II", head, _RAF_SENSOR_AT)) > size
    elif head[4:12] == _CR3:
        missing = sum(1 for _ in file_boxes(stream)) == 0  # Raises where a box reaches beyond the end.
    else:
        try:
            block, found = _directories(stream)
        except IfdError:
            return
        main = block.firsts(block.main)
        missing = any(_directory_is_truncated(block, directory, size, dng=_DNG_VERSION in main) for directory in found)
        if _PANASONIC_OFFSET in main:
            pixels = main.get(_PANASONIC_WIDTH, 0) * main.get(_PANASONIC_HEIGHT, 0)
            # Up to format 7 at least 16 bytes hold 14 pixels; later ones are compressed, hardly to less than 4 bits.
            least = pixels * 16 // 14 if main.get(_PANASONIC_FORMAT, 0) <= 7 else pixels // 2
            missing = missing or main[_PANASONIC_OFFSET] + least > size
    if missing:
        raise UnreadableError


def _directory_is_truncated(block: Directories, directory: Directory, size: int, *, dng: bool) -> bool:
    """Tell whether strips or tiles of the sensor's values are missing or lie outside the file."""
    values = block.firsts(directory)
    if values.get(_PHOTOMETRIC) not in _SENSOR_PHOTOMETRIC:
        return False  # A preview, or laid out as only its maker knows.
    lists = {entry.tag: block.integers(entry) for entry in directory.entries}
    tiled = _TILE_WIDTH in values
    width, height = values.get(_WIDTH, 0), values.get(_HEIGHT, 0)
    across = -(-width // max(1, values[_TILE_WIDTH])) if tiled else 1
    down = -(-height // max(1, values.get(_TILE_HEIGHT if tiled else _STRIP_ROWS, height)))
    offsets = lists.get(_TILE_OFFSETS if tiled else _STRIP_OFFSETS, [])
    counts = lists.get(_TILE_COUNTS if tiled else _STRIP_COUNTS, [])
    if directory.outside & {_TILE_OFFSETS, _TILE_COUNTS, _STRIP_OFFSETS, _STRIP_COUNTS}:
        return True
    if any(offset + count > size for offset, count in zip(offsets, counts, strict=False)):
        return True
    return dng and len(offsets) < across * down  # In others the tags may not be what TIFF says.


def develop(stream: BinaryIO, gains: Gains | None, max_pixels: int) -> NDArray[np.uint16]:
    """Develop a raw file to upright sRGB, H×W×3 uint16.

    Nothing is decided from the picture itself: no automatic brightness, no white level from its brightest pixel.

    Raises:
        UnreadableError: it is damaged, truncated, of an unknown kind or too large, or the extra is not installed.
    """
    with opened_raw(stream) as raw:
        import rawpy

        check_size(raw.sizes.width, raw.sizes.height, max_pixels)
        check_complete(stream)
        _unpack(raw)
        pixels: NDArray[np.uint16] = raw.postprocess(
            user_wb=list(gains or white_balance(raw)),
            output_color=rawpy.ColorSpace.sRGB,
            gamma=_SRGB_CURVE,
            output_bps=16,
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
        )
        return pixels


def develop_small(stream: BinaryIO) -> NDArray[np.uint8]:
    """Develop a raw file at half its size, upright, in its own white balance; raises UnreadableError as `develop`."""
    with opened_raw(stream) as raw:
        _unpack(raw)
        pixels: NDArray[np.uint8] = raw.postprocess(half_size=True, use_camera_wb=True, no_auto_bright=True)
        return pixels


def _unpack(raw: Any) -> None:
    """Decode the sensor's values.

    That some are damaged or missing, LibRaw says on standard error alone, and fills them with noise: what arrives
    there meanwhile is examined, and what others wrote is passed on.

    Raises:
        UnreadableError: values are damaged or missing.
    """
    with _stderr, TemporaryFile() as messages:
        try:
            terminal = os.dup(2)
        except OSError:  # This process has no standard error.
            raw.unpack()
            return
        try:
            os.dup2(messages.fileno(), 2)
            raw.unpack()
        finally:
            os.dup2(terminal, 2)
            messages.seek(0)
            others, damages = _LIBRAW_MESSAGE.subn(b"", messages.read())
            os.write(terminal, others)
            os.close(terminal)
    if damages:
        raise UnreadableError(_DAMAGED)


def check_size(width: int, height: int, max_pixels: int) -> None:
    """Raise UnreadableError where a picture's header claims more pixels than are allowed."""
    if width * height > max_pixels:
        raise UnreadableError(
            f"claims {width:,} × {height:,} pixels, more than the {max_pixels:,} allowed; raise --max-pixels to read it"
        )


@contextmanager
def opened_raw(stream: BinaryIO) -> Iterator[Any]:
    """Open a raw file by rawpy; whatever it cannot read inside becomes an UnreadableError."""
    try:
        import rawpy
    except ImportError:
        raise UnreadableError("is a camera raw file, which needs an extra: pip install 'lightfuse[raw]'") from None
    stream.seek(0)
    try:
        with rawpy.imread(stream) as raw:
            yield raw
    except rawpy.LibRawFileUnsupportedError:
        raise UnreadableError(
            "is a camera raw file of an unknown kind, or a TIFF that starts with a preview; "
            "develop it to TIFF or JPEG first"
        ) from None
    except rawpy.LibRawError:
        raise UnreadableError(_DAMAGED) from None


def white_balance(raw: Any) -> Gains:
    """Return the camera's white balance of an open raw file, daylight's where the camera wrote none."""
    gains = list(raw.camera_whitebalance)
    if min(gains[:3]) <= 0:
        gains = list(raw.daylight_whitebalance)
    red, green, blue, second = (float(gain) for gain in gains)
    return red, green, blue, second if second > 0 else green
