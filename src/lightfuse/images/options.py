"""The formats that can be written, how a picture is encoded, and whether a format has what is asked for."""

from dataclasses import dataclass
from typing import Literal

from lightfuse.errors import OutputError
from lightfuse.images.metadata import Format

Subsampling = Literal["auto", "444", "422", "420"]
BitDepth = Literal["auto", 8, 10, 12, 16, 32]
Compression = Literal["auto", "none", "lzw", "deflate", "zstd"]

SUFFIXES: dict[str, Format] = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".png": "PNG",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WebP",
    ".avif": "AVIF",
    ".jxl": "JPEG XL",
}
_READ_ONLY = {".heic": ".avif", ".heif": ".avif", ".hif": ".avif", ".dng": ".tif"}
_DEPTHS: dict[Format, tuple[int, ...]] = {
    "JPEG": (8,),
    "WebP": (8,),
    "PNG": (8, 16),
    "AVIF": (8, 10, 12),
    "JPEG XL": (8, 16, 32),
    "TIFF": (8, 16, 32),
}
_COMPRESSIONS: dict[Format, tuple[str, ...]] = {"TIFF": ("none", "lzw", "deflate", "zstd"), "PNG": ("none", "deflate")}
HOLD_GREY: tuple[Format, ...] = ("JPEG", "PNG", "TIFF")
"""Formats in which grey pictures are written with one channel; in others as RGB."""
HOLD_ALPHA: tuple[Format, ...] = ("PNG", "TIFF")
"""Formats in which transparency is written."""
_MAX_SIDE: dict[Format, int] = {"JPEG": 65_500, "WebP": 16_383, "AVIF": 65_536}  # libjpeg's, WebP's and AV1's.
_FULL_CHROMA_QUALITY = 90


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How a picture is encoded.

    Attributes:
        quality: 1 to 100, for JPEG, WebP, AVIF and JPEG XL; ignored by lossless formats.
        subsampling: of chroma, for JPEG and AVIF. "auto" is 4:4:4 from quality 90 up, 4:2:0 below: halved chroma is the
            first visible loss at high quality, at lamps, signs and window frames against the sky.
        bit_depth: bits per sample. "auto" keeps the pixels' own depth as far as the format holds it: 8 stay 8; 16 and
            floats become 8 in JPEG and WebP, 10 in AVIF (which every decoder of it reads; 12 if lossless), 16 in PNG;
            TIFF and JPEG XL hold both as they are (32 means float).
        compression: lossless, for TIFF and PNG. "auto" is none for TIFF, which every program reads, and for PNG a fast
            setting whose files are nearly as small as those of "deflate", zlib's default.
        lossless: for WebP, AVIF and JPEG XL; PNG and TIFF always are.
    """

    quality: int = 95
    subsampling: Subsampling = "auto"
    bit_depth: BitDepth = "auto"
    compression: Compression = "auto"
    lossless: bool = False


def format_of(suffix: str) -> Format:
    """Return the format a suffix (``".jpg"``, in any case) asks for; raise OutputError naming those there are."""
    if suffix.lower() in SUFFIXES:
        return SUFFIXES[suffix.lower()]
    if suffix.lower() in _READ_ONLY:
        raise OutputError(f"{suffix} pictures can be read but not written; use {_READ_ONLY[suffix.lower()]} or .jpg")
    what = f"{suffix!r} is not a picture suffix" if suffix else "there is no suffix to tell the format from"
    raise OutputError(f"{what}; use one of {', '.join(SUFFIXES)}")


def bits_of(kind: Format, options: EncodeOptions, dtype_bits: int) -> int:
    """Return the bits per sample that pixels of 8, 16 or 32 (float) bits are written with; see `EncodeOptions`."""
    if options.bit_depth != "auto":
        return options.bit_depth
    if kind == "AVIF":
        return 8 if dtype_bits == 8 else 12 if options.lossless else 10
    return min(dtype_bits, max(_DEPTHS[kind]))


def check_side(kind: Format, side: int) -> None:
    """Raise OutputError where a format cannot hold a picture of that width or height."""
    if side > _MAX_SIDE.get(kind, side):
        raise OutputError(f"a {kind} cannot be wider or higher than {_MAX_SIDE[kind]:,} pixels; write PNG or TIFF")


def check_options(options: EncodeOptions, kind: Format) -> None:
    """Raise OutputError, in a sentence, where a format does not have what the options ask for."""
    if not 1 <= options.quality <= 100:
        raise OutputError(f"quality is {options.quality}; it must lie between 1 and 100")
    if options.bit_depth != "auto" and options.bit_depth not in _DEPTHS[kind]:
        held = " or ".join(", ".join(str(depth) for depth in _DEPTHS[kind]).rsplit(", ", 1))
        raise OutputError(f"{kind} holds {held} bits per sample, not {options.bit_depth}; change --bit-depth")
    if options.compression != "auto" and options.compression not in _COMPRESSIONS.get(kind, ()):
        known = _COMPRESSIONS.get(kind)
        there = f"has the compressions {', '.join(known)}" if known else "has no choice of compression"
        raise OutputError(f"{kind} {there}, not {options.compression}; change --compression")
    if options.subsampling != "auto":
        if kind not in ("JPEG", "AVIF"):
            raise OutputError(f"{kind} has no choice of chroma subsampling; leave --subsampling out")
        if options.subsampling not in ("444", "422", "420"):
            raise OutputError(f"subsampling is {options.subsampling!r}; it must be auto, 444, 422 or 420")
        if options.lossless and options.subsampling != "444":
            raise OutputError("a lossless picture has all its chroma; leave --subsampling or --lossless out")
    if options.lossless and kind == "JPEG":
        raise OutputError("JPEG always loses a little; write PNG, TIFF, WebP, AVIF or JPEG XL, or leave --lossless out")


def chosen_subsampling(options: EncodeOptions) -> str:
    """Return the subsampling that the options amount to: "444", "422" or "420"."""
    if options.subsampling != "auto":
        return options.subsampling
    return "444" if options.quality >= _FULL_CHROMA_QUALITY else "420"
