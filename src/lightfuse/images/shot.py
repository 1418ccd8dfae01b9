"""What EXIF says of how an exposure was shot: shutter, aperture, sensitivity, time and camera (EXIF 2.32, 4.6)."""

import math
import re
import struct
from dataclasses import dataclass
from datetime import datetime, timedelta

from lightfuse.images.exif import DNG_SERIAL, EXIF_IFD, Directories, IfdError, Value

_MAKE, _MODEL, _DATE_TIME = 0x010F, 0x0110, 0x0132
_EXPOSURE_TIME, _F_NUMBER = 0x829A, 0x829D
_ISO, _ISO_LONG = 0x8827, (0x8832, 0x8831, 0x8833)  # Recommended exposure index, standard output, ISO speed.
_BIAS, _ORIGINAL, _DIGITISED, _MODE, _SERIAL, _FLASH = 0x9204, 0x9003, 0x9004, 0xA402, 0xA431, 0x9209
_RENDERED, _SOFTWARE = 0xA401, 0x0131  # CustomRendered
_SUBSECONDS = {_DATE_TIME: 0x9290, _ORIGINAL: 0x9291, _DIGITISED: 0x9292}

_ISO_FULL = 65535  # The 16-bit tag's way of saying "more; see the long ones".
_MAX_SIZE = 1024
_LONGEST, _WIDEST, _MOST_SENSITIVE, _MOST_BIASED = 1e6, 1e3, 1e8, 20.0
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d"}
_RATIONALS = {5: "II", 10: "ii"}
_RENDERINGS = frozenset({1, 2, 3, 6, 7, 8})  # CustomRendered; 4 is the original that Apple keeps beside an HDR picture.
# Programs that make one picture of several.
_MERGING = re.compile(r"lightfuse|photomatix|hdrmerge|luminance ?hdr|aurora ?hdr|easyhdr|sns-hdr|oloneo", re.I)


@dataclass(frozen=True, slots=True)
class ShotInfo:
    """How one exposure was shot; None wherever EXIF does not say, or says what cannot be.

    Attributes:
        exposure_time: shutter time in seconds.
        f_number: the aperture's N of f/N.
        iso: sensitivity.
        exposure_bias: exposure compensation in stops.
        taken: the camera's local time with subseconds, without a time zone (so that any two can be compared).
        make, model, serial: of the camera, as it spells them.
        exposure_mode: 0 automatic, 1 manual, 2 automatic bracket.
        flash: whether the flash fired.
        orientation: EXIF orientation as stored, 1 to 8; 1 where there is none.
        rendered: whether the camera made the picture by a special process, or a program made it from several.
    """

    exposure_time: float | None = None
    f_number: float | None = None
    iso: float | None = None
    exposure_bias: float | None = None
    taken: datetime | None = None
    make: str | None = None
    model: str | None = None
    serial: str | None = None
    exposure_mode: int | None = None
    flash: bool | None = None
    orientation: int = 1
    rendered: bool = False


def shot_info(exif: bytes | None, orientation: int = 1) -> ShotInfo:
    """Return what a TIFF-structured EXIF block says of the shot; where it is missing or corrupt, that it says nothing.

    The orientation is what the file stored: the block of a picture that was read says 1, its pixels being upright.
    """
    try:
        block = Directories(exif or b"")
    except IfdError:
        return ShotInfo(orientation=orientation)
    shooting = block.below(block.main).get(EXIF_IFD)
    entries = block.main.entries + (shooting.entries if shooting else ())
    found = {e.tag: block.value(e) for e in entries if e.size <= _MAX_SIZE}
    mode, flash, rendered = (_number(found, tag, 0, 0xFFFF) for tag in (_MODE, _FLASH, _RENDERED))
    iso, *longer = (_above_zero(found, tag, _MOST_SENSITIVE) for tag in (_ISO, *_ISO_LONG))
    return ShotInfo(
        exposure_time=_above_zero(found, _EXPOSURE_TIME, _LONGEST),
        f_number=_above_zero(found, _F_NUMBER, _WIDEST),
        iso=next((value for value in longer if value), iso) if iso in (None, _ISO_FULL) else iso,
        exposure_bias=_number(found, _BIAS, -_MOST_BIASED, _MOST_BIASED),
        taken=_taken(found),
        make=_text(found, _MAKE),
        model=_text(found, _MODEL),
        serial=_text(found, _SERIAL) or _text(found, DNG_SERIAL),
        exposure_mode=int(mode) if mode in (0, 1, 2) else None,
        flash=None if flash is None else bool(int(flash) & 1),
        orientation=orientation,
        rendered=rendered in _RENDERINGS or bool(_MERGING.match(_text(found, _SOFTWARE) or "")),
    )


def _taken(found: dict[int, Value]) -> datetime | None:
    for tag in (_ORIGINAL, _DIGITISED, _DATE_TIME):
        text = _text(found, tag)
        try:
            moment = datetime.strptime(text or "", "%Y:%m:%d %H:%M:%S")
        except ValueError:
            continue
        digits = _text(found, _SUBSECONDS[tag]) or ""
        fraction = float(f"0.{digits}") if digits.isascii() and digits.isdigit() else 0.0
        return moment + timedelta(microseconds=min(round(fraction * 1e6), 999_999))
    return None


def _number(found: dict[int, Value], tag: int, least: float, most: float) -> float | None:
    """Return a tag's first value as a number; None where there is none, it is 0/0 or x/0, or not within the limits."""
    value, number = found.get(tag), math.nan
    if value is not None and value.type in _RATIONALS:
        above, below = struct.unpack_from("<" + _RATIONALS[value.type], value.data)
        number = above / below if below else math.nan
    elif value is not None and value.type in _NUMBERS:
        number = float(struct.unpack_from("<" + _NUMBERS[value.type], value.data)[0])
    return number if least <= number <= most else None


def _above_zero(found: dict[int, Value], tag: int, most: float) -> float | None:
    return _number(found, tag, 0, most) or None


def _text(found: dict[int, Value], tag: int) -> str | None:
    value = found.get(tag)
    if value is None or value.type not in (1, 2, 7):
        return None
    return value.data.partition(b"\0")[0].decode("utf-8", "replace").strip() or None
