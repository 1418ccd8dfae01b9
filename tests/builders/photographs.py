"""Little picture files as cameras write them, for tests of sorting folders and of batches."""

from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

from PIL import Image
from PIL.TiffImagePlugin import IFDRational

NOON = datetime(2026, 6, 21, 12)
SIDE = 16
_EXIF_IFD = 0x8769


def write_shot(
    path,
    ev=0.0,
    seconds=None,
    *,
    level=None,
    size=(SIDE, SIDE),
    bias=None,
    mode=None,
    camera="Box",
    serial=None,
    flash=None,
):
    """A picture of one grey with EXIF: 1/60 s changed by ``ev`` stops, f/8, ISO 100, at noon + ``seconds``."""
    if level is None:
        level = min(250, max(5, round(110 * 2 ** (ev / 2))))
    exif = Image.Exif()
    exif[0x0110] = camera
    below = exif.get_ifd(_EXIF_IFD)
    below[0x829A] = IFDRational(Fraction(2.0**ev / 60).limit_denominator(100_000))
    below[0x829D] = IFDRational(8)
    below[0x8827] = 100
    if seconds is not None:
        taken = NOON + timedelta(seconds=seconds)
        below[0x9003] = taken.strftime("%Y:%m:%d %H:%M:%S")
        below[0x9291] = f"{taken.microsecond:06d}"
    if bias is not None:
        below[0x9204] = IFDRational(Fraction(bias).limit_denominator(100))
    if mode is not None:
        below[0xA402] = mode
    if flash is not None:
        below[0x9209] = int(flash)
    if serial is not None:
        below[0xA431] = serial
    write_plain(path, level, size, exif=exif)


def write_plain(path, level=110, size=(SIDE, SIDE), **options):
    """A picture of one grey, without EXIF."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (level, level, level)).save(path, **options)


def write_brackets(folder, count, evs=(0, -2, 2), *, pause=60.0, start=1, **options):
    """``count`` brackets of files IMG_0001.jpg and on, half a second from shot to shot, ``pause`` between brackets."""
    number = start
    for bracket in range(count):
        for step, ev in enumerate(evs):
            seconds = bracket * (pause + len(evs) * 0.5) + step * 0.5
            write_shot(Path(folder) / f"IMG_{number:04d}.jpg", ev, seconds, **options)
            number += 1
