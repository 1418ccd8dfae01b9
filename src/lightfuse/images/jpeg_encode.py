"""JPEG pixels encoded in strips, several at a time, and joined by restart markers (ITU-T T.81, B.1.1.5, B.2.4.4).

A strip is some rows of minimum coded units (MCUs); each is encoded as a picture of its own by libjpeg-turbo. Their
entropy-coded data end on whole bytes and start from the same tables and predictions as after a restart marker, so that
a marker between two of them, and the interval said in the header, make them one picture with the very same pixels.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

_STRIP_PIXELS = 1 << 20
_MOST_UNITS = 65535  # of a restart interval
_UNIT_WIDTHS = {"444": 8, "422": 16, "420": 16}
_UNIT_HEIGHTS = {"444": 8, "422": 8, "420": 16}
_SOS, _SOF_FIRST, _SOF_LAST = 0xDA, 0xC0, 0xC2
_RST_FIRST = 0xD0
_EOI = b"\xff\xd9"

Parts = list[bytes | memoryview]


def encode_jpeg(pixels: NDArray[np.uint8], quality: int, subsampling: str) -> Parts:
    """Encode contiguous H×W×3 uint8 pixels; the first part holds every header, all of them together are the file.

    The bytes do not depend on how many cores there are.
    """
    import imagecodecs

    def encoded(strip: NDArray[Any]) -> bytes:
        return bytes(imagecodecs.jpeg8_encode(strip, level=quality, subsampling=subsampling))

    height, width, _ = pixels.shape
    units_across = -(-width // _UNIT_WIDTHS[subsampling])
    unit_height = _UNIT_HEIGHTS[subsampling]
    rows_of_units = max(1, min(_STRIP_PIXELS // (width * unit_height), _MOST_UNITS // units_across))
    if height <= 2 * rows_of_units * unit_height:
        return [encoded(pixels)]
    rows = rows_of_units * unit_height
    strips = [pixels[top : top + rows] for top in range(0, height, rows)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return _joined(list(pool.map(encoded, strips)), height, rows_of_units * units_across)


def _joined(strips: list[bytes], height: int, interval: int) -> Parts:
    frame_at, scan_at, data_at = _places(strips[0])
    header = bytearray(strips[0][:data_at])
    header[frame_at + 5 : frame_at + 7] = height.to_bytes(2, "big")
    header[scan_at:scan_at] = b"\xff\xdd\x00\x04" + interval.to_bytes(2, "big")
    parts: Parts = [bytes(header)]
    for number, strip in enumerate(strips):
        last = number == len(strips) - 1
        data = memoryview(strip)[_places(strip)[2] : -len(_EOI)]
        parts += [data, _EOI if last else bytes((0xFF, _RST_FIRST + number % 8))]
    return parts


def _places(jpeg: bytes) -> tuple[int, int, int]:
    """Where the frame header, the scan header and the entropy-coded data of our own encoder's JPEG start."""
    at, frame_at = 2, 0
    while jpeg[at + 1] != _SOS:
        if _SOF_FIRST <= jpeg[at + 1] <= _SOF_LAST:
            frame_at = at
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    return frame_at, at, at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
