"""XMP packets edited in place, and IPTC records among Photoshop's image resources.

Sources: XMP specification part 1 (ISO 16684-1); Adobe Photoshop File Formats; IPTC-IIM 4.2.
"""

import re
import struct
from collections.abc import Callable, Iterator
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
_TAG_NAME = re.compile(rb"<[^\s/>]*")
_ATTRIBUTE = re.compile(rb"""\s*([^\s=/>]+)\s*=\s*("[^"]*"|'[^']*')""")

Edit = tuple[int, int, bytes]


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


def without_padding(xmp: bytes) -> bytes:
    """Return an XMP packet without the white space that pads it before its end."""
    at = xmp.rfind(b"<?xpacket end")
    return xmp[:at].rstrip() + b"\n" + xmp[at:] if at > 0 else xmp


def _edited(xmp: bytes, values: dict[str, Callable[[str], bytes | None]], *, drop_stale: bool) -> bytes | None:
    """Return a packet with the values of some properties (attributes or elements) replaced; None if it is not XML."""
    xmp = xmp.rstrip(b"\0")
    if len(xmp) > MAX_XMP or b"\0" in xmp:  # UTF-16 and UTF-32 are full of zeros; XMP in pictures is UTF-8.
        return None
    editor = _Editor(xmp, values, drop_stale)
    try:
        editor.parser.Parse(xmp, True)
    except expat.ExpatError:
        return None
    parts, at = [], 0
    for start, end, replacement in sorted(editor.edits):
        if start >= at:  # Not inside what was dropped.
            parts += [xmp[at:start], replacement]
            at = end
    return b"".join([*parts, xmp[at:]])


class _Editor:
    """Collects, while expat parses a packet, which of its bytes are to be replaced by what."""

    def __init__(self, xmp: bytes, values: dict[str, Callable[[str], bytes | None]], drop_stale: bool) -> None:
        self.edits: list[Edit] = []
        self._xmp, self._values, self._drop_stale = xmp, values, drop_stale
        self._depth = 0
        # Of the elements to drop or replace that are open: name, where they start, where their start tag ends, depth.
        self._open: list[tuple[str, int, int, int]] = []
        self.parser = expat.ParserCreate()
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _refuse(self, *_: object) -> None:
        raise expat.ExpatError("an XMP packet has no document type")

    def _stale(self, name: str) -> bool:
        return self._drop_stale and (name in _STALE_ELEMENTS or name.startswith(_STALE_NAMES))

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        at = self.parser.CurrentByteIndex
        if name in self._values or self._stale(name):
            self._open.append((name, at, self._tag_end(at), self._depth))
        if any(key in self._values or self._stale(key) for key in attributes):
            for key, start, value_at, end in self._attributes(at):
                if self._stale(key):
                    self.edits.append((start, end, b""))
                elif key in self._values:
                    self._replace(key, value_at, end - 1)

    def _end(self, _: str) -> None:
        if self._open and self._open[-1][3] == self._depth:
            at = self.parser.CurrentByteIndex
            name, start, text_at, _depth = self._open.pop()
            is_empty = self._xmp[text_at - 2 : text_at] == b"/>"
            if self._stale(name):
                self.edits.append((start, text_at if is_empty else self._tag_end(at), b""))
            elif not is_empty and self._xmp.find(b"<", text_at, at) < 0:
                self._replace(name, text_at, at)
        self._depth -= 1

    def _replace(self, name: str, start: int, end: int) -> None:
        replacement = self._values[name](self._xmp[start:end].decode("utf-8", "replace"))
        if replacement is not None:
            self.edits.append((start, end, replacement))

    def _tag_end(self, at: int) -> int:
        """Return where the tag that starts at `at` ends; a ``>`` may stand inside its quoted values."""
        at = max((end for *_, end in self._attributes(at)), default=at)
        return self._xmp.index(b">", at) + 1

    def _attributes(self, at: int) -> Iterator[tuple[str, int, int, int]]:
        """Yield for each attribute of a (well-formed) tag its name, and where the white space before it, its value and
        what follows its closing quote start.
        """
        found = _TAG_NAME.match(self._xmp, at)
        while found and (found := _ATTRIBUTE.match(self._xmp, found.end())):
            yield found[1].decode("utf-8", "replace"), found.start(), found.start(2) + 1, found.end()


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
