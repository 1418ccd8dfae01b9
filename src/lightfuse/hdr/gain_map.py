"""The gain map: how many stops brighter than the fused picture each place is on a screen that can show it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lightfuse.errors import PictureError
from lightfuse.hdr.transfer import Array, Floats, Light, decode_srgb, look_up, luminance, steps_of

MAX_STOPS = 3.0
"""Eight times the fused picture's white: what the brightest screens of phones and tables show."""

OFFSET = 1 / 64
"""Added to both sides of the ratio, as the format has it, so that black has a gain of 1."""

_SHRINK = 4
_ROWS_AT_ONCE = 64 * _SHRINK
_MIDDLE = (0.02, 0.6)  # linear luminance in the fused picture that counts as neither shadow nor highlight
_ONSET = 1.0  # stops until which the gain comes in gradually
_ROLL_OFF = 1.0  # stops below the largest gain from which it bends
_BRIGHT = (-3.5, -1.0)  # stops against the picture's white: no gain below the first, all of it from the second
_LEAST_SPAN = 0.1


@dataclass(frozen=True)
class GainMap:
    """A gain map of one channel, as ISO 21496-1 has it.

    Attributes:
        levels: uint8, a quarter of the picture's height and width, rounded up: 0 is a gain of 0 stops, 255 one of
            ``max_stops``, linear between. The bright rendering is (linear picture + `OFFSET`)·2**gain − `OFFSET`.
        max_stops: the largest gain, and the screen's headroom from which all of it is shown.
    """

    levels: NDArray[np.uint8]
    max_stops: float


def gain_map(fused: Array, light: Light, max_stops: float = MAX_STOPS) -> GainMap:
    """The gain that brings a fused picture's highlights back to their true relation.

    The light is scaled to agree with the picture in the median over its mid-tones. Where it is brighter than the
    picture, the picture compressed it: there the gain is that difference, from one stop up whole, from one stop below
    ``max_stops`` bent so as to reach that only at infinity. Shadows and dark tones, from three stops below white, have
    no gain: they stay as the picture has them, opened or closed.

    Args:
        fused: RGB, H×W×3, uint8, uint16 or float32 in [0, 1], sRGB-encoded.
        light: the merged light, linear, H×W×3 float32, in any unit.
        max_stops: 1 and above.

    Raises:
        PictureError: the two differ in size.
    """
    if fused.shape != light.shape:
        raise PictureError(
            f"the merged light is {light.shape[1]}×{light.shape[0]} pixels, the fused picture "
            f"{fused.shape[1]}×{fused.shape[0]}; merge frames of the picture's own size"
        )
    shown, true = _small_luminances(fused, light)
    stops = np.log2(true + np.float32(1e-6)) - np.log2(shown + np.float32(1e-6))
    middle = stops[(shown > _MIDDLE[0]) & (shown < _MIDDLE[1])]
    level = np.median(middle if middle.size else stops)
    gain = _rolled_off(_risen(stops - level) * _brightness(np.log2(true + np.float32(1e-6)) - level), max_stops)
    largest = max(_LEAST_SPAN, float(gain.max()))
    levels = np.rint(gain * np.float32(255 / largest)).astype(np.uint8)
    return GainMap(levels, largest)


def _small_luminances(fused: Array, light: Light) -> tuple[Floats, Floats]:
    """Linear luminance of picture and light, area-averaged to a quarter, band by band."""
    import cv2

    height, width, _ = fused.shape
    table = np.asarray(decode_srgb(np.linspace(0, 1, steps_of(fused.dtype))), np.float32)
    size = (-(-width // _SHRINK), -(-height // _SHRINK))
    small = np.empty((2, size[1], size[0]), np.float32)
    for top in range(0, height, _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        for plane, band in zip(small, (look_up(fused[rows], table), light[rows]), strict=True):
            whole = _padded(luminance(np.ascontiguousarray(band)))
            target = plane[top // _SHRINK : (top + _ROWS_AT_ONCE) // _SHRINK]
            target[...] = cv2.resize(whole, (size[0], whole.shape[0] // _SHRINK), interpolation=cv2.INTER_AREA)
    return small[0], small[1]


def _padded(plane: Floats) -> Floats:
    """The plane with its last row and column repeated up to a multiple of `_SHRINK`."""
    below, right = -plane.shape[0] % _SHRINK, -plane.shape[1] % _SHRINK
    return np.pad(plane, ((0, below), (0, right)), mode="edge") if below or right else plane


def _risen(stops: Floats) -> Floats:
    """0 below 0, the stops themselves from `_ONSET` on, and smooth between."""
    place = np.clip(stops / np.float32(_ONSET), 0, 1)
    risen: Floats = np.maximum(stops, 0) * place * place * (3 - 2 * place)
    return risen


def _brightness(stops: Floats) -> Floats:
    """How much of a highlight light is, 0 to 1, by its stops against the picture's white."""
    place = np.clip((stops - np.float32(_BRIGHT[0])) / np.float32(_BRIGHT[1] - _BRIGHT[0]), 0, 1)
    weight: Floats = place * place * (3 - 2 * place)
    return weight


def _rolled_off(gain: Floats, largest: float) -> Floats:
    """The gain itself up to `_ROLL_OFF` below the largest, then bending towards it with the same slope."""
    knee = np.float32(largest - _ROLL_OFF)
    beyond = np.maximum(gain - knee, 0) / np.float32(_ROLL_OFF)
    bent: Floats = np.minimum(gain, knee) - np.float32(_ROLL_OFF) * np.expm1(-beyond)
    return bent
