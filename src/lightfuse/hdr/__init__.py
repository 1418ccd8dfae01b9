"""High dynamic range: the merged exposures of a bracket, gain maps, and the files that hold them."""

from lightfuse.hdr.files import HDR_SUFFIXES, check_hdr_output, write_hdr
from lightfuse.hdr.gain_map import MAX_STOPS, GainMap, gain_map
from lightfuse.hdr.merge import Radiance, merge_radiance
from lightfuse.hdr.ultra_hdr import encode_gain_map_jpeg

__all__ = [
    "HDR_SUFFIXES",
    "MAX_STOPS",
    "GainMap",
    "Radiance",
    "check_hdr_output",
    "encode_gain_map_jpeg",
    "gain_map",
    "merge_radiance",
    "write_hdr",
]
