"""Photoshop's image resources, of which only IPTC is carried (Adobe Photoshop File Formats; IPTC-IIM 4.2)."""

import struct

PREFIX = b"Photoshop 3.0\0"
IPTC_START = b"\x1c"  # Every IPTC record starts with it.
_SIGNATURE = b"8BIM"
_IPTC = 0x0404


def iptc_of_resources(resources: bytes) -> bytes | None:
    """Return the IPTC records among Photoshop's image resources; None if there are none or the list breaks off."""
    at = 0
    while resources[at : at + 4] == _SIGNATURE and at + 12 <= len(resources):
        (kind,) = struct.unpack_from(">H", resources, at + 4)
        name = 1 + resources[at + 6]
        at += 6 + name + name % 2
        if at + 4 > len(resources):
            return None
        (size,) = struct.unpack_from(">I", resources, at)
        body = resources[at + 4 : at + 4 + size]
        if kind == _IPTC:
            return body if len(body) == size and body.startswith(IPTC_START) else None
        at += 4 + size + size % 2
    return None


def resources_of_iptc(iptc: bytes) -> bytes:
    """Return Photoshop's image resources with nothing but IPTC records in them."""
    return _SIGNATURE + struct.pack(">HHI", _IPTC, 0, len(iptc)) + iptc + bytes(len(iptc) % 2)
