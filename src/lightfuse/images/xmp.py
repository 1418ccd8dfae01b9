"""XMP packets edited in place, and IPTC records among Photoshop's image resources.

Sources: XMP specification part 1 (ISO 16684-1); Adobe Photoshop File Formats; IPTC-IIM 4.2.
"""

import re
import struct
from collections.abc import Callable
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
# Tags and, so that no tag is found inside them, comments, CDATA sections and processing instructions. Nothing is tried
# twice, so that well-formed XML is read in time in proportion to its length.
_TAG = re.compile(
    rb"""<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|<(/?)([^\s/>]++)((?:[^>"']++|"[^"]*+"|'[^']*+')*+)>""", re.DOTALL
)
_ATTRIBUTE = re.compile(rb"""\s*+([^\s=/>]++)\s*+=\s*+("[^"]*+"|'[^']*+')""")


def upright_xmp(xmp: bytes) -> bytes | None:
    """Return an XMP packet with orientation 1 and without what was true of the old file alone.

    Nothing else changes, byte for byte. None where the packet is not XML, declares entities or is implausibly large.
    """

    def orientation(value: str) -> bytes | None:
        return b"1" if value.strip() in {"2", "3", "4", "5", "6", "7", "8"} else None

    return _edited(xmp, {"tiff:Orientation": orientation}, drop_stale=True)


def xmp_with_software(xmp: bytes, software: str) -> bytes:
    """Return an XMP packet that names `software` as its creator tool, where it names one; else unchanged."""
    name = software.encode("ascii", "replace")
    return _edited(xmp, {"xmp:CreatorTool": lambda _: name}, drop_stale=False) or xmp


def _edited(xmp: bytes, values: dict[str, Callable[[str], bytes | None]], *, drop_stale: bool) -> bytes | None:
    """Return a packet with the values of some properties (attributes or elements) replaced; None if it is not XML."""
    xmp = xmp.rstrip(b"\0")
    if len(xmp) > MAX_XMP or b"\0" in xmp:  # UTF-16 and UTF-32 are full of zeros; XMP in pictures is UTF-8.
        return None
    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(xmp, True)
    except expat.ExpatError:
        return None
    edits: list[tuple[int, int, bytes]] = []

    def edit(name: str, whole: tuple[int, int], value: tuple[int, int] | None) -> None:
        if is_stale(name):
            edits.append((*whole, b""))
        elif value:
            replacement = values[name](xmp[slice(*value)].decode("utf-8", "replace"))
            edits.extend([(*value, replacement)] if replacement is not None else [])

    def is_stale(name: str) -> bool:
        return drop_stale and (name in _STALE_ELEMENTS or name.startswith(_STALE_NAMES))

    # Of the elements to drop or replace that are open: name, where they start, where their start tag ends, depth.
    open_elements: list[tuple[str, int, int, int]] = []
    depth = 0
    for tag in _TAG.finditer(xmp):
        if tag[2] is None:
            continue
        name, is_empty = tag[2].decode("utf-8", "replace"), tag[3].endswith(b"/")
        if not tag[1]:
            depth += 1
            if name in values or is_stale(name):
                open_elements.append((name, tag.start(), tag.end(), depth))
            for found in _ATTRIBUTE.finditer(xmp, *tag.span(3)):
                key = found[1].decode("utf-8", "replace")
                if key in values or is_stale(key):
                    edit(key, found.span(), (found.start(2) + 1, found.end() - 1))
        if tag[1] or is_empty:
            if open_elements and open_elements[-1][3] == depth:
                name, start, text_at, _ = open_elements.pop()
                is_text = not is_empty and xmp.find(b"<", text_at, tag.start()) < 0
                edit(name, (start, tag.end()), (text_at, tag.start()) if is_text else None)
            depth -= 1
    parts, at = [], 0
    for start, end, replacement in sorted(edits):
        if start >= at:  # Not inside what was dropped.
            parts += [xmp[at:start], replacement]
            at = end
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
