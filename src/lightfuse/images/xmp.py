"""XMP packets edited in place, and IPTC records among Photoshop's image resources.

Sources: XMP specification part 1 (ISO 16684-1); Adobe Photoshop File Formats; IPTC-IIM 4.2.
"""

import re
import struct
from xml.parsers import expat

MAX_XMP = 1 << 23
PHOTOSHOP_PREFIX = b"Photoshop 3.0\0"
IPTC_START = b"\x1c"  # Every IPTC record starts with it.
_RESOURCE, _IPTC_RESOURCE = b"8BIM", 0x0404

# What was true of the exposure's own file alone: thumbnails, extended XMP, and what describes or points at other parts
# of the file: a gain map, the video of a motion photo, a depth map with its picture, a sound.
_STALE_ELEMENTS = frozenset({"xmp:Thumbnails", "Container:Directory", "GContainer:Directory"})
_STALE_NAMES = (
    "hdrgm:", "HDRGainMap:", "xmpNote:HasExtendedXMP", "GCamera:MicroVideo", "GCamera:MotionPhoto",
    "Camera:MicroVideo", "Camera:MotionPhoto", "GDepth:", "GImage:", "GAudio:",
)  # fmt: skip
_TURNED = frozenset({b"2", b"3", b"4", b"5", b"6", b"7", b"8"})
# A start tag, and its attributes. Nothing is tried twice, so that reading takes time in proportion to the length.
_START_TAG = re.compile(rb"""<[^\s/>]++((?:[^>"']++|"[^"]*+"|'[^']*+')*+)>""")
_ATTRIBUTE = re.compile(rb"""\s*+([^\s=/>]++)\s*+=\s*+("[^"]*+"|'[^']*+')""")


def upright_xmp(xmp: bytes) -> bytes | None:
    """Return an XMP packet with orientation 1 and without what was true of the old file alone.

    Nothing else changes, byte for byte. None where the packet is not XML, declares entities or is implausibly large.
    """
    xmp = xmp.rstrip(b"\0")
    if len(xmp) > MAX_XMP or b"\0" in xmp:  # UTF-16 and UTF-32 are full of zeros; XMP in pictures is UTF-8.
        return None
    edits: list[tuple[int, int, bytes]] = []
    open_tags: list[tuple[int, int]] = []  # Where the start tags of the open elements begin and end.
    parser = expat.ParserCreate()

    def edit(name: str, whole: tuple[int, int], value: tuple[int, int] | None) -> None:
        if name in _STALE_ELEMENTS or name.startswith(_STALE_NAMES):
            edits.append((*whole, b""))
        elif value and name == "tiff:Orientation" and xmp[slice(*value)].strip() in _TURNED:
            edits.append((*value, b"1"))

    def start(name: str, _: dict[str, str]) -> None:
        tag = _START_TAG.match(xmp, parser.CurrentByteIndex)
        if tag is None:
            raise expat.ExpatError("a start tag in another encoding than UTF-8")
        open_tags.append(tag.span())
        for found in _ATTRIBUTE.finditer(xmp, *tag.span(1)):
            edit(found[1].decode("utf-8", "replace"), found.span(), (found.start(2) + 1, found.end() - 1))

    def end(name: str) -> None:
        (begins, text_at), ends = open_tags.pop(), parser.CurrentByteIndex
        if xmp.startswith(b"/>", text_at - 2):  # An empty element.
            edit(name, (begins, text_at), None)
        else:
            edit(name, (begins, xmp.index(b">", ends) + 1), (text_at, ends))

    parser.StartElementHandler, parser.EndElementHandler, parser.StartDoctypeDeclHandler = start, end, _refuse
    try:
        parser.Parse(xmp, True)
    except expat.ExpatError:
        return None
    parts, at = [], 0
    for begins, ends, replacement in sorted(edits):
        if begins >= at:  # Not inside what was dropped.
            parts += [xmp[at:begins], replacement]
            at = ends
    return b"".join([*parts, xmp[at:]])


def _refuse(*_: object) -> None:
    raise expat.ExpatError("an XMP packet has no document type")


def iptc_of_resources(resources: bytes) -> bytes | None:
    """Return the IPTC records among Photoshop's image resources; None if there are none or the list is truncated."""
    at = 0
    while resources[at : at + 4] == _RESOURCE and at + 12 <= len(resources):
        (kind,) = struct.unpack_from(">H", resources, at + 4)
        name = 1 + resources[at + 6]
        at += 6 + name + name % 2
        if at + 4 > len(resources):
            return None
        (size,) = struct.unpack_from(">I", resources, at)
        if kind == _IPTC_RESOURCE:
            body = resources[at + 4 : at + 4 + size]
            return body if len(body) == size and body.startswith(IPTC_START) else None
        at += 4 + size + size % 2
    return None


def resources_of_iptc(iptc: bytes) -> bytes:
    """Return Photoshop's image resources with nothing but IPTC records in them."""
    return _RESOURCE + struct.pack(">HHI", _IPTC_RESOURCE, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
