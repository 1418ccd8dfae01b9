"""Metadata put into a freshly encoded AVIF: more items in its `meta` box (ISO/IEC 14496-12, 8.11; 23008-12, A.2)."""

import struct
from io import BytesIO

from lightfuse.images.isobmff import Items, boxes, file_boxes
from lightfuse.images.metadata import Metadata

_XMP_TYPE = b"application/rdf+xml\0"


def insert_metadata(avif: bytes, metadata: Metadata) -> bytes:
    """Return an AVIF file, one of our own encoder's, with its ICC profile, EXIF and XMP.

    The profile becomes a property of the picture, EXIF and XMP items that describe it; their bytes stand at the end.
    """
    added = []
    if metadata.exif:
        added.append((b"Exif", b"", bytes(4) + metadata.exif))
    if metadata.xmp:
        added.append((b"mime", _XMP_TYPE, metadata.xmp))
    if not added and not metadata.icc:
        return avif
    meta_box = next(box for box in file_boxes(BytesIO(avif)) if box.kind == b"meta")
    meta = avif[meta_box.start : meta_box.end]
    # The locations are all four bytes wide, so their box is as long whatever they say: lay out once to learn by how
    # much the file grows before its pixels, then again in earnest.
    growth = len(_meta(meta, added, metadata.icc, 0, 0)) - len(meta)
    new = _meta(meta, added, metadata.icc, growth, len(avif) + growth + 8)
    payload = b"".join(body for _, _, body in added)
    parts: list[bytes | memoryview] = [
        avif[: meta_box.start - 8],
        struct.pack(">I4s", len(new) + 8, b"meta"),
        new,
        memoryview(avif)[meta_box.end :],
        _box(b"mdat", payload) if payload else b"",
    ]
    return b"".join(parts)


def _meta(meta: bytes, added: list[tuple[bytes, bytes, bytes]], icc: bytes | None, shift: int, at: int) -> bytes:
    """Return the contents of a `meta` box with items added; `shift` moves those it had, `at` is where the new begin."""
    items = Items(meta)
    first = max(items.items) + 1
    numbers = range(first, first + len(added))
    replaced = {
        b"iloc": _locations(items, added, shift, at),
        b"iinf": _information(items.raw[b"iinf"], numbers, added),
        b"iprp": _properties(items.raw[b"iprp"], items.primary, icc) if icc else items.raw[b"iprp"],
    }
    references = items.raw.get(b"iref", bytes(4)) + b"".join(
        _box(b"cdsc", struct.pack(">HHH", number, 1, items.primary)) for number in numbers
    )
    kept = b"".join(_box(kind, replaced.get(kind, body)) for kind, body in items.raw.items() if kind != b"iref")
    return meta[:4] + kept + (_box(b"iref", references) if len(references) > 4 else b"")


def _locations(items: Items, added: list[tuple[bytes, bytes, bytes]], shift: int, at: int) -> bytes:
    """Return an `iloc` box's contents (version 1, all fields of four bytes)."""
    rows = [
        (number, item.construction, [(offset + (0 if item.construction else shift), n) for offset, n in item.extents])
        for number, item in items.items.items()
    ]
    number = max(items.items)
    for _, _, body in added:
        number += 1
        rows.append((number, 0, [(at, len(body))]))
        at += len(body)
    body = struct.pack(">IBBH", 1 << 24, 0x44, 0, len(rows))
    for number, construction, extents in rows:
        body += struct.pack(">HHHH", number, construction, 0, len(extents))
        body += b"".join(struct.pack(">II", offset, length) for offset, length in extents)
    return body


def _information(body: bytes, numbers: range, added: list[tuple[bytes, bytes, bytes]]) -> bytes:
    head, wide = (6, ">H") if body[0] == 0 else (8, ">I")
    (count,) = struct.unpack(wide, body[4:head])
    entries = b"".join(
        _box(b"infe", struct.pack(">IHH4s", 2 << 24, number, 0, kind) + b"\0" + content_type)
        for number, (kind, content_type, _) in zip(numbers, added, strict=True)
    )
    return body[:4] + struct.pack(wide, count + len(added)) + body[head:] + entries


def _properties(body: bytes, primary: int, icc: bytes) -> bytes:
    """Return an `iprp` box's contents with the profile added to the picture's properties."""
    parts = {box.kind: body[box.start : box.end] for box in boxes(body)}
    container, links = parts[b"ipco"], parts[b"ipma"]
    index = sum(1 for _ in boxes(container)) + 1
    wide = links[3] & 1
    link = struct.pack(">H", index) if wide else bytes([index])
    number_size, step = (2 if links[0] == 0 else 4), 2 if wide else 1
    at, new = 8, links[:8]
    for _ in range(int.from_bytes(links[4:8], "big")):
        number = int.from_bytes(links[at : at + number_size], "big")
        at += number_size
        count = links[at]
        old = links[at + 1 : at + 1 + count * step]
        more = link if number == primary else b""
        new += number.to_bytes(number_size, "big") + bytes([count + bool(more)]) + old + more
        at += 1 + count * step
    return _box(b"ipco", container + _box(b"colr", b"prof" + icc)) + _box(b"ipma", new)


def _box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I4s", len(body) + 8, kind) + body
