"""The multi-picture format (CIPA DC-007): the index by which a JPEG's readers find the pictures appended to it."""

import struct

NAME = b"MPF\0"

_UNDEFINED, _LONG = 7, 4
_VERSION_TAG, _COUNT_TAG, _ENTRIES_TAG = 0xB000, 0xB001, 0xB002
_PRIMARY = 0x030000  # baseline primary picture, JPEG
_HEADER = b"MM\0*" + struct.pack(">I", 8)
_ENTRIES_AT = len(_HEADER) + 2 + 3 * 12 + 4
SIZE = len(NAME) + _ENTRIES_AT + 2 * 16
"""Of the payload, for two pictures."""


def index(first_size: int, second_size: int, place: int) -> bytes:
    """The payload for a file of two pictures, one behind the other.

    Args:
        first_size, second_size: the pictures' bytes, the first's with this segment in it.
        place: where in the file the payload begins; offsets count from behind its name.
    """
    fields = [
        struct.pack(">HHI4s", _VERSION_TAG, _UNDEFINED, 4, b"0100"),
        struct.pack(">HHII", _COUNT_TAG, _LONG, 1, 2),
        struct.pack(">HHII", _ENTRIES_TAG, _UNDEFINED, 32, _ENTRIES_AT),
    ]
    directory = struct.pack(">H", len(fields)) + b"".join(fields) + struct.pack(">I", 0)
    entries = struct.pack(">IIIHH", _PRIMARY, first_size, 0, 0, 0)
    entries += struct.pack(">IIIHH", 0, second_size, first_size - place - len(NAME), 0, 0)
    return NAME + _HEADER + directory + entries
