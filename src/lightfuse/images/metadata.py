"""What a picture file says beside its pixels, made true for upright RGB pixels."""

import re
from dataclasses import dataclass

from lightfuse.images.exif import upright_exif
from lightfuse.images.ifd import IfdError

_XMP_ORIENTATION = re.compile(rb"""(tiff:Orientation(?:\s*=\s*["']|>)\s*)[2-8](?=\s*["'<])""")


@dataclass(frozen=True, slots=True)
class Metadata:
    """The metadata blocks of one picture, each as raw bytes or None where there is none.

    Attributes:
        icc: the ICC colour profile.
        exif: TIFF-structured EXIF, starting at its byte-order mark (no ``Exif\\0\\0`` prefix).
        xmp: the XMP packet.
    """

    icc: bytes | None = None
    exif: bytes | None = None
    xmp: bytes | None = None


def make_upright(found: Metadata) -> tuple[Metadata, int, tuple[str, ...]]:
    """Return the metadata as it holds for upright RGB pixels, the EXIF orientation found, and notes.

    Orientation becomes 1 in EXIF and XMP, the stale EXIF thumbnail goes, and blocks that cannot be trusted are dropped.
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
    xmp = _XMP_ORIENTATION.sub(rb"\g<1>1", found.xmp) if found.xmp else None
    return Metadata(icc=icc, exif=exif, xmp=xmp), orientation, tuple(notes)
