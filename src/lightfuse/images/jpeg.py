"""JPEG files (ITU-T T.81): segments with header and metadata read and written, pixels decoded and encoded.

Pixels are encoded in strips, several at a time, joined by restart markers (B.1.1.5, B.2.4.4). A strip is some rows of
minimum coded units (MCUs), encoded as a picture of its own by libjpeg-turbo. Their entropy-coded data end on whole
bytes and start from the same tables and predictions as after a restart marker, so that a marker between two of them,
and the interval given in the header, make them one picture with the very same pixels.
"""

import struct
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lightfuse.images.exif import PREFIX, IfdError, without_maker_note
from lightfuse.images.metadata import Header, Metadata, MetadataBudget, Parts, UnreadableError, read_exactly
from lightfuse.images.options import EncodeOptions, chosen_subsampling
from lightfuse.images.pixels import to_depth, widen
from lightfuse.images.xmp import PHOTOSHOP_PREFIX, iptc_of_resources, resources_of_iptc
from lightfuse.system import usable_cores

_SOI, _EOI = b"\xff\xd8", b"\xff\xd9"
_SOS, _APP0, _APP1, _APP2, _APP13, _RST0 = 0xDA, 0xE0, 0xE1, 0xE2, 0xED, 0xD0
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # SOF0 … SOF15 without DHT, JPG and DAC.
_ARITHMETIC = frozenset(range(0xC9, 0xD0))  # The frames and tables (DAC) of arithmetic coding.
_BARE = frozenset({0x01, 0xD8, *range(0xD0, 0xD8)})  # Markers without a length: TEM, SOI, RST0 … RST7.
APPLICATION = range(0xE0, 0xF0)
"""The markers of application segments."""
XMP_PREFIX = b"http://ns.adobe.com/xap/1.0/\0"
_ICC = b"ICC_PROFILE\0"
_MAX_PAYLOAD = 0xFFFF - 2
_MAX_FILL = 1 << 16
_MAX_SEGMENTS = 4096  # Before the first scan; the metadata of 64 MB takes a quarter of them.

_STRIP_PIXELS = 1 << 20
_MAX_INTERVAL = 65535
_MCU_WIDTHS = {"444": 8, "422": 16, "420": 16}
_MCU_HEIGHTS = {"444": 8, "422": 8, "420": 16}


def scan_jpeg(stream: BinaryIO) -> Header:
    """Read a JPEG's header, up to where its compressed pixels begin."""
    frame: tuple[int, int, int, int] | None = None
    exif = xmp = None
    photoshop: list[bytes] = []
    icc_parts: dict[int, bytes] = {}
    icc_count = 0
    for marker, payload in _segments(stream):
        if marker in _ARITHMETIC:  # A decoder may take one coding for the other, and give noise without an error.
            raise UnreadableError("is an arithmetic-coded JPEG; save it again as an ordinary one")
        if marker in _FRAMES and frame is None and len(payload) >= 6:
            frame = struct.unpack(">BHHB", payload[:6])
        elif marker == _APP1 and payload.startswith(PREFIX) and exif is None:
            exif = payload[len(PREFIX) :]
        elif marker == _APP1 and payload.startswith(XMP_PREFIX) and xmp is None:
            xmp = payload[len(XMP_PREFIX) :]
        elif marker == _APP2 and payload.startswith(_ICC) and len(payload) > len(_ICC) + 2:
            number, icc_count = payload[len(_ICC)], payload[len(_ICC) + 1]
            icc_parts[number] = payload[len(_ICC) + 2 :]
        elif marker == _APP13 and payload.startswith(PHOTOSHOP_PREFIX):
            photoshop.append(payload[len(PHOTOSHOP_PREFIX) :])
    if frame is None:
        raise UnreadableError("is damaged: it is a JPEG without a frame header")
    notes: tuple[str, ...] = ()
    icc = None
    if icc_parts and sorted(icc_parts) == list(range(1, icc_count + 1)):
        icc = b"".join(icc_parts[number] for number in sorted(icc_parts))
    elif icc_parts:
        notes = ("its colour profile is incomplete and was left out",)
    iptc = iptc_of_resources(b"".join(photoshop))
    bit_depth, height, width, channels = frame
    found = Metadata(icc=icc, exif=exif, xmp=xmp, iptc=iptc)
    more = {"channels": channels, "scan_offset": stream.tell()}
    return Header.of("JPEG", (width, height), bit_depth, found, notes, **more)


def _segments(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Yield the marker and payload of each segment until the first scan begins."""
    budget = MetadataBudget()
    stream.seek(len(_SOI))
    for _ in range(_MAX_SEGMENTS):
        marker = _next_marker(stream)
        if marker in _BARE:
            continue
        if marker == _EOI[1]:
            raise UnreadableError("is damaged: it is a JPEG without pixels")
        length = int.from_bytes(read_exactly(stream, 2), "big") - 2
        if length < 0:
            raise UnreadableError("is damaged: one of its JPEG segments has no length")
        budget.spend(length, items=0)  # A single profile may take 255 segments.
        payload = read_exactly(stream, length)
        if marker == _SOS:
            return
        yield marker, payload
    raise UnreadableError(f"is damaged: its JPEG header has more than {_MAX_SEGMENTS:,} segments")


def _next_marker(stream: BinaryIO) -> int:
    """Read the next marker; bytes before it, as after a segment of the wrong length, are passed over as decoders do."""
    before = 0
    for _ in range(_MAX_FILL):
        byte = read_exactly(stream, 1)[0]
        if before == 0xFF and byte not in (0x00, 0xFF):  # Any number of 0xFF may fill the space before a marker.
            return byte
        before = byte
    raise UnreadableError("is damaged: its JPEG header is not a series of segments")


def decode_jpeg(data: bytes, header: Header) -> NDArray[Any]:
    """Decode a JPEG: H×W or H×W×3; uint8, or uint16 over its full range for 12 bits."""
    import imagecodecs

    if header.channels not in (1, 3):
        raise UnreadableError("is CMYK; convert it to RGB")
    if header.bit_depth not in (8, 12):
        raise UnreadableError(f"is a JPEG of {header.bit_depth} bits per sample; convert it to 8 bits")
    # libjpeg would paint a missing part grey. Inside compressed pixels 0xFF is always followed by 0x00 or a restart
    # marker, so 0xFFD9 after the first scan's start can only be the end marker.
    if not data.endswith(_EOI) and data.find(_EOI, header.scan_offset) < 0:
        raise UnreadableError
    decoded: NDArray[Any] = imagecodecs.jpeg8_decode(data)
    return widen(decoded, 12) if decoded.dtype == np.uint16 else decoded


def encode_jpeg(pixels: NDArray[Any], metadata: Metadata, options: EncodeOptions) -> Parts:
    """Encode H×W×3 pixels, or H×W×1 of grey, rounded to 8 bits; the first part holds every header.

    The bytes do not depend on how many cores there are. For the metadata see `insert_metadata`.
    """
    import imagecodecs

    grey = pixels.shape[2] == 1
    subsampling = "444" if grey else chosen_subsampling(options)

    def encoded(strip: NDArray[Any]) -> bytes:
        strip = strip[..., 0] if grey else strip
        return bytes(imagecodecs.jpeg8_encode(strip, level=options.quality, subsampling=subsampling))

    levels = np.ascontiguousarray(to_depth(pixels, 8))
    height, width, _ = levels.shape
    mcus_across, mcu_height = -(-width // _MCU_WIDTHS[subsampling]), _MCU_HEIGHTS[subsampling]
    mcu_rows = max(1, min(_STRIP_PIXELS // (width * mcu_height), _MAX_INTERVAL // mcus_across))
    rows = mcu_rows * mcu_height
    if height <= 2 * rows:
        return [insert_metadata(encoded(levels), metadata)]
    with ThreadPoolExecutor(usable_cores()) as pool:
        strips = list(pool.map(encoded, (levels[top : top + rows] for top in range(0, height, rows))))
    header, *others = _joined(strips, height, mcu_rows * mcus_across)
    return [insert_metadata(bytes(header), metadata), *others]


def _joined(strips: list[bytes], height: int, interval: int) -> Parts:
    frame_at, scan_at, data_at = _offsets(strips[0])
    header = bytearray(strips[0][:data_at])
    header[frame_at + 5 : frame_at + 7] = height.to_bytes(2, "big")
    header[scan_at:scan_at] = b"\xff\xdd\x00\x04" + interval.to_bytes(2, "big")
    parts: Parts = [bytes(header)]
    for number, strip in enumerate(strips):
        last = number == len(strips) - 1
        data = memoryview(strip)[_offsets(strip)[2] : -len(_EOI)]
        parts += [data, _EOI if last else bytes((0xFF, _RST0 + number % 8))]
    return parts


def _offsets(jpeg: bytes) -> tuple[int, int, int]:
    """Return where the frame header, the scan header and the compressed pixels of our own encoder's JPEG start."""
    frame_at, scan_at = (after_segments(jpeg, frozenset(range(256)) - end) for end in (_FRAMES, {_SOS}))
    return frame_at, scan_at, after_segments(jpeg, {_SOS}, scan_at)


def insert_metadata(jpeg: bytes, metadata: Metadata) -> bytes:
    """Return the JPEG file with EXIF, XMP, the ICC profile and IPTC in APP1, APP2 and APP13 segments.

    An EXIF block too large for its one segment (64 kB) is written without its maker note; what is still too large, and
    XMP and IPTC that are, cannot be held by a JPEG and is left out.
    """
    segments = bytearray()
    exif = metadata.exif
    if exif and len(PREFIX) + len(exif) > _MAX_PAYLOAD:
        try:
            exif = without_maker_note(exif)
        except IfdError:
            exif = None
    if exif and len(PREFIX) + len(exif) <= _MAX_PAYLOAD:
        segments += segment(_APP1, PREFIX + exif)
    if metadata.xmp and len(XMP_PREFIX) + len(metadata.xmp) <= _MAX_PAYLOAD:
        segments += segment(_APP1, XMP_PREFIX + metadata.xmp)
    if metadata.icc:
        room = _MAX_PAYLOAD - len(_ICC) - 2
        parts = [metadata.icc[start : start + room] for start in range(0, len(metadata.icc), room)]
        if len(parts) <= 255:
            for number, part in enumerate(parts, start=1):
                segments += segment(_APP2, _ICC + bytes([number, len(parts)]) + part)
    if metadata.iptc:
        iptc = PHOTOSHOP_PREFIX + resources_of_iptc(metadata.iptc)
        segments += segment(_APP13, iptc) if len(iptc) <= _MAX_PAYLOAD else b""
    return insert_segments(jpeg, segments, {_APP0})  # JFIF wants its APP0 first.


def insert_segments(jpeg: bytes, segments: bytes | bytearray, markers: Collection[int]) -> bytes:
    """Return a JPEG file with more segments behind its first ones that have these markers."""
    at = after_segments(jpeg, markers)
    return b"".join([jpeg[:at], segments, memoryview(jpeg)[at:]])


def after_segments(jpeg: bytes, markers: Collection[int], at: int = len(_SOI)) -> int:
    """Return where in a JPEG file, from a segment on, the first stands that has none of these markers."""
    while jpeg[at] == 0xFF and jpeg[at + 1] in markers:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return at


def segment(marker: int, payload: bytes) -> bytes:
    """Return a segment of a JPEG file."""
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload
