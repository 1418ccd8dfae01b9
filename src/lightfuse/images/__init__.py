"""Pictures in and out of files: pixels upright and in RGB, with their EXIF, ICC profile and XMP kept.

JPEG, PNG, TIFF and WebP; the decoders are imported when the first picture is read or written.
"""

from lightfuse.images.encode import SUFFIXES, encode_picture
from lightfuse.images.metadata import Metadata
from lightfuse.images.read import Header, Picture, probe_picture, read_picture
from lightfuse.images.write import check_output, write_picture

__all__ = [
    "SUFFIXES",
    "Header",
    "Metadata",
    "Picture",
    "check_output",
    "encode_picture",
    "probe_picture",
    "read_picture",
    "write_picture",
]
