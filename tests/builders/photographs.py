"""Little picture files as cameras write them, for tests of sorting folders and of batches."""

from datetime import datetime, timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
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
    pixels=None,
):
    """A picture of one grey, or of ``pixels``, with EXIF: 1/60 s changed by ``ev`` EV, f/8, ISO 100."""
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
    write_plain(path, level, size, pixels=pixels, exif=exif)


def write_plain(path, level=110, size=(SIDE, SIDE), *, pixels=None, **options):
    """A picture of one grey, or of ``pixels``, without EXIF."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    picture = Image.new("RGB", size, (level, level, level)) if pixels is None else Image.fromarray(pixels)
    picture.save(path, **options)


def boxes(width=320, height=200, seed=0, *, rise=0.0):
    """The light of a scene of boxes, H×W×3, ``rise`` EV brighter on the right than on the left."""
    random = np.random.default_rng(seed)
    light = np.full((height, width, 3), 0.2)
    for _ in range(width // 3):
        x, y, side = random.integers(0, width), random.integers(0, height), random.integers(5, 30)
        light[y : y + side, x : x + side] = random.uniform(0.03, 0.6, 3)
    return light * 2 ** (rise * (np.arange(width) / width - 0.5))[None, :, None]


def exposed(light, ev=0.0, *, noise=0.0, seed=0):
    """A scene's light as pixels of 8 bits, ``ev`` stops brighter, with noise of so many levels."""
    levels = np.clip(light * 2.0**ev, 0, 1) ** (1 / 2.2) * 255
    levels = levels + noise * np.random.default_rng(seed).standard_normal(light.shape)
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def write_brackets(folder, count, evs=(0, -2, 2), *, pause=60.0, start=1, **options):
    """``count`` brackets of files IMG_0001.jpg and on, half a second from shot to shot, ``pause`` between brackets."""
    number = start
    for bracket in range(count):
        for step, ev in enumerate(evs):
            seconds = bracket * (pause + len(evs) * 0.5) + step * 0.5
            write_shot(Path(folder) / f"IMG_{number:04d}.jpg", ev, seconds, **options)
            number += 1
