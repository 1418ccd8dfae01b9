"""TIFF files (TIFF 6.0): header and metadata read from the first page's tags, pixels through tifffile, RGB written."""

import math
import struct
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from io import BytesIO
from itertools import accumulate, islice
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.colorspace import full_scale
from lightfuse.errors import OutputError
from lightfuse.images.exif import (
    BYTE,
    DESCRIPTIVE,
    RATIONAL,
    UNDEFINED,
    Directories,
    IfdError,
    Tree,
    Value,
    exif_from_tiff,
    longs,
    numbers,
    serialise,
    shorts,
)
from lightfuse.images.jpeg import scan_jpeg
from lightfuse.images.metadata import Header, Metadata, MetadataBudget, Parts, UnreadableError
from lightfuse.images.options import Compression, EncodeOptions, bits_of
from lightfuse.images.pixels import to_depth
from lightfuse.images.xmp import IPTC_START, iptc_of_resources
from lightfuse.system import usable_cores

if TYPE_CHECKING:
    from tifffile import TiffPage

_XMP_TAG, _ICC_TAG, _ORIENTATION_TAG, _IPTC_TAG, _PHOTOSHOP_TAG = 700, 34675, 274, 33723, 34377
_MINISWHITE, _MINISBLACK, _RGB, _PALETTE, _YCBCR = 0, 1, 2, 3, 6
_JPEG_COMPRESSIONS = (6, 7, 34892)
# None, CCITT (3), LZW, Deflate, PackBits, LZMA, Zstandard: decoded into as much memory as the picture needs.
_BOUNDED_COMPRESSIONS = (1, 2, 3, 4, 5, 8, 32773, 32946, 34925, 34926, 50000)
_LONGEST_JPEG_HEADER, _MOST_PADDING = 1 << 20, 64
_REFUSED = {5: "is CMYK", 8: "is in CIELAB", 9: "is in CIELAB", 32803: "is camera raw", 34892: "is camera raw"}
_ASSOCIATED, _UNASSOCIATED = 1, 2
# XPosition, YPosition, XResolution, YResolution; ImageFullWidth, ImageFullLength.
_POSITION, _CANVAS = (286, 287, 282, 283), (33300, 33301)
_RESOLUTION_UNIT, _PER_INCH = 296, 150
SEVERAL_PAGES = "it has several pages, of which the first was taken"
_MAX_TILE = 1 << 24
_MAX_PAGES = 256

_STRIP_BYTES = 1 << 20
_PIXELS_AT = 8
_DEFLATE_LEVEL, _ZSTD_LEVEL = 6, 9
_COMPRESSIONS: dict[Compression, int] = {"auto": 1, "none": 1, "lzw": 5, "deflate": 8, "zstd": 50000}


def scan_tiff(stream: BinaryIO) -> Header:
    """Read the header of a TIFF's first page."""
    with _open(stream) as tiff:
        page = tiff.pages.first
        notes: tuple[str, ...] = (SEVERAL_PAGES,) if _has_second(tiff) else ()
        try:
            exif = exif_from_tiff(stream)
        except IfdError:
            exif = b""
            notes += ("its EXIF could not be read and was left out",)
        budget, blocks = MetadataBudget(), dict[int, bytes]()
        for tag in filter(None, map(page.tags.get, (_ICC_TAG, _XMP_TAG, _IPTC_TAG, _PHOTOSHOP_TAG))):
            stream.seek(tag.valueoffset)
            budget.spend(tag.valuebytecount)
            blocks[tag.code] = stream.read(tag.valuebytecount)
        icc, xmp, plain, photoshop = (blocks.get(code, b"") for code in (_ICC_TAG, _XMP_TAG, _IPTC_TAG, _PHOTOSHOP_TAG))
        iptc = plain if plain.startswith(IPTC_START) else iptc_of_resources(photoshop)
        tag = page.tags.get(_ORIENTATION_TAG)
        orientation = int(tag.value) if tag is not None and tag.value in range(1, 9) else 1
        size, depth = (int(page.imagewidth), int(page.imagelength)), int(page.bitspersample)
        found = Metadata(icc=icc, exif=exif, xmp=xmp, iptc=iptc, place=_place(page) if orientation == 1 else None)
        return Header.of("TIFF", size, depth, found, notes, orientation, channels=int(page.samplesperpixel))


def _place(page: "TiffPage") -> tuple[int, int, int, int] | None:
    """Return where a page stands on a larger canvas (TIFF 6.0, XPosition; Pixar's ImageFullWidth); None if on none."""
    told = {code: tag.value for code in (*_POSITION, *_CANVAS) if (tag := page.tags.get(code)) is not None}
    if not {*_CANVAS, *_POSITION} <= told.keys():
        return None
    (left, x_unit), (top, y_unit), (across, x_inch), (down, y_inch) = (told[code] for code in _POSITION)
    if 0 in (x_unit, y_unit, x_inch, y_inch):
        return None
    x, y = round(left / x_unit * across / x_inch), round(top / y_unit * down / y_inch)
    width, height = (int(told[code]) for code in _CANVAS)
    inside = x + page.imagewidth <= width and y + page.imagelength <= height
    return (x, y, width, height) if inside and (page.imagewidth, page.imagelength) != (width, height) else None


def decode_tiff(stream: BinaryIO, *, every_page: bool = False) -> list[NDArray[Any]]:
    """Decode the first page, or every page that is as large: H×W or H×W×samples, black at 0, alpha unassociated.

    Each is uint8, uint16, float32 or float64. Previews (reduced pages) are left out.
    """
    end = stream.seek(0, 2)
    with _open(stream) as tiff:
        return [_decoded(page, end) for page in (_alike(tiff) if every_page else [tiff.pages.first])]


def count_pages(stream: BinaryIO) -> int:
    """Return how many pages of its first page's size a TIFF has; raises whatever tifffile does for a damaged file.

    Raises UnreadableError where the pages are channels of several frames, as ImageJ writes them.
    """
    with _open(stream) as tiff:
        described = tiff.imagej_metadata or {}
        if 1 < described.get("channels", 1) < described.get("images", 1):
            raise UnreadableError("has a page for each channel of each frame; convert its frames to RGB first")
        return len(_alike(tiff))


def _alike(tiff: Any) -> "list[TiffPage]":
    """The pages that are as large as the first, and no previews."""
    pages = list(islice(tiff.pages, _MAX_PAGES + 1))
    if len(pages) > _MAX_PAGES:
        raise UnreadableError(f"has more than {_MAX_PAGES} pages; give those that are to be fused as files")
    return [page for page in pages if page.shape == pages[0].shape and not page.is_reduced]


def _decoded(page: "TiffPage", file_size: int) -> NDArray[Any]:
    _check_kind(page)
    _check_extent(page, file_size)
    pixels: NDArray[Any] = page.asarray()
    if page.axes == "SYX":
        pixels = np.moveaxis(pixels, 0, -1)
    elif page.axes not in ("YX", "YXS"):
        raise UnreadableError("is a TIFF volume and not a picture")
    pixels = _black_at_zero(page, pixels)
    if page.extrasamples[:1] == (_ASSOCIATED,) and pixels.ndim == 3 and pixels.shape[2] in (2, 4):
        return _unassociated(pixels)
    return pixels


def _unassociated(pixels: NDArray[Any]) -> NDArray[Any]:
    """Divide colours by the alpha that they were multiplied with (TIFF 6.0, ExtraSamples 1)."""
    most = np.float32(full_scale(pixels.dtype))
    alpha = pixels[..., -1:].astype(np.float32) / most
    if (alpha == 1).all():
        return pixels
    colours = pixels[..., :-1] / np.where(alpha > 0, alpha, 1)
    divided = pixels.copy()
    divided[..., :-1] = colours if pixels.dtype.kind == "f" else np.rint(np.clip(colours, 0, most))
    return divided


def _open(stream: BinaryIO) -> Any:
    from tifffile import TiffFile

    stream.seek(0)
    return TiffFile(stream)


def _has_second(tiff: Any) -> bool:
    try:
        tiff.pages[1]
    except Exception:  # No second page, or one so broken that it is none.
        return False
    return True


def _check_kind(page: "TiffPage") -> None:
    photometric = int(page.photometric)
    if photometric in _REFUSED:
        raise UnreadableError(f"{_REFUSED[photometric]}; convert it to RGB")
    jpeg_ycbcr = photometric == _YCBCR and int(page.compression) in _JPEG_COMPRESSIONS
    if photometric not in (_MINISWHITE, _MINISBLACK, _RGB, _PALETTE) and not jpeg_ycbcr:
        name = getattr(page.photometric, "name", str(photometric))
        raise UnreadableError(f"has an unsupported kind of colour ({name}); convert it to RGB")
    kind = page.dtype.name if page.dtype is not None else "unknown"
    bits = page.bitspersample
    if photometric == _PALETTE and (page.samplesperpixel != 1 or kind not in ("uint8", "uint16")):
        raise UnreadableError(f"has a palette, but {page.samplesperpixel} samples per pixel of {kind}; save it as RGB")
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
        raise UnreadableError
    if page.compression == 1 and sum(counts) < page.size * page.bitspersample // 8:
        raise UnreadableError
    if page.is_tiled and page.tilewidth * page.tilelength > max(_MAX_TILE, 4 * page.imagewidth * page.imagelength):
        raise UnreadableError("is damaged: its tiles are far larger than the picture")
    compression = int(page.compression)
    if compression not in (*_BOUNDED_COMPRESSIONS, *_JPEG_COMPRESSIONS):
        name = getattr(page.compression, "name", str(compression))
        raise UnreadableError(f"is compressed by a method that is not supported ({name}); save it with LZW or ZIP")
    if compression in _BOUNDED_COMPRESSIONS:
        return
    width = page.tilewidth if page.is_tiled else page.imagewidth
    height = page.tilelength if page.is_tiled else min(page.rowsperstrip, page.imagelength)
    file, header = page.parent.filehandle, page.jpegheader or b""
    for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False):
        file.seek(offset)
        jpeg = header + file.read(min(count, _LONGEST_JPEG_HEADER))
        claimed = scan_jpeg(BytesIO(jpeg))
        if claimed.width > width + _MOST_PADDING or claimed.height > height + _MOST_PADDING:
            raise UnreadableError("is damaged: the JPEG in it is larger than the picture")


def _black_at_zero(page: "TiffPage", pixels: NDArray[Any]) -> NDArray[Any]:
    """Return the pixels with 1-bit values as 0 and 255, white-is-zero inverted, and palette indices looked up."""
    if pixels.dtype == np.bool_:
        pixels = pixels.astype(np.uint8) * np.uint8(255)
    elif pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)
    if page.photometric == _PALETTE:
        colours = (np.asarray(page.colormap) >> 8).astype(np.uint8)  # Right for both v·256 and v·257.
        if int(pixels.max()) >= colours.shape[1]:
            raise UnreadableError("is damaged: it holds colours that its palette does not have")
        looked_up: NDArray[Any] = np.ascontiguousarray(colours.T)[pixels]
        return looked_up
    if page.photometric == _MINISWHITE:
        white = int(full_scale(pixels.dtype))
        with np.errstate(invalid="ignore"):  # Not every bit pattern is a number.
            return np.asarray(white - pixels, dtype=pixels.dtype)
    return pixels


def encode_tiff(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions, tags: Tree | None = None) -> Parts:
    """Lay out H×W×1, 3 or 4 pixels as a TIFF file in strips, in parts: uncompressed pixels are not copied.

    ICC profile, XMP and IPTC become tags, EXIF the tags and directories that EXIF 2.32, 4.5 prescribes; ``tags`` are
    written besides or instead of those.

    Raises:
        OutputError: the file would pass the 4 GB that a TIFF can hold.
    """
    compression = options.compression
    pixels = to_depth(pixels, bits_of("TIFF", options, 8 * pixels.itemsize))
    height, width, samples = pixels.shape
    rows_per_strip = min(height, max(1, _STRIP_BYTES // (pixels.nbytes // height)))
    if sys.byteorder == "big":
        pixels = pixels.byteswap()
    strips = _strips(np.ascontiguousarray(pixels), rows_per_strip, compression)
    offsets = [_PIXELS_AT, *accumulate((len(strip) + len(strip) % 2 for strip in strips), initial=_PIXELS_AT)][1:]
    directory_at = offsets.pop()
    if directory_at + (1 << 26) > 1 << 32:
        raise OutputError(f"a picture of {width} × {height} pixels of {pixels.dtype} passes the 4 GB a TIFF can hold")
    is_float = pixels.dtype.kind == "f"
    tree: Tree = _metadata_tags(metadata) | {
        256: longs(width),
        257: longs(height),
        258: shorts(*[8 * pixels.itemsize] * samples),
        259: shorts(_COMPRESSIONS[compression]),
        262: shorts(_RGB if samples > 1 else _MINISBLACK),
        273: longs(*offsets),
        274: shorts(1),  # Upright.
        277: shorts(samples),
        278: longs(rows_per_strip),
        279: longs(*[len(strip) for strip in strips]),
        284: shorts(1),  # The samples of a pixel stand together.
        339: shorts(*[3 if is_float else 1] * samples),
    }
    if samples == 4:
        tree[338] = shorts(_UNASSOCIATED)
    if _COMPRESSIONS[compression] != 1:
        tree[317] = shorts(3 if is_float else 2)  # Predicted from the pixel on the left.
    tree |= tags or {}
    padded = [part for strip in strips for part in (strip, bytes(len(strip) % 2))]
    return [b"II*\0" + struct.pack("<I", directory_at), *padded, serialise(tree, directory_at)]


def _strips(pixels: NDArray[Any], rows: int, compression: Compression) -> list[bytes | memoryview]:
    """Return the pixels in strips of so many rows, each compressed by itself."""
    bands = [pixels[top : top + rows] for top in range(0, pixels.shape[0], rows)]
    if _COMPRESSIONS[compression] == 1:
        return [band.reshape(-1).view(np.uint8).data for band in bands]
    import imagecodecs

    predict = imagecodecs.floatpred_encode if pixels.dtype.kind == "f" else imagecodecs.delta_encode
    encode: dict[Compression, Callable[[bytes], Any]] = {
        "lzw": imagecodecs.lzw_encode,
        "deflate": partial(imagecodecs.zlib_encode, level=_DEFLATE_LEVEL),
        "zstd": partial(imagecodecs.zstd_encode, level=_ZSTD_LEVEL),
    }
    with ThreadPoolExecutor(usable_cores()) as pool:
        return list(pool.map(lambda band: bytes(encode[compression](predict(band, axis=-2).tobytes())), bands))


def _metadata_tags(metadata: Metadata) -> Tree:
    tree: Tree = {}
    if metadata.exif:
        with suppress(IfdError):
            found = Directories(metadata.exif)
            tree = found.tree(found.main, DESCRIPTIVE)
    if metadata.xmp:
        tree[_XMP_TAG] = Value(BYTE, len(metadata.xmp), metadata.xmp)
    if metadata.iptc:
        tree[_IPTC_TAG] = Value(UNDEFINED, len(metadata.iptc), metadata.iptc)
    if metadata.place:
        left, top, *canvas = metadata.place
        ratios = (left, _PER_INCH), (top, _PER_INCH), (_PER_INCH, 1), (_PER_INCH, 1)
        tree |= {code: numbers(RATIONAL, *r) for code, r in zip(_POSITION, ratios, strict=True)}
        tree |= {code: longs(size) for code, size in zip(_CANVAS, canvas, strict=True)}
        tree[_RESOLUTION_UNIT] = shorts(2)
    if metadata.icc:
        tree[_ICC_TAG] = Value(UNDEFINED, len(metadata.icc), metadata.icc)
    return tree
