"""How a picture is encoded, and whether the format it is written in has what is asked for."""

from dataclasses import dataclass
from typing import Literal

from lightfuse.errors import OutputError
from lightfuse.images.container import Format

Subsampling = Literal["auto", "444", "422", "420"]
BitDepth = Literal["auto", 8, 10, 12, 16, 32]
Compression = Literal["auto", "none", "lzw", "deflate", "zstd"]

_DEPTHS: dict[Format, tuple[int, ...]] = {
    "JPEG": (8,),
    "WebP": (8,),
    "PNG": (8, 16),
    "AVIF": (8, 10, 12),
    "JPEG XL": (8, 16, 32),
    "TIFF": (8, 16, 32),
}
_COMPRESSIONS: dict[Format, tuple[str, ...]] = {"TIFF": ("none", "lzw", "deflate", "zstd"), "PNG": ("none", "deflate")}
_SUBSAMPLED: tuple[Format, ...] = ("JPEG", "AVIF")
_NEVER_LOSSLESS: tuple[Format, ...] = ("JPEG",)
_FULL_CHROMA_QUALITY = 90


@dataclass(frozen=True, slots=True)
class EncodeOptions:
    """How a picture is encoded.

    Attributes:
        quality: 1 to 100, for JPEG, WebP, AVIF and JPEG XL; formats without loss pass it over.
        subsampling: of chroma, for JPEG and AVIF. "auto" is 4:4:4 from quality 90 up, 4:2:0 below: who asks for high
            quality sees halved chroma first, at lamps, signs and window frames against the sky; who asks for less wants
            small files.
        bit_depth: bits per sample. "auto" keeps the pixels' own depth as far as the format holds it: 8 stay 8; 16 and
            floats become 8 in JPEG and WebP, 10 in AVIF (what every decoder of it reads; 12 without loss), 16 in PNG;
            TIFF and JPEG XL hold both as they are (32 means float).
        compression: without loss, for TIFF and PNG. "auto" is none for TIFF, which every program reads, and for PNG a
            fast setting, nearly as small as "deflate", which is zlib's usual one.
        lossless: for WebP, AVIF and JPEG XL; PNG and TIFF always are.
    """

    quality: int = 95
    subsampling: Subsampling = "auto"
    bit_depth: BitDepth = "auto"
    compression: Compression = "auto"
    lossless: bool = False


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
        if kind not in _SUBSAMPLED:
            raise OutputError(f"{kind} has no choice of chroma subsampling; leave --subsampling out")
        if options.subsampling not in ("444", "422", "420"):
            raise OutputError(f"subsampling is {options.subsampling!r}; it must be auto, 444, 422 or 420")
        if options.lossless and options.subsampling != "444":
            raise OutputError("a lossless picture has all its chroma; leave --subsampling or --lossless out")
    if options.lossless and kind in _NEVER_LOSSLESS:
        raise OutputError(
            f"{kind} always loses a little; write PNG, TIFF, WebP, AVIF or JPEG XL, or leave --lossless out"
        )


def chosen_subsampling(options: EncodeOptions) -> str:
    """Return the subsampling that the options come to."""
    if options.subsampling != "auto":
        return options.subsampling
    return "444" if options.quality >= _FULL_CHROMA_QUALITY else "420"
