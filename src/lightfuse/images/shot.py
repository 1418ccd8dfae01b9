"""What EXIF says of how an exposure was shot: shutter, aperture, sensitivity, time and camera (EXIF 2.32, 4.6)."""

import math
import struct
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import BinaryIO

from lightfuse.images.exif import (
    DNG_SERIAL,
    EXIF_IFD,
    Directory,
    IfdError,
    Value,
    open_exif,
    read_value,
    sub_directories,
)

_MAKE, _MODEL, _DATE_TIME = 0x010F, 0x0110, 0x0132
_EXPOSURE_TIME, _F_NUMBER, _SHUTTER_APEX, _APERTURE_APEX = 0x829A, 0x829D, 0x9201, 0x9202
_ISO, _ISO_LONG = 0x8827, (0x8832, 0x8831, 0x8833)  # Recommended exposure index, standard output, ISO speed.
_BIAS, _ORIGINAL, _DIGITISED, _MODE, _SERIAL, _FLASH = 0x9204, 0x9003, 0x9004, 0xA402, 0xA431, 0x9209
_SUBSECONDS = {_DATE_TIME: 0x9290, _ORIGINAL: 0x9291, _DIGITISED: 0x9292}
_CAMERA_TAGS = frozenset({_MAKE, _MODEL, _DATE_TIME, DNG_SERIAL})
_SHOOTING_TAGS = frozenset(
    {_EXPOSURE_TIME, _F_NUMBER, _SHUTTER_APEX, _APERTURE_APEX, _ISO, *_ISO_LONG, _BIAS, _ORIGINAL, _DIGITISED, _MODE}
    | {_SERIAL, _FLASH, *_SUBSECONDS.values()}
)

_ISO_FULL = 65535  # The 16-bit tag's way of saying "more; see the long ones".
_LONGEST, _WIDEST, _MOST_SENSITIVE, _MOST_BIASED = 1e6, 1e3, 1e8, 20.0
_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d"}
_RATIONALS = {5: "II", 10: "ii"}


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


def shot_of_exif(exif: bytes, orientation: int = 1) -> ShotInfo:
    """Return what a TIFF-structured EXIF block says of the shot; where it is corrupt, that it says nothing."""
    try:
        stream, order, main = open_exif(exif)
    except IfdError:
        return ShotInfo(orientation=orientation)
    found = _values(stream, order, main, _CAMERA_TAGS)
    for tag, below in sub_directories(stream, order, main):
        if tag == EXIF_IFD:
            found |= _values(stream, order, below, _SHOOTING_TAGS)
    return ShotInfo(
        exposure_time=_exposure_time(found),
        f_number=_f_number(found),
        iso=_iso(found),
        exposure_bias=_within(_number(found, _BIAS), -_MOST_BIASED, _MOST_BIASED),
        taken=_taken(found),
        make=_text(found, _MAKE),
        model=_text(found, _MODEL),
        serial=_text(found, _SERIAL) or _text(found, DNG_SERIAL),
        exposure_mode=_mode(found),
        flash=_flash(found),
        orientation=orientation,
    )


def _values(stream: BinaryIO, order: str, directory: Directory, tags: Collection[int]) -> dict[int, Value]:
    return {e.tag: read_value(stream, order, e) for e in directory.entries if e.tag in tags and e.size <= 1024}


def _exposure_time(found: dict[int, Value]) -> float | None:
    seconds = _above_zero(_number(found, _EXPOSURE_TIME), _LONGEST)
    apex = _within(_number(found, _SHUTTER_APEX), -20, 20)
    return seconds if seconds is not None or apex is None else 2.0**-apex


def _f_number(found: dict[int, Value]) -> float | None:
    number = _above_zero(_number(found, _F_NUMBER), _WIDEST)
    apex = _within(_number(found, _APERTURE_APEX), -2, 20)
    # Lenses without contacts are written as f/0, and as an APEX value of 0, which would be f/1: that says nothing.
    return number if number is not None or not apex else 2.0 ** (apex / 2)


def _iso(found: dict[int, Value]) -> float | None:
    iso = _above_zero(_number(found, _ISO), _MOST_SENSITIVE)
    if iso is not None and iso != _ISO_FULL:
        return iso
    longer = (_above_zero(_number(found, tag), _MOST_SENSITIVE) for tag in _ISO_LONG)
    return next((value for value in longer if value is not None), iso)


def _mode(found: dict[int, Value]) -> int | None:
    mode = _number(found, _MODE)
    return int(mode) if mode in (0, 1, 2) else None


def _flash(found: dict[int, Value]) -> bool | None:
    flash = _within(_number(found, _FLASH), 0, 0xFFFF)
    return None if flash is None else bool(int(flash) & 1)


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


def _number(found: dict[int, Value], tag: int) -> float | None:
    """Return a tag's first value as a number; None where there is none, or it is 0/0 or x/0."""
    value = found.get(tag)
    if value is None:
        return None
    if value.type in _RATIONALS:
        above, below = struct.unpack_from("<" + _RATIONALS[value.type], value.data)
        return above / below if below else None
    if value.type in _NUMBERS:
        return float(struct.unpack_from("<" + _NUMBERS[value.type], value.data)[0])
    return None


def _text(found: dict[int, Value], tag: int) -> str | None:
    value = found.get(tag)
    if value is None or value.type not in (1, 2, 7):
        return None
    text = value.data.partition(b"\0")[0].decode("utf-8", "replace").strip()
    return text or None


def _above_zero(number: float | None, most: float) -> float | None:
    return number if number is not None and math.isfinite(number) and 0 < number <= most else None


def _within(number: float | None, least: float, most: float) -> float | None:
    return number if number is not None and math.isfinite(number) and least <= number <= most else None
