"""What a picture file says beside its pixels, made true for upright RGB pixels."""

import re
from dataclasses import dataclass, replace

from lightfuse.images.exif import upright_exif, with_size, with_software
from lightfuse.images.ifd import IfdError

_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation(?:\s*=\s*["']|>)\s*)[2-8](?=\s*["'<])""")

_XMP_TOOL = re.compile(rb"""(xmp:CreatorTool(?:\s*=\s*["']|>))[^<"']*(["'<])""")
# Thumbnails; a gain map's description and where it stands; a pointer to XMP that is not carried.
_XMP_STALE = (
    re.compile(rb"<(xmp:Thumbnails|Container:Directory|GContainer:Directory)\b.*?</\1>", re.DOTALL),
    re.compile(rb"""\s(?:hdrgm:\w+|xmpNote:HasExtendedXMP)\s*=\s*(?:"[^"]*"|'[^']*')"""),
    re.compile(rb"<(hdrgm:\w+|xmpNote:HasExtendedXMP)\b[^>]*>.*?</\1>", re.DOTALL),
)


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata blocks of one picture, each as raw bytes or None where there is none.

    Attributes:
        icc: the ICC colour profile.
        exif: TIFF-structured EXIF, starting at its byte-order mark (no ``Exif\\0\\0`` prefix).
        xmp: the XMP packet.
        iptc: IPTC records (IIM), as they stand in JPEG and TIFF; formats without a place for them lose them.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None


def signed(metadata: Metadata, software: str) -> Metadata:
    """Return the metadata with `software` ("LightFuse 1.2") as the program that made the picture, in EXIF and XMP."""
    name = software.encode("ascii", "replace")
    xmp = _XMP_TOOL.sub(rb"\g<1>" + name.replace(b"\\", b"") + rb"\g<2>", metadata.xmp) if metadata.xmp else None
    return replace(metadata, exif=with_software(metadata.exif, software), xmp=xmp)


def stripped(metadata: Metadata) -> Metadata:
    """Return the metadata with nothing but the colour profile, without which the colours would be others."""
    return Metadata(icc=metadata.icc)


def fitted(metadata: Metadata, width: int, height: int) -> Metadata:
    """Return the metadata telling the size of the picture it is written into, where it tells one."""
    return replace(metadata, exif=with_size(metadata.exif, width, height)) if metadata.exif else metadata


def make_upright(found: Metadata) -> tuple[Metadata, int, tuple[str, ...]]:
    """Return the metadata as it holds for upright RGB pixels, the EXIF orientation found, and notes.

    Orientation becomes 1 in EXIF and XMP; thumbnails and pointers to parts of the old file (gain map, extended XMP)
    go; blocks that cannot be trusted are dropped.
    """
    notes: list[str] = []
    orientation = 1
    exif = found.exif or None
    if exif is not None:
        try:
            exif, orientation = upright_exif(exif)
        except IfdError:
            exif = None
            notes.append("its EXIF is corrupt and was left out")
    icc = found.icc or None
    if icc is not None and icc[16:20] != b"RGB ":
        icc = None
        notes.append("its colour profile is not for RGB pixels and was left out")
    return Metadata(icc=icc, exif=exif, xmp=_current_xmp(found.xmp), iptc=found.iptc or None), orientation, tuple(notes)


def _current_xmp(xmp: bytes | None) -> bytes | None:
    """Return XMP upright, without what was true of the exposure's file alone."""
    if not xmp:
        return None
    xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", xmp)
    for stale in _XMP_STALE:
        xmp = stale.sub(b"", xmp)
    return xmp
