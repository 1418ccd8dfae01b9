"""AVIF and HEIC files (ISO/IEC 23008-12; AV1 Image File Format): headers and metadata in and out, pixels coded."""

import struct
from io import BytesIO
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.colour import profile_of_cicp
from lightfuse.images.isobmff import Items, box, boxes, file_boxes, read_box
from lightfuse.images.metadata import GAIN_MAP_NOTE, Header, Metadata, MetadataBudget, Parts, UnreadableError
from lightfuse.images.options import EncodeOptions, bits_of, chosen_subsampling
from lightfuse.images.pixels import narrow, to_depth, widen
from lightfuse.system import usable_cores

_GAIN_MAP_NAMES = (b"urn:com:apple:photo:2020:aux:hdrgainmap", b"tmap")  # Apple's, and ISO 21496-1's.
_XMP_TYPE = b"application/rdf+xml"
# The EXIF orientation of an anticlockwise rotation by so many quarters, alone or followed by mirroring
# (top with bottom, left with right).
_ROTATED = {None: (1, 8, 3, 6), 0: (4, 5, 2, 7), 1: (2, 7, 4, 5)}

_AVIF_SPEED = 9  # Of 10: 24 megapixels in three seconds on two cores, where 8 takes five and saves 2 % of the bytes.
_SRGB_COLOUR: dict[str, Any] = {"primaries": 1, "transfer": 13}  # BT.709's primaries and sRGB's curve (ITU-T H.273) …
_PROFILE_COLOUR: dict[str, Any] = {"primaries": 2, "transfer": 2}  # … or unspecified: see the ICC profile.
_ESSENTIAL = 0x80  # A property without which the picture cannot be shown.
_BT709, _IDENTITY = 1, 0  # The usual BT.601 goes through a fast conversion that tints 8 bits by half a level.

Added = list[tuple[bytes, bytes, bytes]]  # Items to add: their kind, content type and bytes.


def scan_heif(stream: BinaryIO, kind: Literal["AVIF", "HEIC"]) -> Header:
    """Read an AVIF's or a HEIC's header.

    The decoder of HEIC crops and rotates the picture as the file asks, so the orientation is 1, while the size is that
    before. Image sequences of AVIF are refused: their decoder cannot be trusted.
    """
    notes: tuple[str, ...] = ()
    budget = MetadataBudget()
    meta = None
    for found in file_boxes(stream):
        if found.kind == b"meta" and meta is None:
            meta = read_box(stream, found, budget)
        elif found.kind == b"moov" and kind == "AVIF":
            raise UnreadableError("is an animated AVIF, which cannot be fused; give a still picture")
        elif found.kind == b"moov":
            notes = ("it holds a sequence, of which the still picture was taken",)
    if meta is None:
        raise UnreadableError(f"holds no still picture; give {'an AVIF' if kind == 'AVIF' else 'a HEIC'} photograph")
    items = Items(meta)
    size = items.property(b"ispe")
    if size is None or len(size) < 12:
        raise UnreadableError("is damaged: its header does not tell its size")
    width, height = struct.unpack_from(">II", size, 4)
    exif = xmp = None
    for item in items.items.values():
        if item.kind == b"Exif" and exif is None:
            body = items.read(stream, item, budget) or b""
            exif = body[4 + int.from_bytes(body[:4], "big") :]
        elif item.kind == b"mime" and item.content_type == _XMP_TYPE and xmp is None:
            xmp = items.read(stream, item, budget) or b""
    if any(name in meta for name in _GAIN_MAP_NAMES):
        notes += (GAIN_MAP_NOTE,)
    if items.property(b"clap") is not None and kind == "AVIF":
        notes += ("it asks to be cropped, which was not done",)
    blocks = Metadata(icc=_profile(items), exif=exif, xmp=xmp)
    orientation = 1 if kind == "HEIC" else _orientation(items)
    return Header.of(kind, (width, height), _bit_depth(items), blocks, notes, orientation=orientation)


def _profile(items: Items) -> bytes | None:
    """Return the ICC profile, the picture's own or one made from its numbered primaries; None stands for sRGB."""
    numbered = None
    for name, body in items.picture.properties:
        if name == b"colr" and body[:4] in (b"prof", b"rICC"):
            return body[4:]
        if name == b"colr" and body[:4] == b"nclx" and len(body) >= 8:
            numbered = struct.unpack_from(">HH", body, 4)
    return profile_of_cicp(*numbered) if numbered else None


def _bit_depth(items: Items) -> int:
    pixi, av1, hevc = (items.property(kind) or b"" for kind in (b"pixi", b"av1C", b"hvcC"))
    if len(pixi) >= 6:
        return pixi[5]
    if len(av1) >= 4:
        return (12 if av1[2] & 0x20 else 10) if av1[2] & 0x40 else 8
    return 8 + (hevc[17] & 7) if len(hevc) >= 18 else 8


def _orientation(items: Items) -> int:
    quarters, mirror = 0, None
    for name, body in items.picture.properties:
        if name == b"irot" and body:
            # A rotation after a mirroring is the opposite rotation before it.
            quarters += body[0] & 3 if mirror is None else -(body[0] & 3)
        elif name == b"imir" and body:
            mirror = body[0] & 1
    return _ROTATED[mirror][quarters % 4]


def decode_avif(data: bytes, header: Header) -> NDArray[Any]:
    """Decode an AVIF's picture: H×W or H×W×channels; uint8, or uint16 over its full range."""
    import imagecodecs

    decoded: NDArray[Any] = imagecodecs.avif_decode(data, index=0)
    return widen(decoded, header.bit_depth) if decoded.dtype == np.uint16 else decoded


def decode_heic(data: bytes, _: Header) -> NDArray[Any]:
    """Decode a HEIC by the extra `heif` (pi-heif): H×W×3 or 4, upright; uint8, or uint16 over its full range."""
    try:
        import pi_heif
    except ImportError:
        raise UnreadableError("is a HEIC, which needs an extra: pip install 'lightfuse[heif]'") from None
    # Nothing but the picture is asked for: what pi-heif collects about it besides makes damaged files crash.
    pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False
    file = pi_heif.open_heif(BytesIO(_without_descriptions(data)), convert_hdr_to_8bit=False, hdr_to_16bit=False)
    decoded = np.array(file)  # A copy: the decoder's own memory is freed with the file.
    return widen(decoded, file.info["bit_depth"]) if decoded.dtype == np.uint16 else decoded


def _without_descriptions(data: bytes) -> bytes:
    """Return a file whose items of metadata and thumbnails no longer refer to the picture; nothing is moved."""
    edited = bytearray(data)
    for meta in (found for found in file_boxes(BytesIO(data)) if found.kind == b"meta"):
        for references in (inner for inner in boxes(data, meta.start + 4, meta.end) if inner.kind == b"iref"):
            for reference in boxes(data, references.start + 4, references.end):
                if reference.kind in (b"cdsc", b"thmb"):
                    edited[reference.start - 4 : reference.start] = b"skip"
    return bytes(edited)


def encode_avif(
    pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions, cicp: tuple[int, int, int] | None = None
) -> Parts:
    """Encode H×W×3 pixels as an AVIF of 8, 10 or 12 bits with its ICC profile, EXIF and XMP.

    ``cicp`` are the pixels' primaries, transfer function and matrix by number (ITU-T H.273); None is sRGB, or
    unspecified with a profile.
    """
    import imagecodecs

    depth = bits_of("AVIF", options, 8 * pixels.itemsize)
    levels = to_depth(pixels, 8) if depth == 8 else narrow(to_depth(pixels, 16), depth)
    colour, matrix = _PROFILE_COLOUR if metadata.icc else _SRGB_COLOUR, _BT709
    if cicp is not None:
        colour, matrix = {"primaries": cicp[0], "transfer": cicp[1]}, cicp[2]
    avif = imagecodecs.avif_encode(
        np.ascontiguousarray(levels),
        level=100 if options.lossless else min(options.quality, 99),  # 100 means lossless to libavif.
        speed=_AVIF_SPEED,
        bitspersample=depth,
        pixelformat="444" if options.lossless else chosen_subsampling(options),
        matrix=_IDENTITY if options.lossless else matrix,
        numthreads=usable_cores(),
        **colour,
    )
    return [_with_metadata(bytes(avif), metadata)]


def _with_metadata(avif: bytes, metadata: Metadata) -> bytes:
    """Return an AVIF file, one of our own encoder's, with its ICC profile, EXIF and XMP.

    The profile becomes a property of the picture, its only item; EXIF and XMP items that describe it, whose bytes stand
    at the end.
    """
    added: Added = []
    if metadata.exif:
        added.append((b"Exif", b"", bytes(4) + metadata.exif))
    if metadata.xmp:
        added.append((b"mime", _XMP_TYPE + b"\0", metadata.xmp))
    if not added and not metadata.icc:
        return avif
    at = next(found for found in file_boxes(BytesIO(avif)) if found.kind == b"meta")
    items = Items(avif[at.start : at.end])
    # All locations are four bytes wide, so that their box has one length whatever they say: lay out once to learn by
    # how much the file grows before its pixels, then again with the true locations.
    growth = len(_meta(items, added, metadata.icc, 0, 0)) - (at.end - at.start)
    new = _meta(items, added, metadata.icc, growth, len(avif) + growth + 8)
    payload = b"".join(body for _, _, body in added)
    tail = box(b"mdat", payload) if payload else b""
    return b"".join([avif[: at.start - 8], box(b"meta", new), memoryview(avif)[at.end :], tail])


def _meta(items: Items, added: Added, icc: bytes | None, shift: int, at: int) -> bytes:
    """Return the contents of a `meta` box of one picture, its profile, and added items that describe it.

    ``shift`` is by how much the picture's bytes move, ``at`` where those of the added items begin.
    """
    primary = items.primary
    # Of each item its number, kind, content type, and where its bytes stand.
    rows = [(primary, items.picture.kind, b"", [(offset + shift, size) for offset, size in items.picture.extents])]
    for number, (kind, content_type, body) in enumerate(added, start=primary + 1):
        rows.append((number, kind, content_type, [(at, len(body))]))
        at += len(body)
    locations = struct.pack(">IBBH", 1 << 24, 0x44, 0, len(rows))  # Version 1, all fields of four bytes.
    information, references = struct.pack(">IH", 0, len(rows)), bytes(4)
    for number, kind, content_type, extents in rows:
        locations += struct.pack(">HHHH", number, 0, 0, len(extents))
        locations += b"".join(struct.pack(">II", *extent) for extent in extents)
        information += box(b"infe", struct.pack(">IHH4s", 2 << 24, number, 0, kind) + b"\0" + content_type)
        references += box(b"cdsc", struct.pack(">HHH", number, 1, primary)) if number != primary else b""
    properties = [*items.picture.properties, *([(b"colr", b"prof" + icc)] if icc else [])]
    links = bytes(n | (_ESSENTIAL if kind == b"av1C" else 0) for n, (kind, _) in enumerate(properties, start=1))
    described = box(b"ipco", b"".join(box(kind, body) for kind, body in properties))
    described += box(b"ipma", struct.pack(">IIHB", 0, 1, primary, len(links)) + links)
    head = bytes(4) + box(b"hdlr", items.raw[b"hdlr"]) + box(b"pitm", items.raw[b"pitm"])
    tail = box(b"iref", references) if added else b""
    return head + box(b"iloc", locations) + box(b"iinf", information) + box(b"iprp", described) + tail
