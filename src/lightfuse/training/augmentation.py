"""What other cameras would have made of a sample: other white balance, wider exposure, noise, compression."""

import numpy as np
from numpy.typing import NDArray

from lightfuse.training.settings import TrainSettings

Floats = NDArray[np.float32]

_GAMMA = 2.2  # an exposure value is a factor of 2 in light, of 2 ** (1 / 2.2) in pixels
_BALANCE_SPREAD = 0.08  # of the logarithms of red and blue
_DARKEST, _BRIGHTEST, _BRIGHTEST_LABELLED = 1.5, 1.2, 0.6  # exposure values
_DIMMEST = 4.0  # exposure values
_QUALITIES = (40, 96)  # of JPEG
_NOISE_LEVELS = (0.5, 4.0)  # standard deviation in black, in levels of 255


def augmented(
    thumbnail: NDArray[np.uint8],
    crop: NDArray[np.uint8],
    settings: TrainSettings,
    random: np.random.Generator,
    *,
    labelled: bool,
) -> tuple[Floats, Floats]:
    """A sample's thumbnail (h×w×6) and crop (P×P×6, or ×9 with a reference) in [0, 1], planes first, changed at random.

    The exposures of labelled samples are changed a third as often: their reference was made from what they are.
    The crop has 9 planes always, zeros where there is no reference.
    """
    thumb = _planes(thumbnail)
    planes = np.zeros((9, *crop.shape[:2]), np.float32)
    planes[: crop.shape[2]] = _planes(crop)
    if random.random() < settings.white_balance:
        _shift_colours(thumb, planes, random)
    if random.random() < settings.exposure_gap / (3 if labelled else 1):
        _widen_gap(thumb, planes, random, _BRIGHTEST_LABELLED if labelled else _BRIGHTEST)
    if settings.dim and random.random() < settings.dim:
        _dim(thumb, planes, float(random.uniform(0, _DIMMEST)))
    if random.random() < settings.noise:
        _add_noise(planes[:3], random)
    if settings.jpeg and random.random() < settings.jpeg:
        _compress(planes[:6], int(random.integers(*_QUALITIES)))
    return thumb, planes


def _planes(pixels: NDArray[np.uint8]) -> Floats:
    return np.ascontiguousarray(pixels.transpose(2, 0, 1)).astype(np.float32) / np.float32(255)


def _shift_colours(thumb: Floats, planes: Floats, random: np.random.Generator) -> None:
    """Multiply red and blue, in both exposures and the reference alike; nothing gets brighter, so nothing clips."""
    red, blue = random.normal(0, _BALANCE_SPREAD, 2)
    gains = np.exp(np.array([red, 0, blue], np.float32))
    gains = (gains / gains.max())[:, None, None]
    for picture in (*np.split(thumb, 2), *np.split(planes, 3)):
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


def _dim(thumb: Floats, planes: Floats, stops: float) -> None:
    """Darken both exposures, and the reference by half as much: night is to stay night, if easier to see."""
    gain = np.float32(2 ** (-stops / _GAMMA))
    thumb *= gain
    planes[:6] *= gain
    planes[6:] *= np.sqrt(gain)


def _add_noise(under: Floats, random: np.random.Generator) -> None:
    """Sensor noise, strongest in black, in steps of 8 bits."""
    spread = np.float32(random.uniform(*_NOISE_LEVELS) / 255)
    noise = random.standard_normal(under.shape, np.float32) * spread * (1 - np.float32(0.7) * under)
    under[:] = np.round(np.clip(under + noise, 0, 1) * 255) / 255


def _compress(exposures: Floats, quality: int) -> None:
    """Through JPEG and back, each exposure by itself; the reference stays clean."""
    import imagecodecs

    for picture in np.split(exposures, 2):
        pixels = np.ascontiguousarray(np.rint(picture.transpose(1, 2, 0) * 255).astype(np.uint8))
        picture[:] = _planes(imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(pixels, level=quality)))
