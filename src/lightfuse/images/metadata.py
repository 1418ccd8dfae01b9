"""What a picture file tells besides its pixels: the same model for every format, and the limits it is read within."""

from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO, Literal, Self

from numpy.typing import NDArray

from lightfuse.images.exif import IfdError, exif_with_size, exif_with_software, upright_exif
from lightfuse.images.shot import ShotInfo, shot_info
from lightfuse.images.xmp import upright_xmp

Format = Literal["JPEG", "PNG", "TIFF", "WebP", "AVIF", "JPEG XL", "HEIC", "RAW"]
Parts = list[bytes | memoryview]
"""An encoded file in parts, so that large ones need not be copied together."""

GAIN_MAP_NOTE = "its HDR gain map was left out"
_GAIN_MAP_NAMES = (b"http://ns.adobe.com/hdr-gain-map/1.0/", b"http://ns.apple.com/HDRGainMap/1.0/")
_BUDGET_BYTES, _BUDGET_ITEMS = 1 << 26, 256


class UnreadableError(Exception):
    """A picture cannot be read; the text completes a sentence that starts with the picture's name."""

    def __init__(self, text: str = "is truncated: part of the file is missing, copy it again") -> None:
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata blocks of one picture, each as raw bytes or None where there is none.

    Attributes:
        icc: the ICC colour profile, of RGB or, where a picture is grey, of grey; None means sRGB.
        exif: TIFF-structured EXIF, starting at its byte-order mark (no ``Exif\\0\\0`` prefix).
        xmp: the XMP packet.
        iptc: IPTC records (IIM), as they stand in JPEG and TIFF; formats without a place for them lose them.
        place: of a part of a larger canvas, as panorama programs write it, its left and top and the canvas's width and
            height; formats other than TIFF lose it.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    place: tuple[int, int, int, int] | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """A picture file's header, as the scanner of its format returns it.

    A scanner raises UnreadableError where the header is damaged or truncated or holds too much metadata, and a decoder
    where pixels are damaged, missing or of an unsupported kind; any other exception means damage, too (see `read`).

    Attributes:
        format: the file's format.
        width, height: in pixels, as stored, before the orientation is applied or a HEIC is cropped; 0 of a raw file.
        bit_depth: bits per sample as stored.
        orientation: EXIF orientation, 1 to 8.
        metadata: the file's metadata, already true for upright RGB pixels.
        notes: what a person may want to know of how the file was read, each a clause.
        channels: samples per pixel, 0 where the header does not say.
        scan_offset: where a JPEG's compressed pixels begin; 0 for other formats.
    """

    format: Format
    width: int
    height: int
    bit_depth: int
    orientation: int
    metadata: Metadata
    notes: tuple[str, ...] = ()
    channels: int = 0
    scan_offset: int = 0

    @classmethod
    def of(
        cls,
        kind: Format,
        size: tuple[int, int],
        bit_depth: int,
        found: Metadata,
        notes: tuple[str, ...] = (),
        orientation: int | None = None,
        **more: int,
    ) -> Self:
        """Return a header from the metadata found in the file; an `orientation` of None is EXIF's.

        Orientation becomes 1 in EXIF and XMP; thumbnails and pointers to parts of the old file (gain map, extended XMP)
        go; blocks that cannot be trusted are dropped.
        """
        others = list(notes)
        exif, told = found.exif or None, 1
        if exif is not None:
            try:
                exif, told = upright_exif(exif)
            except IfdError:
                exif = None
                others.append("its EXIF is corrupt and was left out")
        icc, grey = found.icc or None, more.get("channels") in (1, 2)
        if icc is not None and icc[16:20] != b"RGB " and not (grey and icc[16:20] == b"GRAY"):
            icc = None
            others.append("its colour profile is not for RGB pixels and was left out")
        xmp = upright_xmp(found.xmp) if found.xmp else None
        if found.xmp and any(name in found.xmp for name in _GAIN_MAP_NAMES):
            others.append(GAIN_MAP_NOTE)
        if found.xmp and xmp is None:
            others.append("its XMP is corrupt and was left out")
        metadata = replace(found, icc=icc, exif=exif, xmp=xmp, iptc=found.iptc or None)
        return cls(kind, *size, bit_depth, orientation or told, metadata, tuple(dict.fromkeys(others)), **more)

    @property
    def shot(self) -> ShotInfo:
        """How the exposure was shot, as far as its EXIF says."""
        return shot_info(self.metadata.exif, self.orientation)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, as a file, a page of one or an array holds it; a frame of a bracket.

    Attributes:
        pixels: H×W×3 RGB, uint8, uint16 or float32 in [0, 1], upright; C-contiguous where it was read.
        name: what messages call the picture: the file's name, or what else identifies it.
        metadata: the file's EXIF, ICC profile and so on, true for these pixels.
        shot: shutter time, aperture, ISO and so on, from EXIF.
        alpha: H×W, of the pixels' dtype, 0 where transparent (the colours there mean nothing); None: all is opaque.
        grey: the file holds one channel; the three are equal.
        notes: what a person may want to know of how it was read, each a clause ("its EXIF is corrupt and left out").
    """

    pixels: NDArray[Any]
    name: str
    metadata: Metadata = field(default_factory=Metadata)
    shot: ShotInfo = field(default_factory=ShotInfo)
    alpha: NDArray[Any] | None = None
    grey: bool = False
    notes: tuple[str, ...] = ()


class MetadataBudget:
    """How much metadata one file may hold: 64 MB once unpacked, in 256 items. Photographs stay far below."""

    def __init__(self) -> None:
        self.remaining = _BUDGET_BYTES
        self._items = _BUDGET_ITEMS

    def spend(self, size: int, items: int = 1) -> None:
        """Count `size` bytes of metadata, before they are read if possible; raise UnreadableError beyond the limit."""
        self.remaining -= size
        self._items -= items
        if self.remaining < 0 or self._items < 0:
            raise UnreadableError(
                f"holds more metadata than {_BUDGET_BYTES >> 20} MB or {_BUDGET_ITEMS} items; "
                "save it again without its metadata"
            )


def read_exactly(stream: BinaryIO, count: int) -> bytes:
    """Read `count` bytes; raise UnreadableError where the file ends before."""
    data = stream.read(count)
    if len(data) < count:
        raise UnreadableError
    return data


def with_software(metadata: Metadata, software: str) -> Metadata:
    """Return the metadata with `software` ("LightFuse 1.2") as the program that made the picture, in EXIF."""
    return replace(metadata, exif=exif_with_software(metadata.exif, software))


def without_metadata(metadata: Metadata) -> Metadata:
    """Return the metadata with nothing but the colour profile, without which the colours would be others."""
    return Metadata(icc=metadata.icc, place=metadata.place)


def with_size(metadata: Metadata, width: int, height: int) -> Metadata:
    """Return the metadata true for the picture it is written into: its size, and sRGB where it has no profile."""
    exif = metadata.exif and exif_with_size(metadata.exif, width, height, srgb=metadata.icc is None)
    return replace(metadata, exif=exif)
