"""Pictures in and out of files: pixels upright and in RGB, with their EXIF, ICC profile, XMP and IPTC kept.

JPEG, PNG, TIFF, WebP, AVIF and JPEG XL in and out; HEIC and camera raw in, by extras. The decoders are imported when
the first picture is read or written.
"""

from lightfuse.images.colour import convert_profile, in_profile
from lightfuse.images.encode import SUFFIXES, encode_picture
from lightfuse.images.metadata import Metadata, signed, stripped
from lightfuse.images.options import EncodeOptions
from lightfuse.images.raw import RawSettings, raw_white_balance
from lightfuse.images.read import Header, Picture, probe_picture, read_picture
from lightfuse.images.shot import ShotInfo, shot_info
from lightfuse.images.source import INPUT_SUFFIXES
from lightfuse.images.write import check_output, write_picture

__all__ = [
    "INPUT_SUFFIXES",
    "SUFFIXES",
    "EncodeOptions",
    "Header",
    "Metadata",
    "Picture",
    "RawSettings",
    "ShotInfo",
    "check_output",
    "convert_profile",
    "encode_picture",
    "in_profile",
    "probe_picture",
    "raw_white_balance",
    "read_picture",
    "shot_info",
    "signed",
    "stripped",
    "write_picture",
]
