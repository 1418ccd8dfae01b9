"""Ultra HDR JPEG: shown as the fused picture by every reader, and with its gain map on HDR screens.

Two JPEGs one behind the other: the picture, then a gain map, which readers find by an XMP directory and a multi-picture
index (Ultra HDR image format 1.1). The gain's range and offset stand in XMP and, for newer readers, as in ISO 21496-1.
"""

import struct
from dataclasses import replace

import numpy as np

from lightfuse.hdr.gain_map import OFFSET, gain_map
from lightfuse.hdr.merge import Array, Floats
from lightfuse.images import EncodeOptions, Metadata, encode_picture
from lightfuse.images.exif import UNDEFINED, Value, block_of, longs
from lightfuse.images.jpeg import APPLICATION, XMP_PREFIX, after_segments, insert_segments, segment
from lightfuse.images.xmp import upright_xmp

_GAIN_QUALITY = 90
_MIN_RANGE = 0.1  # stops
_APP1, _APP2 = 0xE1, 0xE2

# Multi-picture format (CIPA DC-007)
_MPF_NAME = b"MPF\0"
_PRIMARY = 0x030000  # baseline primary picture, JPEG

# ISO 21496-1
_ISO_NAME = b"urn:iso:std:iso:ts:21496:-1\0"
_ISO_VERSIONS = struct.pack(">HH", 0, 0)  # the least version a reader must know, and the writer's
_ISO_FLAGS = 0x40  # the gain applies in the base picture's primaries; one channel; the base is the SDR rendition
_DENOMINATOR = 1 << 20

# XMP
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_GAIN_MAP = f'rdf:about="" xmlns:rdf="{_RDF}" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/" hdrgm:Version="1.0"'
_MAX_PACKET = 65_000  # bytes: what a JPEG segment holds besides the name before the packet
_EMPTY_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()


def encode_gain_map_jpeg(
    fused: Array, radiance: Floats, metadata: Metadata | None = None, options: EncodeOptions | None = None
) -> bytes:
    """Encode a fused picture, with 8 bits, and the gain map of its radiance (see `gain_map`); see also `write_hdr`.

    EXIF, IPTC and ICC profile are kept; so is XMP that can be parsed and fits a segment.
    """
    import imagecodecs

    gain, given = gain_map(fused, radiance), metadata or Metadata()
    max_stops = max(_MIN_RANGE, float(gain.max()))
    levels = np.rint(gain * np.float32(255 / max_stops)).astype(np.uint8)
    jpeg = bytes(imagecodecs.jpeg8_encode(levels, level=_GAIN_QUALITY))
    described = segment(_APP1, XMP_PREFIX + _gain_map_xmp(max_stops)) + segment(_APP2, _iso_21496(max_stops))
    appended = insert_segments(jpeg, described, APPLICATION)
    kept = replace(given, xmp=_base_xmp(given.xmp, len(appended)))
    base = encode_picture(fused, ".jpg", kept, options)
    announced = insert_segments(base, segment(_APP2, _ISO_NAME + _ISO_VERSIONS), APPLICATION)
    size = len(announced) + len(_mpf_index(0, 0, 0))
    named = after_segments(announced, APPLICATION) + len(segment(_APP2, _MPF_NAME))
    return insert_segments(announced, _mpf_index(size, len(appended), size - named), APPLICATION) + appended


def _mpf_index(first_size: int, second_size: int, second_at: int) -> bytes:
    """The multi-picture segment of two pictures of so many bytes.

    The first's are with this segment in it; the place of the second counts from the byte after the segment's name.
    """
    entries = struct.pack("<IIIHHIIIHH", _PRIMARY, first_size, 0, 0, 0, 0, second_size, second_at, 0, 0)
    version, count = Value(UNDEFINED, 4, b"0100"), longs(2)
    index = block_of({0xB000: version, 0xB001: count, 0xB002: Value(UNDEFINED, 32, entries)})
    return segment(_APP2, _MPF_NAME + index)


def _iso_21496(max_stops: float) -> bytes:
    """The gain map's ISO 21496-1 payload: one channel, gains from 0 to ``max_stops``, gamma 1, one offset for both.

    A screen with no headroom shows the base alone, one of ``max_stops`` stops or more the whole gain.
    """
    # The screen's headroom, the gain, gamma, offsets: below 2048, so that signed and unsigned fractions are one.
    values = 0, max_stops, 0, max_stops, 1, OFFSET, OFFSET
    fractions = b"".join(struct.pack(">II", round(value * _DENOMINATOR), _DENOMINATOR) for value in values)
    return _ISO_NAME + _ISO_VERSIONS + bytes([_ISO_FLAGS]) + fractions


def _gain_map_xmp(max_stops: float) -> bytes:
    """The gain map's XMP packet: gains from 0 to ``max_stops`` in stops, gamma 1, one offset for both renditions."""
    description = (
        f'<rdf:Description {_GAIN_MAP} hdrgm:GainMapMin="0" hdrgm:GainMapMax="{max_stops:.6f}" hdrgm:Gamma="1" '
        f'hdrgm:OffsetSDR="{OFFSET:.6f}" hdrgm:OffsetHDR="{OFFSET:.6f}" '
        f'hdrgm:HDRCapacityMin="0" hdrgm:HDRCapacityMax="{max_stops:.6f}" hdrgm:BaseRenditionIsHDR="False"/>'
    )
    return _with_description(b"", description)


def _base_xmp(packet: bytes | None, gain_map_size: int) -> bytes:
    """The base picture's XMP packet with the directory of the file's two pictures added.

    What it said of a gain map or other pictures in the file it came from is removed. A packet that cannot be read, or
    leaves no room in a JPEG's 64 kB segment, is replaced.
    """
    item = '<rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="image/jpeg" Item:Semantic={}/></rdf:li>'
    items = item.format('"Primary"') + item.format(f'"GainMap" Item:Length="{gain_map_size}"')
    directory = (
        f'<rdf:Description {_GAIN_MAP} xmlns:Container="{_CONTAINER}" xmlns:Item="{_CONTAINER}item/">'
        f"<Container:Directory><rdf:Seq>{items}</rdf:Seq></Container:Directory></rdf:Description>"
    )
    extended = _with_description(upright_xmp(packet or b"") or b"", directory)
    return extended if len(extended) <= _MAX_PACKET else _with_description(b"", directory)


def _with_description(packet: bytes, description: str) -> bytes:
    """The packet, or an empty one where it holds no descriptions, with one more."""
    before, end, after = packet.rpartition(b"</rdf:RDF>")
    if not end:
        before, end, after = _EMPTY_PACKET.partition(b"</rdf:RDF>")
    return b"".join([before, description.encode(), end, after])
