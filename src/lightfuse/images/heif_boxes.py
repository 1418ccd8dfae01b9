"""AVIF and HEIC headers (ISO/IEC 23008-12; AV1 Image File Format): read without decoding a pixel."""

import struct
from typing import BinaryIO

from lightfuse.images.cicp import HDR_TRANSFERS, profile_of_cicp
from lightfuse.images.container import Container, Format, UnreadableError
from lightfuse.images.isobmff import Items, file_boxes, read_box
from lightfuse.images.metadata import Metadata, make_upright

_XMP_TYPE = b"application/rdf+xml"
# The EXIF orientation of a turn anticlockwise by so many quarters, alone or with a mirroring after it
# (top with bottom, left with right).
_TURNED = {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}


def scan_avif(stream: BinaryIO) -> Container:
    """Read an AVIF's header; see `scan_heic`."""
    return _scan(stream, "AVIF")


def scan_heic(stream: BinaryIO) -> Container:
    """Read a HEIC's header.

    Its decoder crops and turns the picture as the file asks, so the size is that of the result and the orientation 1.

    Raises:
        UnreadableError: the header is damaged or cut short.
    """
    container = _scan(stream, "HEIC")
    width, height = container.width, container.height
    if container.orientation >= 5:
        width, height = height, width
    return Container("HEIC", width, height, container.bit_depth, 1, container.metadata, container.notes)


def _scan(stream: BinaryIO, kind: Format) -> Container:
    notes: tuple[str, ...] = ()
    meta = None
    for box in file_boxes(stream):
        if box.kind == b"meta" and meta is None:
            meta = read_box(stream, box)
        elif box.kind == b"moov":
            notes = ("it holds a sequence, of which the still picture was taken",)
    if meta is None:
        raise UnreadableError(f"holds no still picture; give {'an AVIF' if kind == 'AVIF' else 'a HEIC'} photograph")
    items = Items(meta)
    size = items.property(b"ispe")
    if size is None or len(size) < 12:
        raise UnreadableError("is damaged: its header does not tell its size")
    width, height = struct.unpack_from(">II", size, 4)
    found = {"icc": _profile(items), "exif": None, "xmp": None}
    for item in items.items.values():
        if item.kind == b"Exif":
            body = items.read(stream, item) or b""
            found["exif"] = found["exif"] or body[4 + int.from_bytes(body[:4], "big") :] or None
        elif item.kind == b"mime" and item.content_type == _XMP_TYPE:
            found["xmp"] = found["xmp"] or items.read(stream, item)
    metadata, _, more = make_upright(Metadata(**found))
    crop = items.property(b"clap")
    if crop is not None and kind == "HEIC":
        width, height = _cropped(crop, width, height)
    elif crop is not None:
        more += ("it asks to be cropped, which was not done",)
    return Container(kind, width, height, _bit_depth(items), _orientation(items), metadata, notes + more)


def _cropped(crop: bytes, width: int, height: int) -> tuple[int, int]:
    """Return the size that a clean aperture leaves: two fractions at its beginning."""
    try:
        across, by, down, divisor = struct.unpack_from(">IIII", crop)
        return min(width, across // by), min(height, down // divisor)
    except (struct.error, ZeroDivisionError):
        return width, height


def _profile(items: Items) -> bytes | None:
    """Return the ICC profile, the picture's own or one made from its numbered primaries; None stands for sRGB."""
    numbered = None
    for name, body in items.picture.properties:
        if name == b"colr" and body[:4] in (b"prof", b"rICC"):
            return body[4:]
        if name == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            numbered = struct.unpack_from(">HH", body, 4)
    if numbered is None:
        return None
    primaries, transfer = numbered
    if transfer in HDR_TRANSFERS:
        raise UnreadableError(f"is an HDR picture ({HDR_TRANSFERS[transfer]}); convert it to sRGB first")
    return profile_of_cicp(primaries, transfer)


def _bit_depth(items: Items) -> int:
    depth = items.property(b"pixi")
    if depth is not None and len(depth) >= 6:
        return depth[5]
    av1 = items.property(b"av1C")
    if av1 is not None and len(av1) >= 4:
        return (12 if av1[2] & 0x20 else 10) if av1[2] & 0x40 else 8
    hevc = items.property(b"hvcC")
    return 8 + (hevc[17] & 7) if hevc is not None and len(hevc) >= 18 else 8


def _orientation(items: Items) -> int:
    quarters, mirror = 0, None
    for name, body in items.picture.properties:
        if name == b"irot" and body:
            # A turn after a mirroring is the opposite turn before it.
            quarters += body[0] & 3 if mirror is None else -(body[0] & 3)
        elif name == b"imir" and body:
            mirror = body[0] & 1
    return _TURNED[mirror][quarters % 4]
