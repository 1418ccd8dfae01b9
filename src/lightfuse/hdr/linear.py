"""The merged light of a bracket for raw developers: as linear float TIFF and linear DNG, in Rec. 2020 primaries."""

import math
import struct

import numpy as np

from lightfuse.hdr.merge import Floats
from lightfuse.images import EncodeOptions, Metadata
from lightfuse.images.colour import REC_2020, linear_profile, rgb_profile, transform
from lightfuse.images.exif import ASCII, BYTE, Tree, Value
from lightfuse.images.metadata import Parts, with_size
from lightfuse.images.tiff import encode_tiff, shorts

_D65 = 21  # EXIF's light source.
_RATIONAL, _SRATIONAL = 5, 10
_LINEAR_RAW = 34892
_XYZ_TO_REC_2020 = (
    1.716651, -0.355671, -0.253366,
    -0.666684, 1.616481, 0.015769,
    0.017640, -0.042771, 0.942103,
)  # fmt: skip


def encode_linear_tiff(radiance: Floats, metadata: Metadata) -> Parts:
    """Encode merged light, H×W×3 in the primaries of the metadata's profile, as a float TIFF: linear Rec. 2020."""
    light = _in_rec_2020(radiance, metadata.icc)
    height, width, _ = light.shape
    tagged = with_size(Metadata(linear_profile(REC_2020), metadata.exif, metadata.xmp, metadata.iptc), width, height)
    return encode_tiff(light, tagged, EncodeOptions(bit_depth=32))


def encode_linear_dng(radiance: Floats, metadata: Metadata) -> Parts:
    """Encode merged light as a DNG of three linear samples a pixel (DNG 1.4: LinearRaw), half floats.

    The brightest value is white, as developers clip there; ``BaselineExposure`` tells them by how many stops to
    brighten the picture so that its mid-tones come out as the base exposure's. Half floats keep 11 bits in every tone.
    """
    light = _in_rec_2020(radiance, metadata.icc)
    height, width, _ = light.shape
    white = max(1.0, float(light.max()))
    tags: Tree = {
        254: Value(4, 1, struct.pack("<I", 0)),  # The main picture.
        262: shorts(_LINEAR_RAW),
        339: shorts(3, 3, 3),  # Floats.
        50706: Value(BYTE, 4, bytes((1, 4, 0, 0))),  # DNG version, and the least that a reader must know:
        50707: Value(BYTE, 4, bytes((1, 1, 0, 0))),
        50708: Value(ASCII, 21, b"LightFuse linear DNG\0"),  # The camera model that the colours belong to.
        50714: shorts(0, 0, 0),  # Black and white level.
        50717: shorts(1, 1, 1),
        50721: _fractions(_SRATIONAL, _XYZ_TO_REC_2020),
        50728: _fractions(_RATIONAL, (1, 1, 1)),  # White as it was shot.
        50730: _fractions(_SRATIONAL, (math.log2(white),)),  # Baseline exposure.
        50778: shorts(_D65),  # The light that the matrix holds for.
    }
    light *= np.float32(1 / white)
    tagged = with_size(Metadata(None, metadata.exif, metadata.xmp, metadata.iptc), width, height)
    return encode_tiff(light.astype(np.float16).view(np.uint16), tagged, EncodeOptions(), tags)


def _in_rec_2020(radiance: Floats, icc: bytes | None) -> Floats:
    """Light in another profile's primaries as a new array in Rec. 2020's; what they cannot hold is clipped at 0."""
    import cv2

    unit = np.eye(3, dtype=np.float32)[None]
    matrix = transform(unit, icc or rgb_profile(), linear_profile(REC_2020))[0]  # Row by row: red, green, blue.
    light: Floats = cv2.transform(radiance, np.ascontiguousarray(matrix.T))
    return np.maximum(light, 0, out=light)


def _fractions(kind: int, values: tuple[float, ...]) -> Value:
    numbers = [number for value in values for number in (round(value * 1_000_000), 1_000_000)]
    return Value(kind, len(values), struct.pack(f"<{len(numbers)}{'i' if kind == _SRATIONAL else 'I'}", *numbers))
