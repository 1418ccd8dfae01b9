"""The gain map of an HDR JPEG: how many stops brighter than the fused picture each place is on an HDR screen."""

from typing import Any

import numpy as np

from lightfuse.colorspace import LUMINANCE_WEIGHTS, srgb_to_linear
from lightfuse.hdr.merge import Array, Floats
from lightfuse.images.pixels import look_up, table_size

MAX_STOPS = 3.0
"""Eight times the fused picture's white: what the brightest screens of phones and tablets show."""

OFFSET = 1 / 64
"""Added to both sides of the ratio, as the format specifies, so that black has a gain of 1."""

_SHRINK = 4
_ROWS_AT_ONCE = 64 * _SHRINK
_MIDDLE = (0.02, 0.6)  # linear luminance in the fused picture that counts as neither shadow nor highlight
_ONSET = 1.0  # stops up to which the gain comes in gradually
_ROLL_OFF = 1.0  # stops below the largest gain from which it is compressed
_BRIGHT = (-3.5, -1.0)  # stops relative to the picture's white: no gain below the first, all of it from the second


def gain_map(fused: Array, radiance: Floats) -> Floats:
    """The gain that restores a fused picture's highlights to their true luminance relative to the mid-tones.

    The radiance is scaled to agree with the picture in the median over its mid-tones. Where it is brighter than the
    picture, the picture was compressed: there the gain is that difference, in full from one stop on, and from one stop
    below `MAX_STOPS` compressed so as to reach that only at infinity. Shadows and dark tones, from three stops below
    white, have no gain: they stay as the picture has them.

    Args:
        fused: RGB, H×W×3, uint8, uint16 or float32 in [0, 1], sRGB-encoded.
        radiance: the merged exposures, linear, H×W×3 float32, in any unit; of the picture's size.

    Returns:
        The gain in stops, ≥ 0, float32, a quarter of the picture's height and width, rounded up. The HDR rendition is
        (linear picture + `OFFSET`)·2**gain − `OFFSET`.
    """
    shown, true = _small_luminances(fused, radiance)
    log_true = np.log2(true + np.float32(1e-6))
    stops = log_true - np.log2(shown + np.float32(1e-6))
    middle = stops[(shown > _MIDDLE[0]) & (shown < _MIDDLE[1])]
    level = np.median(middle if middle.size else stops)
    above = stops - level
    onset = np.clip(above / np.float32(_ONSET), 0, 1)  # It and the weight of highlights fade in smoothly.
    bright = np.clip((log_true - level - np.float32(_BRIGHT[0])) / np.float32(_BRIGHT[1] - _BRIGHT[0]), 0, 1)
    gain = np.maximum(above, 0) * onset * onset * (3 - 2 * onset) * (bright * bright * (3 - 2 * bright))
    # The gain itself up to `_ROLL_OFF` below the largest, then approaching that exponentially, with no kink.
    knee = np.float32(MAX_STOPS - _ROLL_OFF)
    beyond = np.maximum(gain - knee, 0) / np.float32(_ROLL_OFF)
    return np.asarray(np.minimum(gain, knee) - np.float32(_ROLL_OFF) * np.expm1(-beyond))


def light_table(dtype: np.dtype[Any]) -> Floats:
    """The linear light of each value of sRGB pictures of a dtype, for `look_up`."""
    return np.asarray(srgb_to_linear(np.linspace(0, 1, table_size(dtype))), np.float32)


def _small_luminances(fused: Array, radiance: Floats) -> tuple[Floats, Floats]:
    """Linear luminance (BT.709) of picture and radiance, area-averaged to a quarter of their size, band by band."""
    import cv2

    height, width, _ = fused.shape
    table = light_table(fused.dtype)
    weights = np.array([LUMINANCE_WEIGHTS], np.float32)
    size = (-(-width // _SHRINK), -(-height // _SHRINK))
    small = np.empty((2, size[1], size[0]), np.float32)
    for top in range(0, height, _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        for plane, band in zip(small, (look_up(fused[rows], table), radiance[rows]), strict=True):
            plain = cv2.transform(np.ascontiguousarray(band), weights)
            whole = np.pad(plain, [(0, -side % _SHRINK) for side in plain.shape], mode="edge")
            target = plane[top // _SHRINK : (top + _ROWS_AT_ONCE) // _SHRINK]
            target[...] = cv2.resize(whole, (size[0], whole.shape[0] // _SHRINK), interpolation=cv2.INTER_AREA)
    return small[0], small[1]
