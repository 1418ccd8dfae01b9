"""Ultra HDR JPEG: shown as the fused picture by every reader, and with its gain map on HDR screens.

Two JPEGs one behind the other: the picture, then a gain map, which readers find by an XMP directory and a multi-picture
index (Ultra HDR image format 1.1). The gain's range and offset stand in XMP and, for newer readers, as in ISO 21496-1.
"""

import struct

import numpy as np

from lightfuse.hdr.gain_map import OFFSET, gain_map
from lightfuse.hdr.merge import Array, Floats
from lightfuse.images import EncodeOptions, Metadata, encode_picture
from lightfuse.images.jpeg import XMP_PREFIX, after_segments, segment
from lightfuse.images.xmp import upright_xmp

_GAIN_QUALITY = 90

# JPEG segments
_APP1, _APP2 = 0xE1, 0xE2
_APPLICATION = range(0xE0, 0xF0)

# Multi-picture format (CIPA DC-007): an IFD with version, count and entries
_MPF_NAME = b"MPF\0"
_MPF_HEADER = b"MM\0*" + struct.pack(">I", 8)
_MPF_ENTRIES_AT = len(_MPF_HEADER) + 2 + 3 * 12 + 4
_MPF_SIZE = len(_MPF_NAME) + _MPF_ENTRIES_AT + 2 * 16
_UNDEFINED, _LONG = 7, 4
_VERSION_TAG, _COUNT_TAG, _ENTRIES_TAG = 0xB000, 0xB001, 0xB002
_PRIMARY = 0x030000  # baseline primary picture, JPEG

# ISO 21496-1
_ISO_NAME = b"urn:iso:std:iso:ts:21496:-1\0"
_ISO_VERSIONS = struct.pack(">HH", 0, 0)  # the least version a reader must know, and the writer's
_ISO_FLAGS = 0x40  # the gain applies in the base picture's primaries; one channel; the base is the SDR rendition
_DENOMINATOR = 1 << 20

# XMP
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_GAIN_MAP = "http://ns.adobe.com/hdr-gain-map/1.0/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_ITEM = "http://ns.google.com/photos/1.0/container/item/"
_MAX_PACKET = 65_000  # bytes: what a JPEG segment holds besides the name before the packet
_EMPTY_PACKET = (
    '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
    f'<rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
).encode()


def encode_gain_map_jpeg(
    fused: Array,
    radiance: Floats,
    metadata: Metadata | None = None,
    options: EncodeOptions | None = None,
) -> bytes:
    """Encode a fused picture with the gain map of its radiance (see `gain_map`).

    Args:
        fused: RGB, H×W×3, uint8, uint16 or float32 in [0, 1], sRGB-encoded; written with 8 bits.
        radiance: the merged exposures of the same frames, linear, H×W×3 float32.
        metadata: of the base exposure. EXIF and ICC profile are kept; so is XMP that can be parsed and fits a segment.
        options: of the base picture, see `encode_picture`.

    Raises:
        PictureError: picture and radiance differ in size.
        OutputError: see `encode_picture`.
    """
    import imagecodecs

    gain, given = gain_map(fused, radiance), metadata or Metadata()
    jpeg = bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(gain.levels), level=_GAIN_QUALITY))
    described = segment(_APP1, XMP_PREFIX + _gain_map_xmp(gain.max_stops, OFFSET))
    appended = _insert(jpeg, described + segment(_APP2, _iso_21496(gain.max_stops, OFFSET)))
    kept = Metadata(icc=given.icc, exif=given.exif, xmp=_base_xmp(given.xmp, len(appended)))
    announced = _insert(encode_picture(fused, ".jpg", kept, options), segment(_APP2, _ISO_NAME + _ISO_VERSIONS))
    header, at = struct.calcsize(">BBH"), after_segments(announced, _APPLICATION)
    index = _mpf_index(len(announced) + header + _MPF_SIZE, len(appended), at + header)
    return _insert(announced, segment(_APP2, index)) + appended


def _insert(jpeg: bytes, segments: bytes) -> bytes:
    at = after_segments(jpeg, _APPLICATION)
    return b"".join([jpeg[:at], segments, memoryview(jpeg)[at:]])


def _mpf_index(first_size: int, second_size: int, place: int) -> bytes:
    """The multi-picture segment's payload, which begins at a place in the file, for two pictures of so many bytes.

    The first's are with this segment in it; offsets count from the byte after the payload's name.
    """
    fields = [
        struct.pack(">HHI4s", _VERSION_TAG, _UNDEFINED, 4, b"0100"),
        struct.pack(">HHII", _COUNT_TAG, _LONG, 1, 2),
        struct.pack(">HHII", _ENTRIES_TAG, _UNDEFINED, 32, _MPF_ENTRIES_AT),
    ]
    directory = struct.pack(">H", len(fields)) + b"".join(fields) + struct.pack(">I", 0)
    entries = struct.pack(">IIIHH", _PRIMARY, first_size, 0, 0, 0)
    entries += struct.pack(">IIIHH", 0, second_size, first_size - place - len(_MPF_NAME), 0, 0)
    return _MPF_NAME + _MPF_HEADER + directory + entries


def _iso_21496(max_stops: float, offset: float) -> bytes:
    """The gain map's ISO 21496-1 payload: one channel, gains from 0 to ``max_stops``, gamma 1, one offset for both.

    A screen with no headroom shows the base alone, one of ``max_stops`` stops or more the whole gain.
    """

    def fraction(value: float) -> bytes:  # of a number ≥ 0: numerator (below 2048, signed and unsigned are one)
        return struct.pack(">II", round(value * _DENOMINATOR), _DENOMINATOR)

    headrooms = fraction(0) + fraction(max_stops)
    channel = fraction(0) + fraction(max_stops) + fraction(1) + 2 * fraction(offset)
    return _ISO_NAME + _ISO_VERSIONS + bytes([_ISO_FLAGS]) + headrooms + channel


def _gain_map_xmp(max_stops: float, offset: float) -> bytes:
    """The gain map's XMP packet: gains from 0 to ``max_stops`` in stops, gamma 1, one offset for both renditions."""
    description = (
        f'<rdf:Description rdf:about="" xmlns:rdf="{_RDF}" xmlns:hdrgm="{_GAIN_MAP}" hdrgm:Version="1.0" '
        f'hdrgm:GainMapMin="0" hdrgm:GainMapMax="{max_stops:.6f}" hdrgm:Gamma="1" '
        f'hdrgm:OffsetSDR="{offset:.6f}" hdrgm:OffsetHDR="{offset:.6f}" '
        f'hdrgm:HDRCapacityMin="0" hdrgm:HDRCapacityMax="{max_stops:.6f}" hdrgm:BaseRenditionIsHDR="False"/>'
    )
    return _with_description(b"", description)


def _base_xmp(packet: bytes | None, gain_map_size: int) -> bytes:
    """The base picture's XMP packet with the directory of the file's two pictures added.

    What it said of a gain map or other pictures in the file it came from is removed. A packet that cannot be read, or
    leaves no room in a JPEG's 64 kB segment, is replaced.
    """
    directory = _directory(gain_map_size)
    extended = _with_description(upright_xmp(packet or b"") or b"", directory)
    return extended if len(extended) <= _MAX_PACKET else _with_description(b"", directory)


def _directory(gain_map_size: int) -> str:
    def item(attributes: str) -> str:
        return f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="image/jpeg" {attributes}/></rdf:li>'

    items = item('Item:Semantic="Primary"') + item(f'Item:Semantic="GainMap" Item:Length="{gain_map_size}"')
    return (
        f'<rdf:Description rdf:about="" xmlns:rdf="{_RDF}" xmlns:hdrgm="{_GAIN_MAP}" xmlns:Container="{_CONTAINER}" '
        f'xmlns:Item="{_ITEM}" hdrgm:Version="1.0">'
        f"<Container:Directory><rdf:Seq>{items}</rdf:Seq></Container:Directory></rdf:Description>"
    )


def _with_description(packet: bytes, description: str) -> bytes:
    """The packet, or an empty one where it holds no descriptions, with one more."""
    before, end, after = packet.rpartition(b"</rdf:RDF>")
    if not end:
        before, end, after = _EMPTY_PACKET.partition(b"</rdf:RDF>")
    return b"".join([before, description.encode(), end, after])
