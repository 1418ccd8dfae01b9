"""Gain map metadata as ISO 21496-1 has it: the bytes behind its name in an APP2 segment of a JPEG."""

import struct

NAME = b"urn:iso:std:iso:ts:21496:-1\0"

_VERSIONS = struct.pack(">HH", 0, 0)  # the least version a reader must know, and the writer's
_SAME_PRIMARIES = 0x40  # the gain applies in the base picture's primaries; one channel; the base is the darker
_DENOMINATOR = 1 << 20


def announcement() -> bytes:
    """The payload for the base picture: that a gain map follows, and of which version."""
    return NAME + _VERSIONS


def metadata(max_stops: float, offset: float) -> bytes:
    """The payload for the gain map: one channel, gains from 0 to ``max_stops`` in stops, gamma 1, one offset for both.

    A screen of no headroom shows the base alone, one of ``max_stops`` stops or more the whole gain.
    """
    headrooms = _fraction(0) + _fraction(max_stops)
    channel = _fraction(0) + _fraction(max_stops) + _fraction(1) + 2 * _fraction(offset)
    return NAME + _VERSIONS + bytes([_SAME_PRIMARIES]) + headrooms + channel


def _fraction(value: float) -> bytes:
    """A number ≥ 0 as numerator (signed and unsigned alike below 2048) and denominator."""
    return struct.pack(">II", round(value * _DENOMINATOR), _DENOMINATOR)
