"""XMP of an Ultra HDR JPEG (Ultra HDR image format 1.1): the base picture's list of what follows, and the gain's range.

Readers older than ISO 21496-1 know gain maps by this alone.
"""

from typing import cast
from xml.dom import minidom
from xml.parsers.expat import ExpatError

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_GAIN_MAP = "http://ns.adobe.com/hdr-gain-map/1.0/"
_CONTAINER = "http://ns.google.com/photos/1.0/container/"
_ITEM = "http://ns.google.com/photos/1.0/container/item/"

_LARGEST = 65_000  # what a JPEG segment holds, with the name before the packet
_BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
_END = '<?xpacket end="w"?>'
_EMPTY = f'{_BEGIN}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"></rdf:RDF></x:xmpmeta>{_END}'


def base_xmp(packet: bytes | None, gain_map_size: int) -> bytes:
    """The base picture's XMP packet with the list of the file's two pictures added.

    What it said of a gain map or other pictures in the file it came from goes. A packet that cannot be read, or
    leaves no room in a JPEG's 64 kB segment, is replaced.
    """
    document = _parsed(packet) if packet else None
    document = document or minidom.parseString(_EMPTY)
    _remove_stale(document)
    extended = _with_description(document, _directory(gain_map_size))
    if len(extended) > _LARGEST:
        extended = _with_description(minidom.parseString(_EMPTY), _directory(gain_map_size))
    return extended


def gain_map_xmp(max_stops: float, offset: float) -> bytes:
    """The gain map's XMP packet: gains from 0 to ``max_stops`` in stops, gamma 1, one offset for both renditions."""
    description = (
        f'<rdf:Description rdf:about="" xmlns:rdf="{_RDF}" xmlns:hdrgm="{_GAIN_MAP}" hdrgm:Version="1.0" '
        f'hdrgm:GainMapMin="0" hdrgm:GainMapMax="{max_stops:.6f}" hdrgm:Gamma="1" '
        f'hdrgm:OffsetSDR="{offset:.6f}" hdrgm:OffsetHDR="{offset:.6f}" '
        f'hdrgm:HDRCapacityMin="0" hdrgm:HDRCapacityMax="{max_stops:.6f}" hdrgm:BaseRenditionIsHDR="False"/>'
    )
    return _with_description(minidom.parseString(_EMPTY), description)


def _directory(gain_map_size: int) -> str:
    def item(attributes: str) -> str:
        return f'<rdf:li rdf:parseType="Resource"><Container:Item Item:Mime="image/jpeg" {attributes}/></rdf:li>'

    items = item('Item:Semantic="Primary"') + item(f'Item:Semantic="GainMap" Item:Length="{gain_map_size}"')
    return (
        f'<rdf:Description rdf:about="" xmlns:rdf="{_RDF}" xmlns:hdrgm="{_GAIN_MAP}" xmlns:Container="{_CONTAINER}" '
        f'xmlns:Item="{_ITEM}" hdrgm:Version="1.0">'
        f"<Container:Directory><rdf:Seq>{items}</rdf:Seq></Container:Directory></rdf:Description>"
    )


def _parsed(packet: bytes) -> minidom.Document | None:
    """The packet as a tree; None where it is no XMP, or declares entities, with which XML can be made to explode."""
    if b"<!" in packet:
        return None
    try:
        document = minidom.parseString(packet.strip(b"\0 \t\r\n"))
    except (ExpatError, UnicodeError, ValueError):
        return None
    return document if document.getElementsByTagNameNS(_RDF, "RDF") else None


def _remove_stale(document: minidom.Document) -> None:
    for element in document.getElementsByTagNameNS("*", "*"):
        if element.namespaceURI in (_GAIN_MAP, _CONTAINER) and element.parentNode is not None:
            element.parentNode.removeChild(element)
        for attribute in list(element.attributes.values()):
            if attribute.namespaceURI == _GAIN_MAP:
                element.removeAttributeNode(attribute)


def _with_description(document: minidom.Document, description: str) -> bytes:
    root = document.getElementsByTagNameNS(_RDF, "RDF")[0]
    added = cast(minidom.Element, minidom.parseString(description).documentElement)
    root.appendChild(document.importNode(added, True))
    return "".join(node.toxml() for node in document.childNodes).encode()
