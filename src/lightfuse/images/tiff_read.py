"""TIFF files read: header and metadata from the first page's tags, pixels through tifffile."""

import logging
import math
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.container import CUT_SHORT, Container, UnreadableError
from lightfuse.images.exif import exif_from_tiff
from lightfuse.images.ifd import IfdError
from lightfuse.images.metadata import Metadata, make_upright
from lightfuse.images.photoshop import IPTC_START, iptc_of_resources

if TYPE_CHECKING:
    from tifffile import TiffPage

_XMP_TAG, _ICC_TAG, _ORIENTATION_TAG, _IPTC_TAG, _PHOTOSHOP_TAG = 700, 34675, 274, 33723, 34377
_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_JPEG_COMPRESSIONS = (6, 7, 34892)
_REFUSED = {5: "is CMYK", 8: "is in CIELAB", 9: "is in CIELAB", 32803: "is camera raw", 34892: "is camera raw"}
_MAX_TILE = 1 << 24

# tifffile logs what it finds odd; without a handler that would reach a person's terminal.
_QUIET = logging.NullHandler()


def scan_tiff(stream: BinaryIO) -> Container:
    """Read the header of a TIFF's first page.

    Raises:
        UnreadableError: the file is damaged.
    """
    with _open(stream) as tiff:
        page = tiff.pages.first
        notes: tuple[str, ...] = ("it has several pages, of which the first was taken",) if _has_second(tiff) else ()
        try:
            exif = exif_from_tiff(stream)
        except IfdError:
            exif = None
            notes += ("its EXIF could not be read and was left out",)
        found = Metadata(
            icc=_raw(stream, page, _ICC_TAG),
            exif=exif,
            xmp=_raw(stream, page, _XMP_TAG),
            iptc=_iptc(_raw(stream, page, _IPTC_TAG), _raw(stream, page, _PHOTOSHOP_TAG)),
        )
        metadata, _, more = make_upright(found)
        tag = page.tags.get(_ORIENTATION_TAG)
        orientation = int(tag.value) if tag is not None and tag.value in range(1, 9) else 1
        return Container(
            "TIFF",
            int(page.imagewidth),
            int(page.imagelength),
            int(page.bitspersample),
            orientation,
            metadata,
            notes + more,
            int(page.samplesperpixel),
        )


def decode_tiff(stream: BinaryIO) -> NDArray[Any]:
    """Decode the first page: H×W or H×W×samples, uint8, uint16, float32 or float64, black at 0.

    Raises:
        UnreadableError: the page's kind of pixels is not supported, or part of them is missing.
    """
    with _open(stream) as tiff:
        page = tiff.pages.first
        _check_kind(page)
        _check_extent(page, stream.seek(0, 2))
        pixels: NDArray[Any] = page.asarray()
        if page.axes == "SYX":
            pixels = np.moveaxis(pixels, 0, -1)
        elif page.axes not in ("YX", "YXS"):
            raise UnreadableError("is a TIFF volume and not a picture")
        return _black_at_zero(page, pixels)


def _open(stream: BinaryIO) -> Any:
    from tifffile import TiffFile

    logging.getLogger("tifffile").addHandler(_QUIET)
    stream.seek(0)
    return TiffFile(stream)


def _has_second(tiff: Any) -> bool:
    try:
        tiff.pages[1]
    except Exception:  # No second page, or one so broken that it is none.
        return False
    return True


def _raw(stream: BinaryIO, page: "TiffPage", code: int) -> bytes | None:
    """Return a tag's value as it stands in the file."""
    tag = page.tags.get(code)
    if tag is None:
        return None
    stream.seek(tag.valueoffset)
    return stream.read(tag.valuebytecount)


def _iptc(plain: bytes | None, photoshop: bytes | None) -> bytes | None:
    if plain and plain.startswith(IPTC_START):
        return plain
    return iptc_of_resources(photoshop) if photoshop else None


def _check_kind(page: "TiffPage") -> None:
    photometric = int(page.photometric)
    if photometric in _REFUSED:
        raise UnreadableError(f"{_REFUSED[photometric]}; convert it to RGB")
    jpeg_ycbcr = photometric == _YCBCR and int(page.compression) in _JPEG_COMPRESSIONS
    if photometric not in (_MINISWHITE, _MINISBLACK, _RGB, _PALETTE) and not jpeg_ycbcr:
        raise UnreadableError(f"has an unsupported kind of colour ({page.photometric!s}); convert it to RGB")
    kind = page.dtype.name if page.dtype is not None else "unknown"
    bits = page.bitspersample
    if kind not in ("bool", "uint8", "uint16", "float16", "float32", "float64") or (
        kind.startswith("uint") and bits not in (8, 16) and photometric != _PALETTE
    ):
        kind = f"{bits}-bit integer" if kind.startswith("uint") else kind
        raise UnreadableError(f"holds {kind} pixels; convert it to 8 or 16 bits per sample or 32-bit float")


def _check_extent(page: "TiffPage", file_size: int) -> None:
    """Raise where strips or tiles are missing or lie outside the file: tifffile would leave those parts black."""
    offsets, counts = page.dataoffsets, page.databytecounts
    needed = math.prod(page.chunked)
    outside = any(
        offset <= 0 or count <= 0 or offset + count > file_size for offset, count in zip(offsets, counts, strict=False)
    )
    if outside or len(offsets) < needed or len(counts) < needed:
        raise UnreadableError(CUT_SHORT)
    if page.compression == 1 and sum(counts) < page.size * page.bitspersample // 8:
        raise UnreadableError(CUT_SHORT)
    if page.is_tiled and page.tilewidth * page.tilelength > max(_MAX_TILE, 4 * page.imagewidth * page.imagelength):
        raise UnreadableError("is damaged: its tiles are far larger than the picture")


def _black_at_zero(page: "TiffPage", pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the pixels with 1-bit values as 0 and 255, white-is-zero turned round, and palette indices looked up."""
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    elif pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)
    if page.photometric == _PALETTE:
        colours = (np.asarray(page.colormap) >> 8).astype(np.uint8)  # Right for both v·256 and v·257.
        looked_up: NDArray[Any] = np.ascontiguousarray(colours.T)[pixels]
        return looked_up
    if page.photometric == _MINISWHITE:
        white = 1 if pixels.dtype.kind == "f" else np.iinfo(pixels.dtype).max
        return np.asarray(white - pixels, dtype=pixels.dtype)
    return pixels
