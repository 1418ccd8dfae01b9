"""Augmentation of training samples: white balance, exposure, noise, JPEG compression, borders."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lightfuse.training.settings import TrainSettings

Floats = NDArray[np.float32]

_GAMMA = 2.2  # one EV is a factor of 2 in light, of 2 ** (1 / 2.2) in pixel values
_BALANCE_SPREAD = 0.08  # of the logarithms of red and blue
_DARKEST, _BRIGHTEST, _BRIGHTEST_LABELLED = 1.5, 1.2, 0.6  # EV
_DIMMEST = 4.0  # EV
_QUALITIES = (40, 96)  # of JPEG
_BORDERS = (0.04, 0.4)  # of a frame, as fractions of a side
_WHITE_FRAMES = 0.2
_BLACKEST_SCAN = 0.03  # of a border in over
_NIGHTS = 0.4  # of all dark borders
_NIGHT_SKY = (0.03, 0.25)  # in over
_NOISE_LEVELS = (0.5, 4.0)  # standard deviation in black, in levels of 255


def augmented(
    thumbnail: NDArray[np.uint8],
    crop: NDArray[np.uint8],
    settings: TrainSettings,
    random: np.random.Generator,
    *,
    labelled: bool,
) -> tuple[Floats, Floats]:
    """Augment a sample's thumbnail (h×w×6) and crop at random; returns them in [0, 1], planes first.

    The exposures of labelled samples are changed a third as often, because their reference was made from them.
    The crop is P×P×9, exposures and reference, or ×12 with the best colours; the returned one has 12 planes, the last
    ones 0 without these.
    """
    thumb = _planes(thumbnail)
    planes = np.zeros((12, *crop.shape[:2]), np.float32)
    planes[: crop.shape[2]] = _planes(crop)
    if random.random() < settings.white_balance:
        _shift_colours(thumb, planes, random)
    if random.random() < settings.exposure_gap / (3 if labelled else 1):
        _widen_gap(thumb, planes, random, _BRIGHTEST_LABELLED if labelled else _BRIGHTEST)
    if settings.dim and random.random() < settings.dim:
        # The reference is darkened half as much, so that night scenes stay dark.
        gain = np.float32(2 ** (-float(random.uniform(0, _DIMMEST)) / _GAMMA))
        thumb *= gain
        planes[:6] *= gain
        planes[6:9] *= np.sqrt(gain)
    if random.random() < settings.noise:
        under = planes[:3]  # Sensor noise is strongest in black.
        spread = np.float32(random.uniform(*_NOISE_LEVELS) / 255)
        noise = random.standard_normal(under.shape, np.float32) * spread * (1 - np.float32(0.7) * under)
        under[:] = np.round(np.clip(under + noise, 0, 1) * 255) / 255
    if settings.jpeg and random.random() < settings.jpeg:
        _compress(planes[:6], int(random.integers(*_QUALITIES)))
    return thumb, planes


def _planes(pixels: NDArray[np.uint8]) -> Floats:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32) / np.float32(255)


def _shift_colours(thumb: Floats, planes: Floats, random: np.random.Generator) -> None:
    """Multiply red and blue by gains of at most 1, which never clip, equal in both exposures and the reference."""
    red, blue = random.normal(0, _BALANCE_SPREAD, 2)
    gains = np.exp(np.array([red, 0, blue], np.float32))
    gains = (gains / gains.max())[:, None, None]
    for picture in (*np.split(thumb, 2), *np.split(planes, 4)):
        picture *= gains


def _widen_gap(thumb: Floats, planes: Floats, random: np.random.Generator, brightest: float) -> None:
    """Darken under or brighten over."""
    if random.random() < 0.5:
        gain = np.float32(2 ** (-random.uniform(0, _DARKEST) / _GAMMA))
        thumb[:3] *= gain
        planes[:3] *= gain
    else:
        gain = np.float32(2 ** (random.uniform(0, brightest) / _GAMMA))
        for over in (thumb[3:], planes[3:6]):
            np.minimum(over * gain, 1, out=over)


def _compress(exposures: Floats, quality: int) -> None:
    """Compress each exposure as JPEG and decode it again; the reference is not changed."""
    import imagecodecs

    for picture in np.split(exposures, 2):
        pixels = np.ascontiguousarray(np.rint(picture.transpose(1, 2, 0) * 255).astype(np.uint8))
        picture[:] = _planes(imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(pixels, level=quality)))


def with_border(
    thumb: Floats, planes: Floats, places: Sequence[tuple[float, float]], random: np.random.Generator
) -> list[tuple[float, float]]:
    """Put a sample, thumbnail 6×h×w and crop 12×P×P, into a frame, between bars or behind a round mask, in place.

    ``places`` are start and extent of the crop in the picture, as fractions of its height and its width; returns those
    in the new picture.
    """
    kind = random.random()
    if kind < 0.6:
        return _frame(thumb, places, random)
    pixels = (np.arange(planes.shape[1]) + 0.5) / planes.shape[1]
    rows, columns = (start + extent * pixels for start, extent in places)
    cells = [(np.arange(side) + 0.5) / side for side in thumb.shape[1:]]
    aspect, edge, upright, radius = thumb.shape[2] / thumb.shape[1], 0.0, False, 0.0
    if bars := kind < 0.8:  # Two of them, above and below or on both sides.
        edge, upright = random.uniform(0.05, 0.3), random.random() < 0.5
    else:  # A round picture, such as that of an eyepiece.
        radius = 0.55 * random.uniform(0.2, 1)
    level = _border_level(random)
    for picture, sides in ((thumb, cells), (planes, (rows, columns))):
        y, x = np.meshgrid(*sides, indexing="ij")
        inside = (
            np.abs((x if upright else y) - 0.5) < 0.5 - edge if bars else np.hypot(y - 0.5, (x - 0.5) * aspect) < radius
        )
        shown = inside.astype(np.float32)
        for part, black in zip(np.split(picture, len(picture) // 3), (*level, level[1], 0), strict=False):
            part *= shown
            part += (1 - shown) * np.float32(black)
    return list(places)


def _frame(
    thumb: Floats, places: Sequence[tuple[float, float]], random: np.random.Generator
) -> list[tuple[float, float]]:
    """Shrink the thumbnail into a frame of 4 to 40 % a side."""
    import cv2

    height, width = thumb.shape[1:]
    inside = 1 - 2 * random.uniform(*_BORDERS)
    size = max(2, round(inside * height)), max(2, round(inside * width))
    room = height - size[0], width - size[1]
    top, left = (side * random.uniform(0.25, 0.75) for side in room)
    white = random.random() < _WHITE_FRAMES
    levels = (random.uniform(0.985, 1),) * 2 if white else _border_level(random)
    for exposure, level in zip(np.split(thumb, 2), levels, strict=True):
        small = cv2.resize(exposure.transpose(1, 2, 0), size[::-1], interpolation=cv2.INTER_AREA)
        moved = np.array([[1, 0, left], [0, 1, top]], np.float32)
        framed = cv2.warpAffine(small, moved, (width, height), borderValue=(float(level),) * 3)
        exposure[:] = framed.transpose(2, 0, 1)
    return [
        (offset / whole + start * part / whole, extent * part / whole)
        for (start, extent), offset, part, whole in zip(places, (top, left), size, (height, width), strict=True)
    ]


def _border_level(random: np.random.Generator) -> tuple[float, float]:
    """Levels of a border in under and over: black, a few levels above it (scanners, stray light), or a night sky."""
    kind = random.random()
    if kind < _NIGHTS:
        return float(random.uniform(0, _NIGHT_SKY[0])), float(random.uniform(*_NIGHT_SKY))
    level = random.uniform(0, _BLACKEST_SCAN) * (kind < (1 + _NIGHTS) / 2)
    return float(level / 3), float(level)
