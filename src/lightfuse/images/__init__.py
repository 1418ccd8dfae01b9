"""Pictures in and out of files: pixels upright and in RGB, with their EXIF, ICC profile, XMP and IPTC carried.

JPEG, PNG, TIFF, WebP and AVIF in and out; JPEG XL in and out, HEIC and camera raw in, by extras. The decoders are
imported when the first picture is read or written.
"""

from lightfuse.images.coding import FusingCoding, fusing_coding
from lightfuse.images.colour import convert_profile, is_grey
from lightfuse.images.metadata import Header, Metadata, Picture, UnreadableError, with_software, without_metadata
from lightfuse.images.options import SUFFIXES, EncodeOptions, format_of
from lightfuse.images.raw import RAW_SUFFIXES
from lightfuse.images.read import INPUT_SUFFIXES, probe_picture, raw_white_balance, read_pages, read_picture
from lightfuse.images.shot import ShotInfo, shot_info
from lightfuse.images.write import check_output, encode_picture, write_picture

__all__ = [
    "INPUT_SUFFIXES",
    "RAW_SUFFIXES",
    "SUFFIXES",
    "EncodeOptions",
    "FusingCoding",
    "Header",
    "Metadata",
    "Picture",
    "ShotInfo",
    "UnreadableError",
    "check_output",
    "convert_profile",
    "encode_picture",
    "format_of",
    "fusing_coding",
    "is_grey",
    "probe_picture",
    "raw_white_balance",
    "read_pages",
    "read_picture",
    "shot_info",
    "with_software",
    "without_metadata",
    "write_picture",
]
